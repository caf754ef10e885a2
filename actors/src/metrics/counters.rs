//! Events by kind of connection.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Latency;

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionKind {
    /// A client, whatever it speaks.
    Client,
    /// Another server of the cluster.
    Route,
    /// A server of another cluster.
    Gateway,
    /// A leaf node.
    Leaf,
}

impl ConnectionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Client, Self::Route, Self::Gateway, Self::Leaf];

    /// Label in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Route => "route",
            Self::Gateway => "gateway",
            Self::Leaf => "leaf",
        }
    }
}

/// A counter for each kind of connection.
#[derive(Debug, Default)]
pub struct KindCounters([AtomicU64; 4]);

impl KindCounters {
    /// Counts one event.
    pub fn count(&self, kind: ConnectionKind) {
        self.0[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Events of one kind so far.
    #[must_use]
    pub fn of(&self, kind: ConnectionKind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }

    /// Events of all kinds so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// Events of one server.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// Connections closed because they read too slowly.
    pub slow_consumers: KindCounters,
    /// Connections closed because they did not answer pings.
    pub stale_connections: KindCounters,
    /// From the read of a batch to the moment its messages are handed over; of some batches only.
    pub publish_latency: Latency,
    stalls: AtomicU64,
}

impl ServerCounters {
    /// Counts a publisher that has to wait for a full destination.
    pub fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// Times a publisher had to wait.
    #[must_use]
    pub fn num_stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }
}
