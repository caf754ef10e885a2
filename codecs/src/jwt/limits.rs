//! Limits in the token of an account.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Limits of an account; below zero is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AccountLimitClaims {
    /// Subscriptions.
    pub subs: i64,
    /// Data.
    pub data: i64,
    /// Largest message.
    pub payload: i64,
    /// Imports.
    pub imports: i64,
    /// Exports.
    pub exports: i64,
    /// Exports may have wildcards.
    pub wildcards: bool,
    /// Users must sign the nonce.
    pub disallow_bearer: bool,
    /// Connections.
    pub conn: i64,
    /// Leaf nodes.
    pub leaf: i64,
    /// Memory of streams.
    pub mem_storage: i64,
    /// Files of streams.
    pub disk_storage: i64,
    /// Streams.
    pub streams: i64,
    /// Consumers.
    pub consumer: i64,
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: i64,
    /// Bytes of a stream in memory.
    pub mem_max_stream_bytes: i64,
    /// Bytes of a stream in files.
    pub disk_max_stream_bytes: i64,
    /// Streams must have a limit of bytes.
    pub max_bytes_required: bool,
    /// Limits of streams by the number of their copies, instead of those above.
    pub tiered_limits: BTreeMap<String, TierClaims>,
}

/// Limits of streams with the same number of copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TierClaims {
    /// Memory of streams.
    pub mem_storage: i64,
    /// Files of streams.
    pub disk_storage: i64,
    /// Streams.
    pub streams: i64,
    /// Consumers.
    pub consumer: i64,
    /// Unacknowledged messages of a consumer.
    pub max_ack_pending: i64,
    /// Bytes of a stream in memory.
    pub mem_max_stream_bytes: i64,
    /// Bytes of a stream in files.
    pub disk_max_stream_bytes: i64,
    /// Streams must have a limit of bytes.
    pub max_bytes_required: bool,
}

impl Default for AccountLimitClaims {
    fn default() -> Self {
        Self {
            subs: -1,
            data: -1,
            payload: -1,
            imports: -1,
            exports: -1,
            wildcards: true,
            disallow_bearer: false,
            conn: -1,
            leaf: -1,
            mem_storage: 0,
            disk_storage: 0,
            streams: 0,
            consumer: 0,
            max_ack_pending: 0,
            mem_max_stream_bytes: 0,
            disk_max_stream_bytes: 0,
            max_bytes_required: false,
            tiered_limits: BTreeMap::new(),
        }
    }
}

impl AccountLimitClaims {
    /// Limits of streams, whatever the number of their copies.
    #[must_use]
    pub fn flat(&self) -> TierClaims {
        TierClaims {
            mem_storage: self.mem_storage,
            disk_storage: self.disk_storage,
            streams: self.streams,
            consumer: self.consumer,
            max_ack_pending: self.max_ack_pending,
            mem_max_stream_bytes: self.mem_max_stream_bytes,
            disk_max_stream_bytes: self.disk_max_stream_bytes,
            max_bytes_required: self.max_bytes_required,
        }
    }
}
