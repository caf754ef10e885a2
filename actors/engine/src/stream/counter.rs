//! Counters: messages that add to the number their subject holds.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use troupe_codecs::api::publish::CounterValue;
use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::{api, header};

use super::ingest::LastMessage;

type Sources = BTreeMap<String, BTreeMap<String, String>>;

/// A message of a counter as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Headers.
    pub headers: Vec<u8>,
    /// Payload.
    pub payload: Vec<u8>,
    /// The new total.
    pub value: String,
}

/// Reads an increment; `None` when it is no number.
#[must_use]
pub fn parse_increment(text: &[u8]) -> Option<BigInt> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Adds the increment of a message to the total of its subject.
///
/// # Errors
/// What is stored, or came from another stream, is no counter.
pub fn count(
    subject: &[u8],
    block: &[u8],
    payload: &[u8],
    increment: BigInt,
    last: Option<&LastMessage>,
) -> Result<Counted, ApiError> {
    let broken = || errors::MESSAGE_COUNTER_BROKEN.error();
    let (mut total, mut sources) = (BigInt::ZERO, Sources::new());
    if let Some(last) = last {
        total = value_of(&last.payload).ok_or_else(broken)?;
        if let Some(text) = header::get(&last.headers, headers::COUNTER_SOURCES) {
            sources = serde_json::from_slice(text).map_err(|_| broken())?;
        }
    }
    let (mut block, mut increment) = (block.to_vec(), increment);
    if let Some(source) = header::get(&block, headers::STREAM_SOURCE) {
        let source = String::from_utf8_lossy(source).into_owned();
        let fields: Vec<&str> = source.split(' ').collect();
        let subject =
            fields.get(4).map_or_else(|| String::from_utf8_lossy(subject).into_owned(), |&text| text.to_owned());
        let value = value_of(payload).ok_or_else(broken)?;
        let known = sources.entry(fields[0].to_owned()).or_default().entry(subject).or_default();
        increment = &value - known.parse::<BigInt>().unwrap_or_default();
        *known = value.to_string();
        block = set(&block, headers::INCR, increment.to_string().as_bytes());
    }
    total += increment;
    if !sources.is_empty() {
        block = set(&block, headers::COUNTER_SOURCES, &api::json::encode(&sources));
    }
    let value = total.to_string();
    Ok(Counted { headers: block, payload: format!("{{\"val\":\"{value}\"}}").into_bytes(), value })
}

fn value_of(payload: &[u8]) -> Option<BigInt> {
    let value: CounterValue = serde_json::from_slice(payload).ok()?;
    Some(value.val.parse().unwrap_or_default())
}

fn set(block: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    header::with(&header::without(block, |key| key == name.as_bytes()), name, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_add_up() {
        let increment = || parse_increment(b"+5").unwrap();
        let block = header::with(b"", headers::INCR, b"+5");
        let first = count(b"c", &block, b"", increment(), None).unwrap();
        assert_eq!((first.value.as_str(), &first.payload[..]), ("5", &br#"{"val":"5"}"#[..]));
        let last = LastMessage { seq: 1, headers: first.headers.into(), payload: first.payload.into() };
        let second = count(b"c", &block, b"", parse_increment(b"-7").unwrap(), Some(&last)).unwrap();
        assert_eq!(second.value, "-2");
        let broken = LastMessage { seq: 1, headers: b"".to_vec().into(), payload: b"x".to_vec().into() };
        assert!(count(b"c", &block, b"", increment(), Some(&broken)).unwrap_err().is(errors::MESSAGE_COUNTER_BROKEN));
        assert_eq!(parse_increment(b"1.5"), None);
    }

    #[test]
    fn totals_of_other_streams_are_taken_as_differences() {
        let block = header::with(&header::with(b"", headers::INCR, b"3"), headers::STREAM_SOURCE, b"A 1 > > c.a");
        let first = count(b"c", &block, br#"{"val":"10"}"#, parse_increment(b"3").unwrap(), None).unwrap();
        assert_eq!(first.value, "10");
        let sources = header::get(&first.headers, headers::COUNTER_SOURCES).unwrap();
        assert_eq!(sources, br#"{"A":{"c.a":"10"}}"#);
        let last = LastMessage { seq: 1, headers: first.headers.clone().into(), payload: first.payload.into() };
        let second = count(b"c", &block, br#"{"val":"12"}"#, parse_increment(b"3").unwrap(), Some(&last)).unwrap();
        assert_eq!(second.value, "12");
        assert_eq!(header::get(&second.headers, headers::INCR), Some(&b"2"[..]));
    }
}
