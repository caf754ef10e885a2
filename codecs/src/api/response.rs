//! Bodies of answers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::account::AccountStats;
use super::consumer_info::ConsumerInfo;
use super::error::ApiError;
use super::is_zero;
use super::stream::StreamConfig;
use super::stream_info::{StreamInfo, StreamState};
use super::time::Timestamp;

/// Prefix of every type.
pub const TYPE_PREFIX: &str = "io.nats.jetstream.api.v1.";

/// An answer: its type, then an error or a body.
#[derive(Clone, Debug, Serialize)]
pub struct Response<T> {
    #[serde(rename = "type", serialize_with = "write_type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ApiError>,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Response<T> {
    /// An answer of a type, given without its prefix.
    pub fn new(kind: &'static str, body: T) -> Self {
        Self { kind, error: None, body }
    }

    /// An answer that says what went wrong, with the fields its kind shows even then.
    pub fn failed(kind: &'static str, error: ApiError, body: T) -> Self {
        Self { kind, error: Some(error), body }
    }
}

/// No fields at all.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Empty {}

/// Which part of a list an answer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Paged {
    /// Entries of the whole list.
    pub total: usize,
    /// Entries skipped.
    pub offset: usize,
    /// Most entries in an answer.
    pub limit: usize,
}

/// Whether something was done; nothing is said where it was not.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Done {
    /// It was.
    #[serde(skip_serializing_if = "is_zero")]
    pub success: bool,
}

impl Done {
    /// It was done.
    pub const YES: Self = Self { success: true };
}

/// A stream that was made or changed.
#[derive(Clone, Debug, Serialize)]
pub struct StreamCreated {
    /// It.
    #[serde(flatten)]
    pub info: StreamInfo,
    /// It was made.
    #[serde(skip_serializing_if = "is_zero")]
    pub did_create: bool,
}

/// A stream.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StreamInfoBody {
    /// Which part of its subjects.
    #[serde(flatten)]
    pub paged: Paged,
    /// It.
    #[serde(flatten)]
    pub info: Option<StreamInfo>,
}

/// Names of streams.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StreamNames {
    /// Which part.
    #[serde(flatten)]
    pub paged: Paged,
    /// They; `null` in an error.
    pub streams: Option<Vec<String>>,
}

/// Streams.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StreamList {
    /// Which part.
    #[serde(flatten)]
    pub paged: Paged,
    /// They; `null` in an error.
    pub streams: Option<Vec<StreamInfo>>,
    /// Those nothing is known of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Those that cannot be served, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offline: BTreeMap<String, String>,
}

/// Removed messages.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Purged {
    /// Whether it was done.
    #[serde(flatten)]
    pub done: Done,
    /// How many.
    pub purged: u64,
}

/// All streams of an account were removed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AccountPurged {
    /// Whether it was begun.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub initiated: bool,
}

/// A message.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StoredMessage {
    /// Subject.
    pub subject: String,
    /// Sequence.
    pub seq: u64,
    /// Headers, in base 64.
    #[serde(rename = "hdrs", skip_serializing_if = "String::is_empty")]
    pub headers: String,
    /// Payload, in base 64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// When it was stored.
    pub time: Timestamp,
}

/// A message that was asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Message {
    /// It.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<StoredMessage>,
}

/// A copy that begins.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SnapshotStarted {
    /// Configuration of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<StreamConfig>,
    /// What it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StreamState>,
}

/// Where a copy is sent to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RestoreStarted {
    /// The subject.
    pub deliver_subject: String,
}

/// Names of consumers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConsumerNames {
    /// Which part.
    #[serde(flatten)]
    pub paged: Paged,
    /// They.
    pub consumers: Vec<String>,
}

/// Consumers.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConsumerList {
    /// Which part.
    #[serde(flatten)]
    pub paged: Paged,
    /// They.
    pub consumers: Vec<ConsumerInfo>,
    /// Those nothing is known of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Those that cannot be served, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub offline: BTreeMap<String, String>,
}

/// A consumer that was paused or resumed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ConsumerPaused {
    /// It is paused.
    pub paused: bool,
    /// Until when.
    pub pause_until: Timestamp,
    /// For how long.
    #[serde(skip_serializing_if = "is_zero")]
    pub pause_remaining: i64,
}

/// A consumer that begins anew.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ConsumerReset {
    /// It.
    #[serde(flatten)]
    pub info: Option<ConsumerInfo>,
    /// The sequence it begins with.
    pub reset_seq: u64,
}

/// Usage and limits of an account; nothing in an error.
pub type AccountInfo = Option<AccountStats>;

fn write_type<S: serde::Serializer>(kind: &&'static str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{TYPE_PREFIX}{kind}"))
}

#[cfg(test)]
mod tests {
    use super::super::errors;
    use super::super::json::encode;
    use super::*;

    #[test]
    fn envelopes_are_those_of_the_api() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(encode(&Response::new("stream_delete_response", Done::YES))),
            r#"{"type":"io.nats.jetstream.api.v1.stream_delete_response","success":true}"#
        );
        let failed = Response::failed("stream_purge_response", errors::STREAM_NOT_FOUND.error(), Purged::default());
        assert_eq!(
            text(encode(&failed)),
            concat!(
                r#"{"type":"io.nats.jetstream.api.v1.stream_purge_response","#,
                r#""error":{"code":404,"err_code":10059,"description":"stream not found"},"purged":0}"#
            )
        );
        let none = Response::failed("account_info_response", errors::NOT_ENABLED.error(), AccountInfo::None);
        assert!(text(encode(&none)).ends_with(r#""description":"JetStream not enabled"}}"#));
    }
}
