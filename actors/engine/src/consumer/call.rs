//! Requests of the API about consumers: read and checked as far as that goes without their stream.

use troupe_codecs::api::consumer_info::{ConsumerAction, CreateConsumerRequest};
use troupe_codecs::api::json::{self, Strictness};
use troupe_codecs::api::request::{ConsumerPauseRequest, ConsumerResetRequest, ConsumerUnpinRequest, ConsumersRequest};
use troupe_codecs::api::{ApiError, ConsumerConfig, Timestamp, errors};
use troupe_codecs::subject::tokens;

use super::config::is_valid_group;

/// A request about a consumer, or the consumers of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The stream.
    pub stream: String,
    /// The consumer; empty when it has no name yet, or all are meant.
    pub consumer: String,
    /// What is asked.
    pub verb: Verb,
}

/// What is asked of consumers.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Make it, or change it.
    Create {
        /// Its configuration.
        config: Box<ConsumerConfig>,
        /// Whether it may exist.
        action: ConsumerAction,
        /// Nothing is corrected.
        is_pedantic: bool,
    },
    /// Their names, so many skipped.
    Names(usize),
    /// All about them, so many skipped.
    List(usize),
    /// All about it.
    Info,
    /// Delete it.
    Delete,
    /// Deliver nothing before this time.
    Pause(Timestamp),
    /// Unpin the client of this group.
    Unpin(String),
    /// Begin anew with this sequence, zero for behind what is acknowledged. Only a consumer that exists tells what is wrong with it.
    Reset(Result<u64, ApiError>),
}

impl Verb {
    /// The kind of the answer, without prefix.
    #[must_use]
    pub fn answer_kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "consumer_create_response",
            Self::Names(_) => "consumer_names_response",
            Self::List(_) => "consumer_list_response",
            Self::Info => "consumer_info_response",
            Self::Delete => "consumer_delete_response",
            Self::Pause(_) => "consumer_pause_response",
            Self::Unpin(_) => "consumer_unpin_response",
            Self::Reset(_) => "consumer_reset_response",
        }
    }
}

/// The kind of the answer to a request that cannot be read, without prefix; `None` for subjects that mean nothing.
#[must_use]
pub fn answer_kind(subject: &[u8]) -> Option<&'static str> {
    let verb = subject.strip_prefix(b"$JS.API.CONSUMER.")?;
    let mut words = tokens(verb);
    Some(match (words.next()?, words.next()?) {
        (b"CREATE", _) | (b"DURABLE", b"CREATE") => "consumer_create_response",
        (b"NAMES", _) => "consumer_names_response",
        (b"LIST", _) => "consumer_list_response",
        (b"INFO", _) => "consumer_info_response",
        (b"DELETE", _) => "consumer_delete_response",
        (b"PAUSE", _) => "consumer_pause_response",
        (b"UNPIN", _) => "consumer_unpin_response",
        (b"RESET", _) => "consumer_reset_response",
        (b"LEADER", b"STEPDOWN") => "consumer_leader_stepdown_response",
        _ => return None,
    })
}

/// Reads a request. `None` for subjects that mean nothing.
///
/// # Errors
///
/// What is wrong with it whatever the stream.
#[must_use]
pub fn parse_call(subject: &[u8], payload: &[u8], strictness: Strictness) -> Option<Result<Call, ApiError>> {
    let text = std::str::from_utf8(subject).ok()?;
    let words: Vec<&str> = text.strip_prefix("$JS.API.CONSUMER.")?.split('.').collect();
    let named = |stream: &str, consumer: &str, verb: Verb| {
        Ok(Call { stream: stream.to_owned(), consumer: consumer.to_owned(), verb })
    };
    Some(match words.as_slice() {
        ["CREATE", stream] => parse_create(Form::Ephemeral, stream, None, "", payload, strictness),
        ["CREATE", stream, consumer, filter @ ..] => {
            parse_create(Form::Named, stream, Some(consumer), &filter.join("."), payload, strictness)
        }
        ["DURABLE", "CREATE", stream, consumer] => {
            parse_create(Form::Durable, stream, Some(consumer), "", payload, strictness)
        }
        ["NAMES", stream] => {
            parse_offset(payload, strictness).and_then(|offset| named(stream, "", Verb::Names(offset)))
        }
        ["LIST", stream] => parse_offset(payload, strictness).and_then(|offset| named(stream, "", Verb::List(offset))),
        ["INFO", stream, consumer] => expect_nothing(payload).and_then(|()| named(stream, consumer, Verb::Info)),
        ["DELETE", stream, consumer] => expect_nothing(payload).and_then(|()| named(stream, consumer, Verb::Delete)),
        ["PAUSE", stream, consumer] => {
            parse_pause(payload, strictness).and_then(|until| named(stream, consumer, Verb::Pause(until)))
        }
        ["UNPIN", stream, consumer] => {
            parse_unpin(payload).and_then(|group| named(stream, consumer, Verb::Unpin(group)))
        }
        ["RESET", stream, consumer] => named(stream, consumer, Verb::Reset(parse_reset(payload))),
        ["LEADER", "STEPDOWN", _, _] => Err(errors::CLUSTER_REQUIRED.error()),
        _ => return None,
    })
}

/// How a request to make a consumer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ephemeral,
    Durable,
    Named,
}

fn parse_create(
    form: Form,
    stream: &str,
    consumer: Option<&str>,
    filter: &str,
    payload: &[u8],
    strictness: Strictness,
) -> Result<Call, ApiError> {
    let request: CreateConsumerRequest = decode(payload, strictness)?;
    let CreateConsumerRequest { stream_name, mut config, action, pedantic } = request;
    if stream_name != stream {
        return Err(errors::STREAM_MISMATCH.error());
    }
    let name = consumer.map_or_else(|| config.name.clone(), str::to_owned);
    if name.contains(['\\', '/']) {
        return Err(errors::CONSUMER_NAME_CONTAINS_PATH_SEPARATORS.error());
    }
    match form {
        Form::Durable if config.durable.is_empty() => return Err(errors::CONSUMER_DURABLE_NAME_NOT_SET.error()),
        Form::Durable | Form::Named if !config.durable.is_empty() && name != config.durable => {
            return Err(errors::CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT.error());
        }
        Form::Ephemeral if !config.durable.is_empty() => {
            return Err(errors::CONSUMER_EPHEMERAL_WITH_DURABLE_NAME.error());
        }
        Form::Durable | Form::Named => config.name.clone_from(&name),
        Form::Ephemeral => {}
    }
    if !filter.is_empty() && !config.filter_subjects.is_empty() {
        return Err(errors::CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    if !filter.is_empty() && config.filter_subject != filter {
        return Err(errors::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH.error());
    }
    if config.replicas > 1 {
        return Err(errors::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    let verb = Verb::Create { config: Box::new(config), action, is_pedantic: pedantic };
    Ok(Call { stream: stream.to_owned(), consumer: name, verb })
}

fn decode<T: serde::de::DeserializeOwned + Default>(payload: &[u8], strictness: Strictness) -> Result<T, ApiError> {
    if payload.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    json::decode(payload, strictness).map_err(|cause| errors::INVALID_JSON.with(cause))
}

/// Whether a body is worth reading where it is optional.
fn is_json(payload: &[u8]) -> bool {
    matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn parse_offset(payload: &[u8], strictness: Strictness) -> Result<usize, ApiError> {
    if !is_json(payload) {
        return Ok(0);
    }
    let request: ConsumersRequest = decode(payload, strictness)?;
    Ok(usize::try_from(request.offset).unwrap_or(0))
}

fn expect_nothing(payload: &[u8]) -> Result<(), ApiError> {
    let is_empty = payload.is_empty()
        || serde_json::from_slice(payload).is_ok_and(|value: serde_json::Map<String, _>| {
            let fields: &serde_json::Map<String, serde_json::Value> = &value;
            fields.is_empty()
        });
    if is_empty { Ok(()) } else { Err(errors::NOT_EMPTY_REQUEST.error()) }
}

fn parse_pause(payload: &[u8], strictness: Strictness) -> Result<Timestamp, ApiError> {
    if !is_json(payload) {
        return Ok(Timestamp::default());
    }
    decode::<ConsumerPauseRequest>(payload, strictness).map(|request| request.pause_until)
}

fn parse_unpin(payload: &[u8]) -> Result<String, ApiError> {
    let read = json::decode::<ConsumerUnpinRequest>(payload, Strictness::Lenient);
    let group = read.map_err(|cause| errors::INVALID_JSON.with(cause))?.group;
    if group.is_empty() {
        return Err(errors::INVALID_JSON.with("consumer group not specified"));
    }
    if !is_valid_group(&group) {
        return Err(errors::CONSUMER_INVALID_GROUP_NAME.error());
    }
    Ok(group)
}

fn parse_reset(payload: &[u8]) -> Result<u64, ApiError> {
    if payload.is_empty() {
        return Ok(0);
    }
    let read = json::decode::<ConsumerResetRequest>(payload, Strictness::Lenient);
    read.map(|request| request.seq).map_err(|cause| errors::INVALID_JSON.with(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of the error, zero without one.
    fn fault(subject: &str, payload: &str) -> u16 {
        let read = parse_call(subject.as_bytes(), payload.as_bytes(), Strictness::Strict).unwrap();
        read.err().map_or(0, |error| error.err_code)
    }

    #[test]
    fn forms_of_creation_name_the_consumer() {
        for (suffix, payload, expected) in [
            ("CREATE.S", r#"{"stream_name":"S","config":{}}"#, 0),
            ("CREATE.S", "", 10056),
            ("CREATE.S", r#"{"stream_name":"T"}"#, 10056),
            ("CREATE.S", r#"{"stream_name":"S","config":{"durable_name":"D"}}"#, 10020),
            ("CREATE.S", r#"{"stream_name":"S","config":{"x":1}}"#, 10025),
            ("CREATE.S", r#"{"stream_name":"S","config":{"num_replicas":3}}"#, 10074),
            ("CREATE.S.C", r#"{"stream_name":"S","config":{"durable_name":"C"}}"#, 0),
            ("CREATE.S.C", r#"{"stream_name":"S","config":{"durable_name":"D"}}"#, 10017),
            ("CREATE.S.C/D", r#"{"stream_name":"S","config":{}}"#, 10127),
            ("CREATE.S.C.a.b", r#"{"stream_name":"S","config":{"filter_subject":"a.b"}}"#, 0),
            ("CREATE.S.C.a.b", r#"{"stream_name":"S","config":{"filter_subject":"a"}}"#, 10131),
            ("CREATE.S.C.a", r#"{"stream_name":"S","config":{"filter_subjects":["a"]}}"#, 10137),
            ("DURABLE.CREATE.S.C", r#"{"stream_name":"S","config":{"durable_name":"C"}}"#, 0),
            ("DURABLE.CREATE.S.C", r#"{"stream_name":"S","config":{}}"#, 10018),
            ("DURABLE.CREATE.S.C", r#"{"stream_name":"S","config":{"durable_name":"D"}}"#, 10017),
            ("LEADER.STEPDOWN.S.C", "", 10010),
        ] {
            assert_eq!(fault(&format!("$JS.API.CONSUMER.{suffix}"), payload), expected, "{suffix} {payload}");
        }
    }

    #[test]
    fn other_requests_are_read() {
        for (suffix, payload, expected) in [
            ("INFO.S.C", "", 0),
            ("INFO.S.C", "{}", 0),
            ("INFO.S.C", " { } ", 0),
            ("INFO.S.C", "x", 10038),
            ("DELETE.S.C", "[]", 10038),
            ("NAMES.S", "anything", 0),
            ("NAMES.S", "{", 10025),
            ("LIST.S", r#"{"offset":-3}"#, 0),
            ("PAUSE.S.C", r#"{"pause_until":"soon"}"#, 10025),
            ("PAUSE.S.C", "now", 0),
            ("UNPIN.S.C", "", 10025),
            ("UNPIN.S.C", "{}", 10025),
            ("UNPIN.S.C", r#"{"group":"a b"}"#, 10162),
            ("RESET.S.C", "", 0),
        ] {
            assert_eq!(fault(&format!("$JS.API.CONSUMER.{suffix}"), payload), expected, "{suffix} {payload}");
        }
        for strange in [
            "$JS.API.CONSUMER.INFO.S",
            "$JS.API.CONSUMER.DURABLE.CREATE.S",
            "$JS.API.CONSUMER.X.S.C",
            "$JS.API.STREAM.INFO.S",
        ] {
            assert!(parse_call(strange.as_bytes(), b"", Strictness::Strict).is_none(), "{strange}");
        }
    }

    #[test]
    fn what_is_read_is_what_was_said() {
        let subject = b"$JS.API.CONSUMER.RESET.S.C";
        let call = parse_call(subject, br#"{"seq":7}"#, Strictness::Strict).unwrap().unwrap();
        let expected = Call { stream: "S".to_owned(), consumer: "C".to_owned(), verb: Verb::Reset(Ok(7)) };
        assert_eq!(call, expected);
        let call = parse_call(subject, b"x", Strictness::Strict).unwrap().unwrap();
        assert!(matches!(call.verb, Verb::Reset(Err(error)) if error.err_code == 10025));
        assert_eq!(answer_kind(subject), Some("consumer_reset_response"));
        assert_eq!(answer_kind(b"$JS.API.CONSUMER.DURABLE.CREATE.S.C"), Some("consumer_create_response"));
        assert_eq!(answer_kind(b"$JS.API.CONSUMER.MSG.NEXT.S.C"), None);
    }
}
