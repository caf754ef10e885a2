//! Whether a published message is stored, and as what. The checks come in the order of nats-server.

use std::borrow::Cow;

use bytes::Bytes;
use troupe_codecs::api::{ApiError, StreamConfig, errors, headers};
use troupe_codecs::header;
use troupe_codecs::quote::quote;

use super::counter::{Counted, count, parse_increment};
use super::dedupe::Dedupe;
use super::publish::{Lifetime, PublishHeaders, Rollup, parse_ttl};
use super::schedule::{ScheduleCheck, check_schedule};

/// Most bytes of headers.
const MAX_HEADERS: usize = u16::MAX as usize;

/// The newest message of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMessage {
    /// Sequence.
    pub seq: u64,
    /// Headers.
    pub headers: Bytes,
    /// Payload.
    pub payload: Bytes,
}

/// Finds the newest message of a subject.
pub trait LastMessages {
    /// It, if there is one.
    fn last(&mut self, subject: &[u8]) -> Option<LastMessage>;
}

/// A published message.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Subject it will have.
    pub subject: &'a [u8],
    /// Headers.
    pub headers: &'a [u8],
    /// Payload.
    pub payload: &'a [u8],
    /// It comes from a stream that has checked it.
    pub is_sourced: bool,
    /// Now, nanoseconds since 1970.
    pub now: i64,
}

/// What the stream knows when a message comes.
#[derive(Clone, Copy, Debug)]
pub struct StreamView<'a> {
    /// Configuration.
    pub config: &'a StreamConfig,
    /// The last sequence.
    pub last_seq: u64,
    /// Id of the last message.
    pub last_msg_id: &'a [u8],
    /// Ids within the window.
    pub dedupe: &'a Dedupe,
    /// Largest message the server takes.
    pub max_payload: usize,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is stored.
    Store(Accepted<'a>),
    /// It was stored before, under this sequence.
    Duplicate(u64),
    /// It is refused.
    Refuse(ApiError),
}

/// A message that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// Headers.
    pub headers: Cow<'a, [u8]>,
    /// Payload.
    pub payload: Cow<'a, [u8]>,
    /// Time to live.
    pub lifetime: Lifetime,
    /// Id; empty when there is none.
    pub msg_id: &'a [u8],
    /// What it replaces.
    pub rollup: Rollup,
    /// New total of a counter.
    pub counter: Option<String>,
    /// When it is published, as a schedule.
    pub schedule: Option<i64>,
    /// Subject of the schedule it ends.
    pub ends_schedule: Option<&'a [u8]>,
}

/// Decides about a message.
pub fn decide<'a>(message: Incoming<'a>, stream: StreamView<'_>, last: &mut dyn LastMessages) -> Verdict<'a> {
    let outcome = if message.headers.is_empty() {
        decide_plain(message, stream)
    } else {
        decide_with_headers(message, stream, last)
    };
    outcome.unwrap_or_else(Verdict::Refuse)
}

#[inline]
fn decide_plain<'a>(message: Incoming<'a>, stream: StreamView<'_>) -> Result<Verdict<'a>, ApiError> {
    let config = stream.config;
    if config.sealed {
        return Err(errors::STREAM_SEALED.error());
    }
    if config.allow_msg_counter {
        return Err(errors::MESSAGE_INCR_MISSING.error());
    }
    check_size(config, 0, message.payload.len())?;
    let payload = Cow::Borrowed(message.payload);
    Ok(Verdict::Store(Accepted { payload, ..Accepted::default() }))
}

fn decide_with_headers<'a>(
    message: Incoming<'a>,
    stream: StreamView<'_>,
    last: &mut dyn LastMessages,
) -> Result<Verdict<'a>, ApiError> {
    let config = stream.config;
    if config.sealed {
        return Err(errors::STREAM_SEALED.error());
    }
    check_size(config, message.headers.len(), message.payload.len())?;
    let found = PublishHeaders::parse(message.headers);
    let increment = check_increment(&found, message, config)?;
    check_expectations(&found, message, stream, last)?;
    let schedule = check_schedule(&found, message, config, last)?;
    if !message.is_sourced && !found.stream_source.is_empty() {
        return Err(errors::MESSAGE_SOURCE_HDR_NOT_ALLOWED.error());
    }
    if config.mirror.is_none()
        && !found.msg_id.is_empty()
        && let Some(seq) = stream.dedupe.get(found.msg_id)
    {
        return Ok(Verdict::Duplicate(seq));
    }
    if !found.expected_last_msg_id.is_empty() && found.expected_last_msg_id != stream.last_msg_id {
        return Err(errors::STREAM_WRONG_LAST_MSG_ID.with(String::from_utf8_lossy(stream.last_msg_id)));
    }
    let rollup = check_rollup(&found, message, config, &schedule)?;
    let mut accepted = Accepted {
        headers: Cow::Borrowed(message.headers),
        payload: Cow::Borrowed(message.payload),
        msg_id: found.msg_id,
        rollup,
        schedule: schedule.due,
        ends_schedule: schedule.ends,
        ..Accepted::default()
    };
    if found.has_request_info {
        accepted.headers = header::without(message.headers, |name| name == headers::REQUEST_INFO.as_bytes()).into();
    }
    if schedule.needs_rollup {
        accepted.headers = header::with(&accepted.headers, headers::ROLLUP, b"sub").into();
    }
    match increment {
        None if config.allow_msg_counter => return Err(errors::MESSAGE_INCR_MISSING.error()),
        Some(increment) if config.allow_msg_counter => {
            let newest = last.last(message.subject);
            let Counted { headers, payload, value } =
                count(message.subject, &accepted.headers, message.payload, increment, newest.as_ref())?;
            if headers.len() + payload.len() > stream.max_payload {
                return Err(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
            }
            (accepted.headers, accepted.payload, accepted.counter) = (headers.into(), payload.into(), Some(value));
        }
        _ => {}
    }
    check_size(config, accepted.headers.len(), accepted.payload.len())?;
    if accepted.headers.len() > MAX_HEADERS {
        return Err(errors::STREAM_HEADER_EXCEEDS_MAXIMUM.error());
    }
    set_lifetime(&mut accepted, &found, config)?;
    Ok(Verdict::Store(accepted))
}

fn check_size(config: &StreamConfig, headers: usize, payload: usize) -> Result<(), ApiError> {
    match usize::try_from(config.max_msg_size) {
        Ok(max) if headers + payload > max => Err(errors::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error()),
        _ => Ok(()),
    }
}

fn check_increment(
    found: &PublishHeaders<'_>,
    message: Incoming<'_>,
    config: &StreamConfig,
) -> Result<Option<num_bigint::BigInt>, ApiError> {
    if found.incr.is_empty() {
        return Ok(None);
    }
    let invalid = || errors::MESSAGE_INCR_INVALID.error();
    let increment = parse_increment(found.incr).ok_or_else(invalid)?;
    if message.is_sourced {
        return Ok(Some(increment));
    }
    if !config.allow_msg_counter {
        return Err(errors::MESSAGE_INCR_DISABLED.error());
    }
    if !message.payload.is_empty() {
        return Err(errors::MESSAGE_INCR_PAYLOAD.error());
    }
    let texts = [found.rollup, found.expected_stream, found.expected_last_msg_id, found.expected_last_subject];
    let has_expectation = found.expected_last_seq.is_some() || found.expected_last_subject_seq.is_some();
    if has_expectation || texts.iter().any(|text| !text.is_empty()) {
        return Err(invalid());
    }
    Ok(Some(increment))
}

fn check_expectations(
    found: &PublishHeaders<'_>,
    message: Incoming<'_>,
    stream: StreamView<'_>,
    last: &mut dyn LastMessages,
) -> Result<(), ApiError> {
    let config = stream.config;
    if !found.expected_stream.is_empty() && found.expected_stream != config.name.as_bytes() {
        return Err(errors::STREAM_NOT_MATCH.error());
    }
    let has_ttl = !found.ttl.is_empty() && !matches!(parse_ttl(found.ttl), Ok(Lifetime::Limits) | Err(_));
    if has_ttl && !message.is_sourced && !config.allow_msg_ttl {
        return Err(errors::MESSAGE_TTL_DISABLED.error());
    }
    if let Some(expected) = found.expected_last_subject_seq {
        let other = found.expected_last_subject;
        let subject = if other.is_empty() { message.subject } else { other };
        let seq = last.last(subject).map_or(0, |last| last.seq);
        if seq != expected {
            return Err(errors::STREAM_WRONG_LAST_SEQUENCE.with(seq));
        }
    } else if !found.expected_last_subject.is_empty() {
        return Err(errors::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_INVALID.error());
    }
    if found.expected_last_seq.is_some_and(|expected| expected != stream.last_seq) {
        return Err(errors::STREAM_WRONG_LAST_SEQUENCE.with(stream.last_seq));
    }
    Ok(())
}

fn check_rollup(
    found: &PublishHeaders<'_>,
    message: Incoming<'_>,
    config: &StreamConfig,
    schedule: &ScheduleCheck<'_>,
) -> Result<Rollup, ApiError> {
    if schedule.needs_rollup {
        return Ok(Rollup::Subject);
    }
    if found.rollup.is_empty() {
        return Ok(Rollup::None);
    }
    let is_allowed = config.allow_rollup && !config.deny_purge;
    if !is_allowed && !message.is_sourced {
        return Err(errors::STREAM_ROLLUP_FAILED.with("rollup not permitted"));
    }
    let rollup = match found.rollup.to_ascii_lowercase().as_slice() {
        b"sub" => Rollup::Subject,
        b"all" => Rollup::All,
        other => {
            let text = format!("rollup value invalid: {}", quote(other));
            return Err(errors::STREAM_ROLLUP_FAILED.with(text));
        }
    };
    Ok(if is_allowed { rollup } else { Rollup::None })
}

fn set_lifetime(
    accepted: &mut Accepted<'_>,
    found: &PublishHeaders<'_>,
    config: &StreamConfig,
) -> Result<(), ApiError> {
    accepted.lifetime = parse_ttl(found.ttl)?;
    let least = u64::try_from(config.subject_delete_marker_ttl / troupe_codecs::api::SECOND).unwrap_or(0);
    if let Lifetime::Seconds(seconds) = accepted.lifetime
        && seconds < least
        && config.max_msgs_per != 1
    {
        let block = header::without(&accepted.headers, |name| name == headers::TTL.as_bytes());
        accepted.headers = header::with(&block, headers::TTL, least.to_string().as_bytes()).into();
        accepted.lifetime = Lifetime::Seconds(least);
    }
    Ok(())
}
