//! What the other server wants, as subscriptions of this one.

use std::collections::HashMap;
use std::sync::Arc;

use troupe_engine::index::SubscriptionFacts;

use crate::router::{AccountView, ChangeSet, PeerLink, Subscription};

/// Subject, and the queue group behind a blank.
type Key = Box<[u8]>;

/// Interest of another server in one account.
#[derive(Debug)]
struct AccountInterest {
    account: Arc<AccountView>,
    subscriptions: HashMap<Key, Arc<Subscription>, ahash::RandomState>,
    changes: Option<ChangeSet>,
}

/// Everything the other server wants over one connection.
#[derive(Debug, Default)]
pub(super) struct RemoteInterest {
    has_changes: bool,
    accounts: HashMap<Box<[u8]>, AccountInterest, ahash::RandomState>,
    scratch: Vec<u8>,
}

impl RemoteInterest {
    /// Whether something has changed that the Router has not been told.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.has_changes
    }

    /// Begins interest, or changes its weight.
    pub(super) fn begin(
        &mut self,
        account: &Arc<AccountView>,
        link: &Arc<PeerLink>,
        (subject, queue): (&[u8], &[u8]),
        weight: u32,
    ) {
        self.write_key(subject, queue);
        let own = self.accounts.entry(account.name().as_bytes().into()).or_insert_with(|| AccountInterest {
            account: Arc::clone(account),
            subscriptions: HashMap::default(),
            changes: None,
        });
        let known = own.subscriptions.get(&self.scratch[..]);
        if known.is_some_and(|known| known.tag() == weight) {
            return;
        }
        let subscription = Arc::new(Subscription::of_peer(Arc::clone(link), subject, queue, weight));
        let old = own.subscriptions.insert(self.scratch.as_slice().into(), Arc::clone(&subscription));
        let changes = own.changes.get_or_insert_with(|| ChangeSet::new(Arc::clone(account)));
        changes.added.push(subscription);
        changes.removed.extend(old);
        self.has_changes = true;
    }

    /// Ends interest.
    pub(super) fn end(&mut self, account: &[u8], subject: &[u8], queue: &[u8]) {
        self.write_key(subject, queue);
        let Some(own) = self.accounts.get_mut(account) else { return };
        let Some(subscription) = own.subscriptions.remove(&self.scratch[..]) else { return };
        let changes = own.changes.get_or_insert_with(|| ChangeSet::new(Arc::clone(&own.account)));
        changes.removed.push(subscription);
        self.has_changes = true;
    }

    /// Ends everything in one account.
    pub(super) fn end_account(&mut self, account: &[u8]) {
        let Some(own) = self.accounts.get_mut(account) else { return };
        let changes = own.changes.get_or_insert_with(|| ChangeSet::new(Arc::clone(&own.account)));
        changes.removed.extend(own.subscriptions.drain().map(|(_, subscription)| subscription));
    }

    /// Ends everything.
    pub(super) fn end_all(&mut self) {
        let names: Vec<_> = self.accounts.keys().cloned().collect();
        names.iter().for_each(|name| self.end_account(name));
    }

    /// Ends what `is_allowed` does not take.
    pub(super) fn retain(&mut self, is_allowed: impl Fn(&[u8]) -> bool) {
        for own in self.accounts.values_mut() {
            let changes = own.changes.get_or_insert_with(|| ChangeSet::new(Arc::clone(&own.account)));
            own.subscriptions.retain(|_, subscription| {
                let stays = is_allowed(subscription.subject());
                if !stays {
                    changes.removed.push(Arc::clone(subscription));
                }
                stays
            });
        }
    }

    /// Changes since the last call, one set per account.
    pub(super) fn take_changes(&mut self) -> Vec<ChangeSet> {
        self.has_changes = false;
        let taken = self.accounts.values_mut().filter_map(|own| own.changes.take());
        taken.filter(|changes| !changes.is_empty()).collect()
    }

    fn write_key(&mut self, subject: &[u8], queue: &[u8]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(subject);
        if !queue.is_empty() {
            self.scratch.push(b' ');
            self.scratch.extend_from_slice(queue);
        }
    }
}
