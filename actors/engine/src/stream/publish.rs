//! Headers of a published message that a stream acts on.

use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::conf::parse_duration;
use troupe_codecs::header;

/// How long a message lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// As the stream says.
    #[default]
    Limits,
    /// For ever.
    Never,
    /// This many seconds.
    Seconds(u64),
}

/// What a message replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rollup {
    /// Nothing.
    #[default]
    None,
    /// What is before it on its subject.
    Subject,
    /// What is before it in the stream.
    All,
}

/// Headers of a published message that a stream acts on. Absent and empty are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublishHeaders<'a> {
    /// Id, which counts once.
    pub msg_id: &'a [u8],
    /// The stream that is meant.
    pub expected_stream: &'a [u8],
    /// The last sequence.
    pub expected_last_seq: Option<u64>,
    /// The last sequence of a subject.
    pub expected_last_subject_seq: Option<u64>,
    /// That subject.
    pub expected_last_subject: &'a [u8],
    /// The last id.
    pub expected_last_msg_id: &'a [u8],
    /// What the message replaces.
    pub rollup: &'a [u8],
    /// Time to live.
    pub ttl: &'a [u8],
    /// Increment of a counter.
    pub incr: &'a [u8],
    /// Where it comes from.
    pub stream_source: &'a [u8],
    /// When it is published.
    pub schedule: &'a [u8],
    /// Where to.
    pub schedule_target: &'a [u8],
    /// With whose payload.
    pub schedule_source: &'a [u8],
    /// With which time to live.
    pub schedule_ttl: &'a [u8],
    /// Replacing what.
    pub schedule_rollup: &'a [u8],
    /// In which time zone.
    pub schedule_time_zone: &'a [u8],
    /// The schedule it comes from.
    pub scheduler: &'a [u8],
    /// When it comes again.
    pub schedule_next: &'a [u8],
    /// Batch.
    pub batch_id: &'a [u8],
    /// Number in it.
    pub batch_seq: &'a [u8],
    /// It ends the batch.
    pub batch_commit: &'a [u8],
    /// Level of the API the publisher needs.
    pub required_level: &'a [u8],
    /// It tells who asks, which is not stored.
    pub has_request_info: bool,
}

impl<'a> PublishHeaders<'a> {
    /// Reads a header block.
    #[must_use]
    pub fn parse(block: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (name, value) in header::lines(block) {
            if name.starts_with(b"Nats-") {
                found.note(name, value);
            }
        }
        found
    }

    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let field = match name {
            headers::MSG_ID => &mut self.msg_id,
            headers::EXPECTED_STREAM => &mut self.expected_stream,
            headers::EXPECTED_LAST_SEQ => return note_number(&mut self.expected_last_seq, value),
            headers::EXPECTED_LAST_SUBJECT_SEQ => return note_number(&mut self.expected_last_subject_seq, value),
            headers::EXPECTED_LAST_SUBJECT_SEQ_SUBJECT => &mut self.expected_last_subject,
            headers::EXPECTED_LAST_MSG_ID => &mut self.expected_last_msg_id,
            headers::ROLLUP => &mut self.rollup,
            headers::TTL => &mut self.ttl,
            headers::INCR => &mut self.incr,
            headers::STREAM_SOURCE => &mut self.stream_source,
            headers::SCHEDULE => &mut self.schedule,
            headers::SCHEDULE_TARGET => &mut self.schedule_target,
            headers::SCHEDULE_SOURCE => &mut self.schedule_source,
            headers::SCHEDULE_TTL => &mut self.schedule_ttl,
            headers::SCHEDULE_ROLLUP => &mut self.schedule_rollup,
            headers::SCHEDULE_TIME_ZONE => &mut self.schedule_time_zone,
            headers::SCHEDULER => &mut self.scheduler,
            headers::SCHEDULE_NEXT => &mut self.schedule_next,
            headers::BATCH_ID => &mut self.batch_id,
            headers::BATCH_SEQ => &mut self.batch_seq,
            headers::BATCH_COMMIT => &mut self.batch_commit,
            headers::REQUIRED_API_LEVEL => &mut self.required_level,
            headers::REQUEST_INFO => {
                self.has_request_info = true;
                return;
            }
            _ => return,
        };
        if field.is_empty() {
            *field = value;
        }
    }
}

fn note_number(field: &mut Option<u64>, value: &[u8]) {
    if field.is_none() && !value.is_empty() {
        *field = Some(number(value).unwrap_or(u64::MAX));
    }
}

/// A number of digits only.
#[must_use]
pub fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// Reads a time to live: `never`, seconds, or a duration of at least one.
///
/// # Errors
/// It is none of these.
pub fn parse_ttl(text: &[u8]) -> Result<Lifetime, ApiError> {
    if text.is_empty() {
        return Ok(Lifetime::Limits);
    }
    if text.eq_ignore_ascii_case(b"never") {
        return Ok(Lifetime::Never);
    }
    let invalid = || errors::MESSAGE_TTL_INVALID.error();
    if let Some(seconds) = number(text) {
        return if seconds == 0 { Err(invalid()) } else { Ok(Lifetime::Seconds(seconds)) };
    }
    let text = std::str::from_utf8(text).map_err(|_| invalid())?;
    let nanos = parse_duration(text).map_err(|_| invalid())?;
    match u64::try_from(nanos / 1_000_000_000) {
        Ok(seconds) if seconds > 0 => Ok(Lifetime::Seconds(seconds)),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_once() {
        let block = b"NATS/1.0\r\nNats-Msg-Id: a\r\nNats-Msg-Id: b\r\nNats-Expected-Last-Sequence: 7\r\nX: y\r\n\r\n";
        let found = PublishHeaders::parse(block);
        assert_eq!((found.msg_id, found.expected_last_seq), (&b"a"[..], Some(7)));
        let bad = PublishHeaders::parse(b"NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: x\r\n\r\n");
        assert_eq!(bad.expected_last_subject_seq, Some(u64::MAX));
    }

    #[test]
    fn times_to_live_are_read() {
        for (text, expected) in [
            ("", Some(Lifetime::Limits)),
            ("NEVER", Some(Lifetime::Never)),
            ("0", None),
            ("5", Some(Lifetime::Seconds(5))),
            ("1m30s", Some(Lifetime::Seconds(90))),
            ("500ms", None),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(parse_ttl(text.as_bytes()).ok(), expected, "{text}");
        }
    }
}
