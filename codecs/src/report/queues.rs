//! `/ipqueuesz` and `/raftz`: queues inside the server, replication groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_zero;

/// What `/ipqueuesz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct IpqueueszOptions {
    /// Also empty queues.
    pub all: bool,
    /// Only queues whose name contains this.
    pub filter: String,
}

/// Queues by name.
pub type Ipqueuesz = BTreeMap<String, QueueInfo>;

/// One queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueInfo {
    /// Items waiting.
    pub pending: u64,
    /// Items being handled.
    #[serde(skip_serializing_if = "is_zero")]
    pub in_progress: u64,
}

/// What `/raftz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RaftzOptions {
    /// Account; empty is the system account.
    pub account: String,
    /// Only this group.
    pub group: String,
}
