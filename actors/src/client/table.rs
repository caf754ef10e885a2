//! Subscriptions of one connection by sid.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::router::Subscription;

/// Fewest entries that are worth a sweep.
const FIRST_SWEEP: usize = 64;

/// Finds subscriptions by sid. Holds nothing but pointers: a connection may have hundreds of thousands.
#[derive(Debug)]
pub(super) struct SubscriptionTable {
    table: HashTable<Arc<Subscription>>,
    hasher: ahash::RandomState,
    /// Size at which closed entries are looked for. Publishers close subscriptions that had their last message without
    /// telling this table.
    sweep_at: usize,
}

impl Default for SubscriptionTable {
    fn default() -> Self {
        Self { table: HashTable::new(), hasher: ahash::RandomState::new(), sweep_at: FIRST_SWEEP }
    }
}

impl SubscriptionTable {
    /// The open subscription with this sid.
    pub(super) fn get(&self, sid: &[u8]) -> Option<&Arc<Subscription>> {
        let hash = self.hasher.hash_one(sid);
        self.table.find(hash, |subscription| subscription.sid() == sid).filter(|subscription| !subscription.is_closed())
    }

    /// Adds a subscription whose sid has no open one.
    pub(super) fn insert(&mut self, subscription: Arc<Subscription>) {
        self.remove(subscription.sid());
        if self.table.len() >= self.sweep_at {
            self.table.retain(|subscription| !subscription.is_closed());
            self.sweep_at = FIRST_SWEEP.max(self.table.len() * 2);
        }
        let hasher = &self.hasher;
        let hash = hasher.hash_one(subscription.sid());
        self.table.insert_unique(hash, subscription, |other| hasher.hash_one(other.sid()));
    }

    /// Takes out the subscription with this sid, open or closed.
    pub(super) fn remove(&mut self, sid: &[u8]) -> Option<Arc<Subscription>> {
        let hash = self.hasher.hash_one(sid);
        let entry = self.table.find_entry(hash, |subscription| subscription.sid() == sid);
        entry.ok().map(|entry| entry.remove().0)
    }

    /// Number of open subscriptions when `limit` may be reached: exact near the limit, an upper bound below it.
    pub(super) fn len_near(&mut self, limit: usize) -> usize {
        if self.table.len() >= limit {
            self.table.retain(|subscription| !subscription.is_closed());
        }
        self.table.len()
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> Vec<Arc<Subscription>> {
        let subscriptions = self.table.drain().collect();
        self.table = HashTable::new();
        subscriptions
    }

    /// All open ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.table.iter().filter(|subscription| !subscription.is_closed())
    }
}
