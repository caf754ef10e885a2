//! Messages that are published later, once or again and again.

use bytes::Bytes;
use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use troupe_codecs::api::{ApiError, SECOND, StreamConfig, Timestamp, errors, headers};
use troupe_codecs::conf::parse_duration;
use troupe_codecs::header;
use troupe_codecs::subject::is_valid_publish;

use super::config::collide;
use super::ingest::{Incoming, LastMessage, LastMessages};
use super::publish::{PublishHeaders, parse_ttl};

/// What the headers of a message say about schedules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScheduleCheck<'a> {
    /// When it is due.
    pub(super) due: Option<i64>,
    /// It gets the header that makes it the only one of its subject.
    pub(super) needs_rollup: bool,
    /// Subject of the schedule it ends.
    pub(super) ends: Option<&'a [u8]>,
}

/// When a schedule is due, and whether again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Nanoseconds since 1970.
    pub at: i64,
    /// It comes again.
    pub repeats: bool,
}

/// Checks what a message says about schedules.
pub(super) fn check_schedule<'a>(
    found: &PublishHeaders<'a>,
    message: Incoming<'a>,
    config: &StreamConfig,
    last: &mut dyn LastMessages,
) -> Result<ScheduleCheck<'a>, ApiError> {
    let mut check = ScheduleCheck::default();
    if message.is_sourced {
        return Ok(check);
    }
    let has_zone = header::get(message.headers, headers::SCHEDULE_TIME_ZONE).is_some();
    if !found.schedule.is_empty() || has_zone {
        let due = due(message.headers, message.now, message.now);
        if !config.allow_msg_schedules && (due.is_err() || !found.schedule.is_empty()) {
            return Err(errors::MESSAGE_SCHEDULES_DISABLED.error());
        }
        if let Some(due) = due? {
            check_new(found, message, config)?;
            check.due = Some(due.at);
            check.needs_rollup = found.rollup.is_empty();
        }
    }
    check.ends = check_end(found, message, config, last)?;
    Ok(check)
}

fn check_new(found: &PublishHeaders<'_>, message: Incoming<'_>, config: &StreamConfig) -> Result<(), ApiError> {
    if parse_ttl(found.schedule_ttl).is_err() {
        return Err(errors::MESSAGE_SCHEDULES_TTL_INVALID.error());
    }
    let is_subject_rollup = |value: &[u8]| value.is_empty() || value == b"sub";
    if !is_subject_rollup(found.schedule_rollup) {
        return Err(errors::MESSAGE_SCHEDULES_ROLLUP_INVALID.error());
    }
    if !found.schedule_ttl.is_empty() && !config.allow_msg_ttl {
        return Err(errors::MESSAGE_TTL_DISABLED.error());
    }
    let (target, source) = (found.schedule_target, found.schedule_source);
    if !is_valid_publish(target) || target == message.subject {
        return Err(errors::MESSAGE_SCHEDULES_TARGET_INVALID.error());
    }
    if !source.is_empty() && (source == target || source == message.subject || !is_valid_publish(source)) {
        return Err(errors::MESSAGE_SCHEDULES_SOURCE_INVALID.error());
    }
    let is_inside = |subject: &[u8]| {
        let subject = String::from_utf8_lossy(subject);
        config.subjects.iter().any(|own| collide(own, &subject))
    };
    if !is_inside(target) {
        return Err(errors::MESSAGE_SCHEDULES_TARGET_INVALID.error());
    }
    if !source.is_empty() && !is_inside(source) {
        return Err(errors::MESSAGE_SCHEDULES_SOURCE_INVALID.error());
    }
    if !is_subject_rollup(&found.rollup.to_ascii_lowercase()) {
        return Err(errors::MESSAGE_SCHEDULES_ROLLUP_INVALID.error());
    }
    Ok(())
}

fn check_end<'a>(
    found: &PublishHeaders<'a>,
    message: Incoming<'_>,
    config: &StreamConfig,
    last: &mut dyn LastMessages,
) -> Result<Option<&'a [u8]>, ApiError> {
    let invalid = || errors::MESSAGE_SCHEDULES_SCHEDULER_INVALID.error();
    let scheduler = found.scheduler;
    if found.schedule_next.is_empty() {
        return if scheduler.is_empty() { Ok(None) } else { Err(invalid()) };
    }
    if found.schedule_next != b"purge" || scheduler == message.subject || !is_valid_publish(scheduler) {
        return Err(invalid());
    }
    if !config.allow_msg_schedules {
        return Err(errors::MESSAGE_SCHEDULES_DISABLED.error());
    }
    let is_schedule = |last: LastMessage| header::get(&last.headers, headers::SCHEDULE).is_some();
    if last.last(scheduler).is_some_and(|last| !is_schedule(last)) {
        return Err(invalid());
    }
    Ok(Some(scheduler))
}

/// When the schedule in a header block is due, counted from `from`; `None` when there is none. What is late is due once, counted from
/// `now`.
///
/// # Errors
/// The pattern or the time zone is none.
pub fn due(block: &[u8], from: i64, now: i64) -> Result<Option<Due>, ApiError> {
    let text = |name: &str| header::get(block, name).map(|value| String::from_utf8_lossy(value).into_owned());
    let zone = match text(headers::SCHEDULE_TIME_ZONE) {
        Some(name) => {
            let zone: Result<Tz, _> = name.parse();
            Some(zone.map_err(|_| errors::MESSAGE_SCHEDULES_TIME_ZONE_INVALID.error())?)
        }
        None => None,
    };
    let pattern = text(headers::SCHEDULE).unwrap_or_default();
    if pattern.is_empty() {
        return Ok(None);
    }
    parse_pattern(&pattern, zone, from, now).map(Some).ok_or_else(|| errors::MESSAGE_SCHEDULES_PATTERN_INVALID.error())
}

fn parse_pattern(pattern: &str, zone: Option<Tz>, from: i64, now: i64) -> Option<Due> {
    if let Some(time) = pattern.strip_prefix("@at ") {
        let at = Timestamp::parse(time)?.nanos();
        return zone.is_none().then_some(Due { at, repeats: false });
    }
    if let Some(interval) = pattern.strip_prefix("@every ") {
        let interval = parse_duration(interval).ok().filter(|interval| *interval >= SECOND && zone.is_none())?;
        let at = rounded(from).saturating_add(interval);
        let at = if at < now { rounded(now).saturating_add(interval) } else { at };
        return Some(Due { at, repeats: true });
    }
    let pattern = match pattern {
        "@yearly" | "@annually" => "0 0 0 1 1 *",
        "@monthly" => "0 0 0 1 * *",
        "@weekly" => "0 0 0 * * 0",
        "@daily" | "@midnight" => "0 0 0 * * *",
        "@hourly" => "0 0 * * * *",
        other => other,
    };
    let cron = super::cron::Cron::parse(pattern)?;
    let next = |from: i64| match zone {
        Some(zone) => cron.next(&zone.timestamp_nanos(from))?.timestamp_nanos_opt(),
        None => cron.next(&DateTime::<Utc>::from_timestamp_nanos(from))?.timestamp_nanos_opt(),
    };
    let at = next(from)?;
    let at = if at < now { next(rounded(now))? } else { at };
    Some(Due { at, repeats: true })
}

/// The nearest full second.
fn rounded(nanos: i64) -> i64 {
    nanos.saturating_add(SECOND / 2).div_euclid(SECOND) * SECOND
}

/// A message a schedule publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Where to.
    pub target: Vec<u8>,
    /// Headers.
    pub headers: Vec<u8>,
    /// Payload.
    pub payload: Bytes,
    /// When the schedule is due again.
    pub next: Option<i64>,
}

/// What the schedule that is stored on `subject` and due at `due_at` publishes; `None` when it is none any more.
pub fn fire(
    subject: &[u8],
    stored: &LastMessage,
    due_at: i64,
    now: i64,
    last: &mut dyn LastMessages,
) -> Option<Scheduled> {
    let found = PublishHeaders::parse(&stored.headers);
    let next = due(&stored.headers, due_at, now).ok()??;
    if parse_ttl(found.schedule_ttl).is_err() || found.schedule_target.is_empty() {
        return None;
    }
    let source = if found.schedule_source.is_empty() { None } else { last.last(found.schedule_source) };
    let content = source.as_ref().unwrap_or(stored);
    let is_unwanted = |name: &[u8]| {
        name.starts_with(b"Nats-Schedule")
            || name.starts_with(b"Nats-Expected-")
            || [headers::MSG_ID, headers::TTL, headers::ROLLUP].iter().any(|unwanted| name == unwanted.as_bytes())
    };
    let kept = header::without(&content.headers, is_unwanted);
    let next_text = if next.repeats { Timestamp::from_nanos(next.at).to_string() } else { "purge".to_owned() };
    let mut more = vec![(headers::SCHEDULER, subject), (headers::SCHEDULE_NEXT, next_text.as_bytes())];
    if !found.schedule_ttl.is_empty() {
        more.push((headers::TTL, found.schedule_ttl));
    }
    if !found.schedule_rollup.is_empty() {
        more.push((headers::ROLLUP, found.schedule_rollup));
    }
    let mut block = Vec::new();
    header::append(&mut block, &kept, &more);
    Some(Scheduled {
        target: found.schedule_target.to_vec(),
        headers: block,
        payload: content.payload.clone(),
        next: next.repeats.then_some(next.at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(pattern: &str, zone: Option<&str>) -> Vec<u8> {
        let block = header::with(b"", headers::SCHEDULE, pattern.as_bytes());
        match zone {
            Some(zone) => header::with(&block, headers::SCHEDULE_TIME_ZONE, zone.as_bytes()),
            None => block,
        }
    }

    #[test]
    fn patterns_say_when() {
        let now = 1_700_000_000 * SECOND;
        let at =
            |pattern: &str| due(&block(pattern, None), now, now).ok().flatten().map(|due| (due.at - now, due.repeats));
        assert_eq!(at("@at 2023-11-14T22:13:21Z"), Some((SECOND, false)));
        assert_eq!(at("@every 5s"), Some((5 * SECOND, true)));
        assert_eq!((at("@every 500ms"), at("@at never"), at("soon")), (None, None, None));
        assert_eq!(at("@hourly"), Some((2800 * SECOND, true)));
        let berlin = due(&block("0 0 0 * * *", Some("Europe/Berlin")), now, now).unwrap().unwrap();
        assert_eq!(Timestamp::from_nanos(berlin.at).to_string(), "2023-11-14T23:00:00Z");
        assert!(due(&block("@hourly", Some("Nowhere/Else")), now, now).is_err());
    }

    #[test]
    fn what_is_late_comes_once() {
        let now = 1_700_000_000 * SECOND;
        let late = due(&block("@every 10s", None), now - 1000 * SECOND, now).unwrap().unwrap();
        assert_eq!(late.at, now + 10 * SECOND);
    }
}
