//! Connections by id.

use std::collections::HashMap;
use std::sync::Arc;

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
}

impl Registry {
    /// Adds a connection and returns how many there are then.
    pub(super) fn insert(&self, entry: Entry) -> usize {
        let mut entries = self.entries.lock();
        entries.insert(entry.sink.cid(), entry);
        entries.len()
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
