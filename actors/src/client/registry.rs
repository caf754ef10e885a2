//! Connections by id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Addr;
use parking_lot::Mutex;

use super::ClientActor;
use crate::router::ClientSink;

/// One connection.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its actor.
    pub address: Addr<ClientActor>,
    /// Its shared side.
    pub sink: Arc<ClientSink>,
}

/// All client connections. Locked when one comes or goes, never for a message.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<HashMap<u64, Entry, ahash::RandomState>>,
    /// Connections that count for `max_connections`: also those that are not in `entries` yet.
    occupied: Arc<AtomicUsize>,
}

/// One of the server's places for connections, from accept to the end. Given back when dropped.
#[derive(Debug)]
pub struct Place {
    occupied: Arc<AtomicUsize>,
    number: usize,
}

impl Place {
    /// How many places were taken with this one.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.occupied.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Registry {
    /// Takes a place for a connection that was accepted.
    pub(super) fn occupy(&self) -> Place {
        let number = self.occupied.fetch_add(1, Ordering::Relaxed) + 1;
        Place { occupied: Arc::clone(&self.occupied), number }
    }

    /// Adds a connection.
    pub(super) fn insert(&self, entry: Entry) {
        self.entries.lock().insert(entry.sink.cid(), entry);
    }

    /// Removes a connection.
    pub(super) fn remove(&self, cid: u64) {
        self.entries.lock().remove(&cid);
    }

    /// Number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection with this id.
    #[must_use]
    pub fn get(&self, cid: u64) -> Option<Entry> {
        self.entries.lock().get(&cid).cloned()
    }

    /// All of them, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Entry> {
        self.entries.lock().values().cloned().collect()
    }
}
