//! What is reported of a consumer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::consumer::ConsumerConfig;
use super::is_zero;
use super::stream_info::ClusterInfo;
use super::time::Timestamp;

/// A place in the consumer and in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SequenceInfo {
    /// Deliveries so far.
    pub consumer_seq: u64,
    /// Sequence in the stream.
    pub stream_seq: u64,
    /// When it was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active: Option<Timestamp>,
}

/// Who is served in a priority group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PriorityGroupState {
    /// Name.
    pub group: String,
    /// The pinned client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pinned_client_id: String,
    /// Since when.
    pub pinned_ts: Timestamp,
}

/// What is reported of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerInfo {
    /// Stream.
    pub stream_name: String,
    /// Name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConsumerConfig>,
    /// The last delivery.
    pub delivered: SequenceInfo,
    /// Everything up to here is acknowledged.
    pub ack_floor: SequenceInfo,
    /// Messages delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// Messages delivered more than once.
    pub num_redelivered: u64,
    /// Pull requests that wait.
    pub num_waiting: u64,
    /// Messages not delivered yet.
    pub num_pending: u64,
    /// Servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// Somebody listens to the deliver subject.
    #[serde(skip_serializing_if = "is_zero")]
    pub push_bound: bool,
    /// Nothing is delivered now.
    #[serde(skip_serializing_if = "is_zero")]
    pub paused: bool,
    /// For how long.
    #[serde(skip_serializing_if = "is_zero")]
    pub pause_remaining: i64,
    /// When this was gathered.
    pub ts: Timestamp,
    /// Groups of pulling clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<PriorityGroupState>,
}

/// What a request to make a consumer asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateConsumerRequest {
    /// Stream.
    pub stream_name: String,
    /// Configuration.
    pub config: ConsumerConfig,
    /// Whether it may exist.
    pub action: ConsumerAction,
    /// Values are not corrected.
    #[serde(skip_serializing_if = "is_zero")]
    pub pedantic: bool,
}

super::choice::choice! {
    /// Whether a consumer that is made may exist.
    ConsumerAction, "unknown consumer action: %v" {
        /// It may, and is changed then.
        #[default]
        CreateOrUpdate = "",
        /// It must.
        Update = "update",
        /// It must not, unless it is the same.
        Create = "create",
    }
}

/// The configuration of a consumer as it is stored: `meta.inf` below `obs/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredConsumer {
    /// When it was made.
    #[serde(rename = "Created", alias = "created")]
    pub created: Timestamp,
    /// Name.
    #[serde(rename = "Name", alias = "stored_name")]
    pub name: String,
    /// The configuration, beside them.
    #[serde(flatten)]
    pub config: ConsumerConfig,
}

/// A copy of a configuration with what the answering server adds to its metadata.
#[must_use]
pub fn with_server_metadata(metadata: &BTreeMap<String, String>, version: &str) -> BTreeMap<String, String> {
    let mut metadata = metadata.clone();
    metadata.insert("_nats.ver".to_owned(), version.to_owned());
    metadata.insert("_nats.level".to_owned(), super::API_LEVEL.to_string());
    metadata
}
