//! Message traces: the headers that ask for one, and the event that tells where a message went.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem;
use serde::Serialize;

use super::ServerStamp;
use crate::header::{VERSION, lines};
use crate::report::Timestamp;

/// Names where the trace is published.
pub const DESTINATION: &str = "Nats-Trace-Dest";
/// The message is traced, but not delivered.
pub const ONLY: &str = "Nats-Trace-Only";
/// Which way between servers the message came.
pub const HOP: &str = "Nats-Trace-Hop";
/// Header of older servers; a message with it is not traced.
pub const ORIGIN_ACCOUNT: &str = "Nats-Trace-Origin-Account";
/// Value of [`DESTINATION`] that ends a trace. It is no subject.
pub const DISABLED: &[u8] = b"trace disabled";
/// How bodies of traces are to be compressed.
pub const ACCEPT_ENCODING: &str = "Accept-Encoding";
/// Trace context of other systems, spelled in any case.
const CONTEXT: &[u8] = b"traceparent";

/// Made once: every message with headers is looked through.
static WANTED: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(DESTINATION));

/// Headers by name, spelled as they came.
pub type TraceHeaders = BTreeMap<String, Vec<String>>;

/// What the headers of a message ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A trace to the destination they name.
    ByDestination,
    /// A trace to the destination of the account: they carry a sampled trace context.
    ByContext,
}

/// Whether a block of headers may ask for a trace: a quick look, wrong in one direction only. Trace contexts count where
/// `takes_context`.
#[must_use]
#[inline]
pub fn may_ask(block: &[u8], takes_context: bool) -> bool {
    WANTED.find(block).is_some() || takes_context && names_context(block)
}

#[cold]
fn names_context(block: &[u8]) -> bool {
    lines(block).any(|(name, _)| name.eq_ignore_ascii_case(CONTEXT))
}

/// What a block of headers asks for, with all of it.
#[must_use]
pub fn read(block: &[u8]) -> Option<(Asked, TraceHeaders)> {
    if !block.starts_with(VERSION) {
        return None;
    }
    let (mut has_destination, mut has_context) = (false, false);
    let mut headers = TraceHeaders::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (name, value) in lines(block) {
        let value = value.trim_ascii();
        if name.is_empty() || value.is_empty() {
            continue;
        }
        if name == DESTINATION.as_bytes() {
            if !has_destination && value == DISABLED {
                return None;
            }
            has_destination = true;
        } else if !has_context && name.eq_ignore_ascii_case(CONTEXT) {
            has_context = is_sampled(value);
        }
        headers.entry(text(name)).or_default().push(text(value));
    }
    match (has_destination, has_context) {
        (true, _) => Some((Asked::ByDestination, headers)),
        (false, true) => Some((Asked::ByContext, headers)),
        (false, false) => None,
    }
}

/// Whether a trace context of four parts has the flag of sampling.
fn is_sampled(context: &[u8]) -> bool {
    let parts: Vec<&[u8]> = context.split(|byte| *byte == b'-').collect();
    let [_, _, _, flags] = parts[..] else { return false };
    let flags = std::str::from_utf8(flags).ok().filter(|flags| flags.len() == 2);
    flags.and_then(|flags| i8::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & 1 == 1)
}

/// The first value of a header.
#[must_use]
pub fn first<'h>(headers: &'h TraceHeaders, name: &str) -> &'h str {
    headers.get(name).and_then(|values| values.first()).map_or("", String::as_str)
}

/// Whether the value of [`ONLY`] says yes.
#[must_use]
pub fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "on")
}

/// Where a message went on one server.
#[derive(Clone, Debug, Serialize)]
pub struct TraceEvent {
    /// Who tells.
    pub server: ServerStamp,
    /// The message.
    pub request: TraceRequest,
    /// Servers it was sent on to.
    #[serde(skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// What happened to it, in order.
    pub events: Vec<TraceStep>,
}

/// The traced message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TraceRequest {
    /// Its headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: TraceHeaders,
    /// Its size with headers.
    #[serde(rename = "msgsize", skip_serializing_if = "is_nothing")]
    pub size: usize,
}

/// One thing that happened to a traced message.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
pub enum TraceStep {
    /// It came in.
    #[serde(rename = "in")]
    Ingress {
        /// When.
        ts: Timestamp,
        /// Kind of connection.
        kind: u8,
        /// Id of the connection.
        cid: u64,
        /// Name of the client or server.
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String,
        /// Account.
        acc: String,
        /// Subject.
        subj: String,
        /// Why it went no further.
        #[serde(skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// A mapping gave it another subject.
    #[serde(rename = "sm")]
    Mapping {
        /// When.
        ts: Timestamp,
        /// The subject.
        to: String,
    },
    /// It went to an account that imports the stream.
    #[serde(rename = "se")]
    StreamExport {
        /// When.
        ts: Timestamp,
        /// The account.
        acc: String,
        /// Subject there.
        to: String,
    },
    /// It went to an account that exports the service.
    #[serde(rename = "si")]
    ServiceImport {
        /// When.
        ts: Timestamp,
        /// The account.
        acc: String,
        /// Subject here.
        from: String,
        /// Subject there.
        to: String,
    },
    /// A stream took it.
    #[serde(rename = "js")]
    JetStream {
        /// When.
        ts: Timestamp,
        /// The stream.
        stream: String,
        /// Subject it is stored under.
        #[serde(skip_serializing_if = "String::is_empty")]
        subject: String,
        /// No consumer wanted it.
        #[serde(skip_serializing_if = "is_false")]
        nointerest: bool,
        /// Why it was not stored.
        #[serde(skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// It went out.
    #[serde(rename = "eg")]
    Egress {
        /// When.
        ts: Timestamp,
        /// Kind of connection.
        kind: u8,
        /// Id of the connection.
        cid: u64,
        /// Name of the client or server.
        #[serde(skip_serializing_if = "String::is_empty")]
        name: String,
        /// Which way between servers it goes.
        #[serde(skip_serializing_if = "String::is_empty")]
        hop: String,
        /// Account, where it is not that of the publisher.
        #[serde(skip_serializing_if = "String::is_empty")]
        acc: String,
        /// Subject of the subscription.
        #[serde(skip_serializing_if = "String::is_empty")]
        sub: String,
        /// Queue group of the subscription.
        #[serde(skip_serializing_if = "String::is_empty")]
        queue: String,
        /// Why it was not delivered after all.
        #[serde(skip_serializing_if = "str::is_empty")]
        error: &'static str,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_nothing(number: &usize) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &str) -> Option<Asked> {
        let block = format!("NATS/1.0\r\n{lines}\r\n");
        let found = read(block.as_bytes()).map(|(asked, _)| asked);
        if found.is_some() {
            assert!(may_ask(block.as_bytes(), true), "{lines:?} is overlooked");
        }
        found
    }

    #[test]
    fn traces_are_asked_for_by_destination_or_context() {
        let context = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
        assert_eq!(asked("A: 1\r\n"), None);
        assert_eq!(asked("Nats-Trace-Dest: t\r\n"), Some(Asked::ByDestination));
        assert_eq!(asked("nats-trace-dest: t\r\n"), None);
        assert_eq!(asked("Nats-Trace-Dest: trace disabled\r\n"), None);
        assert_eq!(asked("Nats-Trace-Dest:\r\n"), None);
        assert_eq!(asked(context), Some(Asked::ByContext));
        assert_eq!(asked(&context.to_uppercase()), Some(Asked::ByContext));
        assert_eq!(asked(&context.replace("-01\r", "-00\r")), None);
        assert_eq!(asked(&context.replace("-01\r", "-1\r")), None);
        assert_eq!(asked(&format!("{context}Nats-Trace-Dest: t\r\n")), Some(Asked::ByDestination));
        assert_eq!(asked(&format!("{context}Nats-Trace-Dest: trace disabled\r\n")), None);
    }

    #[test]
    fn all_headers_are_kept_as_they_are_spelled() {
        let (_, headers) = read(b"NATS/1.0\r\nNats-Trace-Dest: t \r\na: 1\r\nA: 2\r\na:3\r\nempty:\r\n\r\n").unwrap();
        assert_eq!(headers["a"], ["1", "3"]);
        assert_eq!((first(&headers, "A"), first(&headers, DESTINATION), first(&headers, "b")), ("2", "t", ""));
        assert!(!headers.contains_key("empty"));
        assert!(is_yes("On") && is_yes("1") && !is_yes("yes"));
    }
}
