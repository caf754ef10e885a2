//! Events: what happened to streams and consumers.

use serde::Serialize;

use super::stream_info::StreamState;
use super::time::Timestamp;
use crate::system::ClientInfo;

/// Prefix of the subjects of events.
pub const ADVISORY_PREFIX: &str = "$JS.EVENT.ADVISORY";
/// Prefix of the subjects of measurements.
pub const METRIC_PREFIX: &str = "$JS.EVENT.METRIC";

/// An event: what every event has, then its body.
#[derive(Clone, Debug, Serialize)]
pub struct Event<T> {
    /// Full type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique.
    pub id: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub body: T,
}

impl<T: Serialize> Event<T> {
    /// An advisory of a type, given without its prefix.
    pub fn advisory(kind: &str, id: String, timestamp: Timestamp, body: T) -> Self {
        Self { kind: format!("io.nats.jetstream.advisory.v1.{kind}"), id, timestamp, body }
    }

    /// A metric of a type, given without its prefix.
    pub fn metric(kind: &str, id: String, timestamp: Timestamp, body: T) -> Self {
        Self { kind: format!("io.nats.jetstream.metric.v1.{kind}"), id, timestamp, body }
    }
}

/// A stream was made, changed or deleted.
#[derive(Clone, Debug, Serialize)]
pub struct StreamAction {
    /// Stream.
    pub stream: String,
    /// `create`, `modify`, `delete`.
    pub action: &'static str,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A consumer was made or deleted.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerAction {
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// `create`, `delete`.
    pub action: &'static str,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A consumer was paused or resumed.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerPause {
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// It is paused.
    pub paused: bool,
    /// Until when.
    pub pause_until: Timestamp,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// An acknowledgement that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerAckMetric {
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// Number of the delivery.
    pub consumer_seq: u64,
    /// Sequence.
    pub stream_seq: u64,
    /// Time it took.
    pub ack_time: i64,
    /// How often the message was delivered.
    pub deliveries: u64,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A message was delivered as often as it may.
#[derive(Clone, Debug, Serialize)]
pub struct MaxDeliveries {
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// Sequence.
    pub stream_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A message was refused or given up.
#[derive(Clone, Debug, Serialize)]
pub struct MessageRefused {
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// Number of the delivery.
    pub consumer_seq: u64,
    /// Sequence.
    pub stream_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Why it was given up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A client was pinned, or is no more.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerGroup {
    /// Account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Stream.
    pub stream: String,
    /// Consumer.
    pub consumer: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Group.
    pub group: String,
    /// The pinned client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_id: Option<String>,
    /// Why it is no more: `admin`, `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// A copy of a stream begins.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotCreate {
    /// Stream.
    pub stream: String,
    /// What it holds; absent when it is being restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<StreamState>,
    /// Who asked.
    pub client: Option<ClientInfo>,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// A copy of a stream has been made or restored.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotComplete {
    /// Stream.
    pub stream: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Bytes that were restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Who asked.
    pub client: Option<ClientInfo>,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A batch was given up.
#[derive(Clone, Debug, Serialize)]
pub struct BatchAbandoned {
    /// Stream.
    pub stream: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Batch.
    pub batch: String,
    /// `timeout`, `large`, `incomplete`, `unsupported`.
    pub reason: &'static str,
}

/// Requests were dropped.
#[derive(Clone, Debug, Serialize)]
pub struct ApiLimitReached {
    /// Server.
    pub server: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// How many.
    pub dropped: u64,
}

/// A request and its answer.
#[derive(Clone, Debug, Serialize)]
pub struct ApiAudit {
    /// Server.
    pub server: String,
    /// Who asked.
    pub client: Option<ClientInfo>,
    /// The request's subject.
    pub subject: String,
    /// Its body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// The answer.
    pub response: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}
