//! What is reported of a stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::is_zero;
use super::stream::{ExternalStream, StreamConfig, SubjectTransform};
use super::time::Timestamp;

/// What a stream holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamState {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
    /// First sequence.
    pub first_seq: u64,
    /// When it was stored.
    pub first_ts: Timestamp,
    /// Last sequence.
    pub last_seq: u64,
    /// When it was stored.
    pub last_ts: Timestamp,
    /// Subjects.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_subjects: u64,
    /// Messages of each subject, when asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subjects: BTreeMap<String, u64>,
    /// Sequences between the first and the last that are gone.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_deleted: u64,
    /// Which, when asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<u64>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostStreamData>,
    /// Consumers.
    pub consumer_count: u64,
}

/// What could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LostStreamData {
    /// Sequences.
    pub msgs: Vec<u64>,
    /// Bytes.
    pub bytes: u64,
}

/// Servers of a stream or consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterInfo {
    /// Cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Replication group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raft_group: String,
    /// The server that leads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader_since: Option<Timestamp>,
    /// Replication goes through the system account.
    #[serde(skip_serializing_if = "is_zero")]
    pub system_account: bool,
    /// The account replication goes through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traffic_account: String,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<PeerInfo>,
}

/// One of the servers that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerInfo {
    /// Name.
    pub name: String,
    /// It has everything.
    pub current: bool,
    /// It was not seen lately.
    #[serde(skip_serializing_if = "is_zero")]
    pub offline: bool,
    /// Time since it was seen.
    pub active: i64,
    /// Operations it lacks.
    #[serde(skip_serializing_if = "is_zero")]
    pub lag: u64,
    /// Id.
    pub peer: String,
}

/// What is reported of a stream that feeds another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSourceInfo {
    /// Name.
    pub name: String,
    /// How it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// Messages to come.
    pub lag: u64,
    /// The last sequence that was taken, of a source.
    #[serde(skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// Time since something came, -1 when nothing has.
    pub active: i64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Only messages of this subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// Only messages of these subjects, which change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
}

/// Where else messages of a stream can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamAlternate {
    /// Stream.
    pub name: String,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Cluster.
    pub cluster: String,
}

/// What is reported of a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfo {
    /// Configuration.
    pub config: StreamConfig,
    /// When it was made.
    pub created: Timestamp,
    /// What it holds.
    pub state: StreamState,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterInfo>,
    /// The stream it is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSourceInfo>,
    /// Streams it is fed from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSourceInfo>,
    /// Where else its messages can be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<StreamAlternate>,
    /// When this was gathered.
    pub ts: Timestamp,
}
