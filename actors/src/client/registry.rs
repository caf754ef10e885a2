//! Connections by id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Addr;
use parking_lot::Mutex;

use super::ClientActor;
use crate::connection::{ConnectionStatus, Traffic};
use crate::router::ClientSink;

/// One connection.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its actor.
    pub address: Addr<ClientActor>,
    /// Its shared side.
    pub sink: Arc<ClientSink>,
    /// What the monitor reads of it.
    pub status: Arc<ConnectionStatus>,
}

/// All client connections. Locked when one comes or goes, never for a message.
#[derive(Debug, Default)]
pub struct Registry {
    state: Mutex<State>,
    /// Connections that count for `max_connections`: also those that are not in the table yet.
    occupied: Arc<AtomicUsize>,
}

/// What the lock guards: a connection is either among the entries or in what is remembered of those before.
#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Entry, ahash::RandomState>,
    past: Traffic,
    past_by_account: HashMap<Arc<str>, Traffic, ahash::RandomState>,
}

impl State {
    /// Remembers what a connection did in its account.
    fn note_past_of_account(&mut self, entry: &Entry) {
        let Some(profile) = entry.status.profile() else { return };
        let Some(account) = &profile.account else { return };
        let traffic = entry.sink.traffic().read() - profile.traffic_before;
        *self.past_by_account.entry(Arc::clone(account)).or_default() += traffic;
    }
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
        self.state.lock().entries.insert(entry.sink.cid(), entry);
    }

    /// Removes a connection. What it moved stays counted.
    pub(super) fn remove(&self, cid: u64) {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.remove(&cid) else { return };
        state.past += entry.sink.traffic().read();
        state.note_past_of_account(&entry);
        drop(state);
        // Freed after the lock.
        drop(entry);
    }

    /// Closes the account of a connection that goes over to another one; `change` makes its profile say so.
    pub(super) fn leave_account(&self, cid: u64, change: impl FnOnce()) {
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.get(&cid).cloned() {
            state.note_past_of_account(&entry);
        }
        change();
    }

    /// What all connections moved so far, those included that are gone.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let state = self.state.lock();
        let mut sum = state.past;
        state.entries.values().for_each(|entry| sum += entry.sink.traffic().read());
        sum
    }

    /// The same by account. Connections that have none yet are left out.
    #[must_use]
    pub fn traffic_by_account(&self) -> HashMap<Arc<str>, Traffic, ahash::RandomState> {
        let state = self.state.lock();
        let mut sums = state.past_by_account.clone();
        for entry in state.entries.values() {
            let Some(profile) = entry.status.profile() else { continue };
            let Some(account) = &profile.account else { continue };
            *sums.entry(Arc::clone(account)).or_default() += entry.sink.traffic().read() - profile.traffic_before;
        }
        sums
    }

    /// Number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection with this id.
    #[must_use]
    pub fn get(&self, cid: u64) -> Option<Entry> {
        self.state.lock().entries.get(&cid).cloned()
    }

    /// All of them, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Entry> {
        self.state.lock().entries.values().cloned().collect()
    }
}
