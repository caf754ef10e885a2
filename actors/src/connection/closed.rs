//! Connections that were.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::counters::Traffic;
use super::{CloseReason, ConnectionStatus};
use crate::metrics::ConnectionKind;
use crate::net::RemoteAddress;

/// Subscriptions remembered of one closed connection.
pub const MAX_SUBSCRIPTIONS: usize = 1024;

/// What is remembered of a closed connection.
#[derive(Clone, Debug)]
pub struct ClosedConnection {
    /// Id.
    pub cid: u64,
    /// What it was.
    pub kind: ConnectionKind,
    /// Where it came from.
    pub remote: RemoteAddress,
    /// Its facts, which change no more.
    pub status: Arc<ConnectionStatus>,
    /// Messages and bytes.
    pub traffic: Traffic,
    /// Bytes that were still to be sent.
    pub pending: usize,
    /// When it was closed.
    pub stop: SystemTime,
    /// Why.
    pub reason: CloseReason,
    /// Number of its last subscriptions.
    pub num_subscriptions: u32,
    /// Its last subscriptions, at most [`MAX_SUBSCRIPTIONS`].
    pub subscriptions: Vec<ClosedSubscription>,
}

/// A subscription of a closed connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedSubscription {
    /// Subject.
    pub subject: Box<[u8]>,
    /// Queue group; empty when there was none.
    pub queue: Box<[u8]>,
    /// The client's id for it.
    pub sid: Box<[u8]>,
    /// Messages delivered.
    pub delivered: u64,
    /// Messages after which it would have ended; zero is never.
    pub max: u64,
}

/// The last closed connections. The oldest make room.
#[derive(Debug)]
pub struct ClosedRing {
    capacity: usize,
    /// Connections closed so far, by reason.
    counts: Box<[AtomicU64]>,
    connections: Mutex<VecDeque<Arc<ClosedConnection>>>,
}

impl ClosedRing {
    /// A ring for so many connections.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            counts: CloseReason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            connections: Mutex::new(VecDeque::new()),
        }
    }

    /// Adds a connection.
    pub fn add(&self, connection: ClosedConnection) {
        if let Some(count) = self.counts.get(connection.reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let connection = Arc::new(connection);
        let mut connections = self.connections.lock();
        let oldest_opt = if connections.len() >= self.capacity { connections.pop_front() } else { None };
        if self.capacity > 0 {
            connections.push_back(connection);
        }
        // Freed after the lock.
        drop(connections);
        drop(oldest_opt);
    }

    /// Connections closed so far for each reason that there was.
    #[must_use]
    pub fn counts(&self) -> Vec<(CloseReason, u64)> {
        let all = CloseReason::ALL.iter().zip(&self.counts);
        all.map(|(reason, count)| (*reason, count.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0).collect()
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<ClosedConnection>> {
        self.connections.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn closed(cid: u64) -> ClosedConnection {
        let now = SystemTime::UNIX_EPOCH;
        ClosedConnection {
            cid,
            kind: ConnectionKind::Client,
            remote: RemoteAddress::Unix,
            status: Arc::new(ConnectionStatus::new(Instant::now(), now, None)),
            traffic: Traffic::default(),
            pending: 0,
            stop: now,
            reason: CloseReason::ClientClosed,
            num_subscriptions: 0,
            subscriptions: Vec::new(),
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let cids = |ring: &ClosedRing| ring.all().iter().map(|connection| connection.cid).collect::<Vec<_>>();
        let ring = ClosedRing::new(2);
        (1..=3).for_each(|cid| ring.add(closed(cid)));
        assert_eq!(cids(&ring), [2, 3]);
        assert_eq!(ring.counts(), [(CloseReason::ClientClosed, 3)]);
        let none = ClosedRing::new(0);
        none.add(closed(1));
        assert!(cids(&none).is_empty());
    }
}
