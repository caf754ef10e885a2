//! Durations as Go writes them: `1h30m`, `10ms`, `-1.5s`.

use std::fmt::Write as _;

/// Why a text is no duration. The words are those of Go's `time.ParseDuration`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form, or more than about 292 years.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    /// A unit that is none of `ns`, `us`, `ms`, `s`, `m`, `h`.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

/// Parses a duration into nanoseconds, negative when it starts with a minus sign.
///
/// # Errors
/// When the text is no duration.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (nanoseconds, left) = part(rest, text)?;
        total += nanoseconds;
        rest = left;
        if total > i128::from(i64::MAX) + 1 {
            return Err(invalid());
        }
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

/// Reads one number with its unit: nanoseconds and what is left.
fn part<'a>(rest: &'a str, text: &str) -> Result<(i128, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (whole, after) = split_digits(rest);
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
    let (unit, left) = after.split_at(unit_end);
    if unit.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let scale =
        scale(unit).ok_or_else(|| DurationError::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    // Digits beyond the nanosecond are dropped; 18 are enough for an hour.
    let fraction = &fraction[..fraction.len().min(18)];
    let fraction_value: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| invalid())? };
    let digits = u32::try_from(fraction.len()).map_err(|_| invalid())?;
    Ok((i128::from(whole) * scale + fraction_value * scale / 10_i128.pow(digits), left))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn scale(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Writes nanoseconds as Go's `time.Duration` does: `2m0s`, `1.5s`, `50ms`, `0s`.
#[must_use]
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}\u{b5}s", decimal(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(total, 1_000_000)),
        _ => {
            let seconds = total / 1_000_000_000;
            let mut text = sign.to_owned();
            if seconds >= 3600 {
                let _ = write!(text, "{}h", seconds / 3600);
            }
            if seconds >= 60 {
                let _ = write!(text, "{}m", seconds / 60 % 60);
            }
            let _ = write!(text, "{}s", decimal(total % 60_000_000_000, 1_000_000_000));
            text
        }
    }
}

/// `total / unit` with as many decimals as needed; `unit` is a power of ten.
fn decimal(total: u64, unit: u64) -> String {
    let fraction = total % unit;
    if fraction == 0 {
        return (total / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    let text = format!("{}.{fraction:0width$}", total / unit);
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_and_print_as_in_go() {
        let cases = [
            ("0", 0, "0s"),
            ("1ns", 1, "1ns"),
            ("1500ns", 1_500, "1.5\u{b5}s"),
            ("50ms", 50_000_000, "50ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("2m", 120_000_000_000, "2m0s"),
            ("1h30m5s", 5_405_000_000_000, "1h30m5s"),
            ("-1.5h", -5_400_000_000_000, "-1h30m0s"),
            (".5s", 500_000_000, "500ms"),
            ("1.s", 1_000_000_000, "1s"),
            ("2562047h47m16.854775807s", i64::MAX, "2562047h47m16.854775807s"),
        ];
        for (text, nanoseconds, printed) in cases {
            assert_eq!(parse_duration(text), Ok(nanoseconds), "{text}");
            assert_eq!(format_duration(nanoseconds), printed, "{text}");
        }
    }

    #[test]
    fn errors_are_gos() {
        let cases = [
            ("", "time: invalid duration \"\""),
            ("-", "time: invalid duration \"-\""),
            ("abc", "time: invalid duration \"abc\""),
            (".s", "time: invalid duration \".s\""),
            ("10", "time: missing unit in duration \"10\""),
            ("10d", "time: unknown unit \"d\" in duration \"10d\""),
            ("1s x", "time: unknown unit \"s x\" in duration \"1s x\""),
            ("2562047h47m16.854775808s", "time: invalid duration \"2562047h47m16.854775808s\""),
            ("99999999999999999999s", "time: invalid duration \"99999999999999999999s\""),
        ];
        for (text, error) in cases {
            assert_eq!(parse_duration(text).map_err(|e| e.to_string()), Err(error.to_owned()), "{text}");
        }
    }
}
