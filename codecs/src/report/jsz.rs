//! `/jsz`: JetStream. Details are filled by whoever serves it; off, the document has its zeros.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::stream_info::{ClusterInfo, StreamSourceInfo};
use crate::api::{ConsumerInfo, StreamConfig, StreamState, Timestamp as ApiTimestamp};

use super::time::Timestamp;
use super::{is_false, is_zero};

/// What `/jsz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct JszOptions {
    /// Only this account.
    pub account: String,
    /// Show accounts.
    pub accounts: bool,
    /// Show streams.
    pub streams: bool,
    /// Show consumers; implies streams.
    pub consumer: bool,
    /// Show consumers of mirrors and sources.
    pub direct_consumer: bool,
    /// Show configurations.
    pub config: bool,
    /// Answer only as leader of the meta group.
    pub leader_only: bool,
    /// Accounts to leave out at the front.
    pub offset: i64,
    /// Most accounts; zero is 1024.
    pub limit: i64,
    /// Show replication groups.
    pub raft: bool,
    /// Only streams this server leads.
    pub stream_leader_only: bool,
}

/// JetStream.
#[derive(Clone, Debug, Serialize)]
pub struct Jsz {
    /// Use and API calls.
    #[serde(flatten)]
    pub stats: JetStreamStats,
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// JetStream is off.
    #[serde(skip_serializing_if = "is_false")]
    pub disabled: bool,
    /// Configuration in force.
    pub config: JetStreamConfig,
    /// Limits in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<JetStreamLimits>,
    /// Streams.
    pub streams: u64,
    /// Streams this server leads.
    #[serde(skip_serializing_if = "is_zero")]
    pub streams_leader: u64,
    /// Consumers.
    pub consumers: u64,
    /// Consumers this server leads.
    #[serde(skip_serializing_if = "is_zero")]
    pub consumers_leader: u64,
    /// Messages stored.
    pub messages: u64,
    /// Bytes stored.
    pub bytes: u64,
    /// Meta group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_cluster: Option<Value>,
    /// Accounts of this page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account_details: Vec<AccountDetail>,
    /// Accounts with JetStream.
    pub total: u64,
}

/// What one account has.
#[derive(Clone, Debug, Serialize)]
pub struct AccountDetail {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// Use and API calls.
    #[serde(flatten)]
    pub stats: JetStreamStats,
    /// Streams, where they are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stream_detail: Vec<StreamDetail>,
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamDetail {
    /// Name.
    pub name: String,
    /// When it was made.
    pub created: ApiTimestamp,
    /// Servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// Configuration, where it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<StreamConfig>,
    /// What it holds.
    pub state: StreamState,
    /// Consumers, where they are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consumer_detail: Vec<ConsumerInfo>,
    /// Consumers that feed other streams, where they are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub direct_consumer_detail: Vec<ConsumerInfo>,
    /// The stream it is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSourceInfo>,
    /// Streams it is fed from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSourceInfo>,
}

/// Limits of requests and assets; zero is what the server chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JetStreamLimits {
    /// Largest batch of a pull request.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_request_batch: i64,
    /// Most unacknowledged messages of a consumer.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// Longest time in which duplicates are found, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_duplicate_window: i64,
    /// Most batches under way in a stream.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_batch_inflight_per_stream: u64,
    /// Most batches under way.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_batch_inflight_total: u64,
    /// Most messages of a batch.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_batch_size: u64,
    /// Longest pause in a batch, nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_batch_timeout: u64,
    /// Most consumers of a stream that says nothing of it.
    #[serde(skip_serializing_if = "is_zero")]
    pub default_max_consumers: i64,
}

/// Use of memory and disk, API calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JetStreamStats {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on disk.
    pub storage: u64,
    /// Bytes of memory set aside.
    pub reserved_memory: u64,
    /// Bytes of disk set aside.
    pub reserved_storage: u64,
    /// Accounts.
    pub accounts: u64,
    /// Replicated assets.
    pub ha_assets: u64,
    /// API calls.
    pub api: ApiStats,
}

/// API calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApiStats {
    /// API level.
    pub level: u64,
    /// Calls so far.
    pub total: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Calls under way.
    #[serde(skip_serializing_if = "is_zero")]
    pub inflight: u64,
}

/// Configuration of JetStream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JetStreamConfig {
    /// Most bytes in memory.
    pub max_memory: i64,
    /// Most bytes on disk.
    pub max_storage: i64,
    /// Directory.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub store_dir: String,
    /// Nanoseconds between two syncs.
    #[serde(skip_serializing_if = "is_zero")]
    pub sync_interval: u64,
    /// Every write is synced.
    #[serde(skip_serializing_if = "is_false")]
    pub sync_always: bool,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Compression is taken.
    #[serde(skip_serializing_if = "is_false")]
    pub compress_ok: bool,
    /// Tag that tells servers apart when assets are placed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unique_tag: String,
    /// Unknown fields of requests are refused.
    #[serde(skip_serializing_if = "is_false")]
    pub strict: bool,
}
