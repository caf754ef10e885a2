//! Cron patterns with six fields: second, minute, hour, day of the month, month, day of the week.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeZone, Timelike};

/// Years after which a pattern that matches nothing is given up.
const MAX_YEARS: i32 = 5;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The values of one field, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    /// It says "any".
    is_star: bool,
}

/// What a field may say.
struct Bounds {
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

impl Bounds {
    const fn new(min: u32, max: u32) -> Self {
        Self { min, max, names: &[] }
    }
}

impl Field {
    fn has(self, value: u32) -> bool {
        self.bits & (1 << value) != 0
    }

    fn parse(text: &str, bounds: &Bounds) -> Option<Self> {
        let mut field = Self { bits: 0, is_star: false };
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (bits, is_star) = parse_range(part, bounds)?;
            field.bits |= bits;
            field.is_star |= is_star;
        }
        Some(field)
    }
}

fn parse_range(text: &str, bounds: &Bounds) -> Option<(u64, bool)> {
    let (range, step) = match text.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let (low, high) = match range.split_once('-') {
        Some((low, high)) => (low, Some(high)),
        None => (range, None),
    };
    let is_star = low == "*" || low == "?";
    let (start, end) = if is_star {
        (bounds.min, bounds.max)
    } else {
        let start = parse_value(low, bounds)?;
        let end = match high {
            Some(high) => parse_value(high, bounds)?,
            None if step.is_some() => bounds.max,
            None => start,
        };
        (start, end)
    };
    let step_by = step.unwrap_or(1);
    if start < bounds.min || end > bounds.max || start > end || step_by == 0 {
        return None;
    }
    let bits = (start..=end).step_by(step_by as usize).fold(0, |bits, value| bits | (1 << value));
    Some((bits, is_star && step_by == 1))
}

fn parse_value(text: &str, bounds: &Bounds) -> Option<u32> {
    let named = bounds.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    match named {
        Some(place) => Some(place as u32 + bounds.min),
        None => text.parse().ok(),
    }
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    second: Field,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Cron {
    /// Reads a pattern; `None` when it is none.
    #[must_use]
    pub fn parse(pattern: &str) -> Option<Self> {
        let fields: Vec<&str> = pattern.split_whitespace().collect();
        let [second, minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        Some(Self {
            second: Field::parse(second, &Bounds::new(0, 59))?,
            minute: Field::parse(minute, &Bounds::new(0, 59))?,
            hour: Field::parse(hour, &Bounds::new(0, 23))?,
            day: Field::parse(day, &Bounds::new(1, 31))?,
            month: Field::parse(month, &Bounds { min: 1, max: 12, names: &MONTHS })?,
            weekday: Field::parse(weekday, &Bounds { min: 0, max: 6, names: &DAYS })?,
        })
    }

    /// The first second after `after` that matches; `None` when there is none for years.
    #[must_use]
    pub fn next<Z: TimeZone>(&self, after: &DateTime<Z>) -> Option<DateTime<Z>> {
        let zone = after.timezone();
        let start = after.naive_local().date();
        let mut date = start;
        while date.year() <= start.year() + MAX_YEARS {
            if !self.month.has(date.month()) {
                date = first_of_next_month(date)?;
                continue;
            }
            if self.matches_day(date) {
                let from = if date == start { after.time() } else { NaiveTime::MIN };
                if let Some(found) = self.next_in_day(&zone, date, from, after) {
                    return Some(found);
                }
            }
            date = date.checked_add_days(Days::new(1))?;
        }
        None
    }

    fn matches_day(&self, date: NaiveDate) -> bool {
        let in_month = self.day.has(date.day());
        let in_week = self.weekday.has(date.weekday().num_days_from_sunday());
        if self.day.is_star || self.weekday.is_star { in_month && in_week } else { in_month || in_week }
    }

    fn next_in_day<Z: TimeZone>(
        &self,
        zone: &Z,
        date: NaiveDate,
        from: NaiveTime,
        after: &DateTime<Z>,
    ) -> Option<DateTime<Z>> {
        for hour in (from.hour()..24).filter(|hour| self.hour.has(*hour)) {
            let first_minute = if hour == from.hour() { from.minute() } else { 0 };
            for minute in (first_minute..60).filter(|minute| self.minute.has(*minute)) {
                for second in (0..60).filter(|second| self.second.has(*second)) {
                    let Some(local) = date.and_hms_opt(hour, minute, second) else { continue };
                    let found = zone.from_local_datetime(&local).earliest().filter(|found| found > after);
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }
}

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    let (year, month) = if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    NaiveDate::from_ymd_opt(year, month, 1)
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn next(pattern: &str, after: &str) -> Option<String> {
        let after: DateTime<Utc> = after.parse().unwrap();
        Cron::parse(pattern)?.next(&after).map(|time| time.to_rfc3339())
    }

    #[test]
    fn the_next_second_is_found() {
        for (pattern, after, expected) in [
            ("* * * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01+00:00"),
            ("0 */15 * * * *", "2026-01-01T00:07:30Z", "2026-01-01T00:15:00+00:00"),
            ("30 0 12 * * *", "2026-01-01T13:00:00Z", "2026-01-02T12:00:30+00:00"),
            ("0 0 0 1 1 *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00+00:00"),
            ("0 0 0 * * sun", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00+00:00"),
            ("0 0 0 15 * mon", "2026-01-01T00:00:00Z", "2026-01-05T00:00:00+00:00"),
            ("0 0 0 29 feb *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00+00:00"),
            ("0 5-10/5 1 * * ?", "2026-01-01T01:05:00Z", "2026-01-01T01:10:00+00:00"),
        ] {
            assert_eq!(next(pattern, after).as_deref(), Some(expected), "{pattern}");
        }
        assert_eq!(next("0 0 0 31 2 *", "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "",
            "* * * * *",
            "60 * * * * *",
            "* * * 0 * *",
            "* * * * * 7",
            "5-1 * * * * *",
            "*/0 * * * * *",
            "x * * * * *",
        ] {
            assert_eq!(Cron::parse(pattern), None, "{pattern}");
        }
    }
}
