//! Usage and limits of an account.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_zero;

/// Limits of an account; -1 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountLimits {
    /// Bytes in memory.
    pub max_memory: i64,
    /// Bytes in files.
    pub max_storage: i64,
    /// Streams.
    pub max_streams: i64,
    /// Consumers.
    pub max_consumers: i64,
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: i64,
    /// Bytes of a stream in memory.
    pub memory_max_stream_bytes: i64,
    /// Bytes of a stream in files.
    pub storage_max_stream_bytes: i64,
    /// Streams must have a limit of bytes.
    pub max_bytes_required: bool,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            max_memory: -1,
            max_storage: -1,
            max_streams: -1,
            max_consumers: -1,
            max_ack_pending: -1,
            memory_max_stream_bytes: -1,
            storage_max_stream_bytes: -1,
            max_bytes_required: false,
        }
    }
}

/// What an account may have of JetStream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JetStreamLimits {
    /// For everything together.
    Flat(AccountLimits),
    /// By the number of copies that streams have: `R1`, `R3`. Streams of a number that is not named are not allowed.
    Tiered(BTreeMap<String, AccountLimits>),
}

impl Default for JetStreamLimits {
    fn default() -> Self {
        Self::Flat(AccountLimits::default())
    }
}

impl JetStreamLimits {
    /// The limits for streams with so many copies, if they are allowed.
    #[must_use]
    pub fn of(&self, replicas: i64) -> Option<&AccountLimits> {
        match self {
            Self::Flat(limits) => Some(limits),
            Self::Tiered(tiers) if replicas <= 1 => tiers.get(SINGLE_TIER),
            Self::Tiered(tiers) => tiers.get(&format!("R{replicas}")),
        }
    }
}

/// The tier of streams without copies.
pub const SINGLE_TIER: &str = "R1";

/// What is shown where limits are those of tiers.
pub const NO_FLAT_LIMITS: AccountLimits = AccountLimits {
    max_memory: 0,
    max_storage: 0,
    max_streams: 0,
    max_consumers: 0,
    max_ack_pending: 0,
    memory_max_stream_bytes: 0,
    storage_max_stream_bytes: 0,
    max_bytes_required: false,
};

/// Usage and limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tier {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes in files.
    pub storage: u64,
    /// Bytes in memory that streams have been promised.
    pub reserved_memory: u64,
    /// Bytes in files that streams have been promised.
    pub reserved_storage: u64,
    /// Streams.
    pub streams: u64,
    /// Consumers.
    pub consumers: u64,
    /// Limits.
    pub limits: AccountLimits,
}

/// Requests so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiStats {
    /// The level of the API.
    pub level: u32,
    /// Requests.
    pub total: u64,
    /// Those answered with an error.
    pub errors: u64,
    /// Those being served.
    #[serde(skip_serializing_if = "is_zero")]
    pub inflight: u64,
}

/// Usage and limits of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountStats {
    /// Over all tiers.
    #[serde(flatten)]
    pub total: Tier,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Requests.
    pub api: ApiStats,
    /// By tier.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Tier>,
}
