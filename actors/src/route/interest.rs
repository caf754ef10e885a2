//! What the other server wants, as subscriptions of this one.

use std::collections::HashMap;
use std::sync::Arc;

use troupe_engine::index::SubscriptionFacts;

use crate::router::subscription::PeerInterest;
use crate::router::{AccountView, ChangeSet, ClientSink, PeerLink, Subscription};

/// Subject, queue group and cluster of leaf nodes, with blanks between them, which none of them can contain.
type Key = Box<[u8]>;

/// Interest of another server in one account.
#[derive(Debug)]
struct AccountInterest {
    account: Arc<AccountView>,
    subscriptions: HashMap<Key, Arc<Subscription>, ahash::RandomState>,
    changes: Option<ChangeSet>,
}

impl AccountInterest {
    fn changes(&mut self) -> &mut ChangeSet {
        self.changes.get_or_insert_with(|| ChangeSet::new(Arc::clone(&self.account)))
    }
}

/// Everything the other server wants over one connection.
#[derive(Debug)]
pub(super) struct RemoteInterest {
    /// The connection, which counts its subscriptions.
    sink: Arc<ClientSink>,
    has_changes: bool,
    accounts: HashMap<Box<[u8]>, AccountInterest, ahash::RandomState>,
    scratch: Vec<u8>,
}

impl RemoteInterest {
    /// Nothing yet, over the connection behind `sink`.
    pub(super) fn new(sink: Arc<ClientSink>) -> Self {
        Self { sink, has_changes: false, accounts: HashMap::default(), scratch: Vec::new() }
    }

    /// Whether something has changed that the Router has not been told.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.has_changes
    }

    /// Begins interest, or changes its weight.
    pub(super) fn begin(&mut self, account: &Arc<AccountView>, link: &Arc<PeerLink>, interest: PeerInterest<'_>) {
        write_key(&mut self.scratch, interest.subject, interest.queue, interest.origin);
        let own = self.accounts.entry(account.name().as_bytes().into()).or_insert_with(|| AccountInterest {
            account: Arc::clone(account),
            subscriptions: HashMap::default(),
            changes: None,
        });
        let known = own.subscriptions.get(&self.scratch[..]);
        if known.is_some_and(|known| known.tag() == interest.weight) {
            return;
        }
        let subscription = Arc::new(Subscription::of_peer(Arc::clone(link), interest));
        let old = own.subscriptions.insert(self.scratch.as_slice().into(), Arc::clone(&subscription));
        if old.is_none() {
            self.sink.count_subscriptions(1);
        }
        let changes = own.changes();
        changes.added.push(subscription);
        changes.removed.extend(old);
        self.has_changes = true;
    }

    /// Ends interest.
    pub(super) fn end(&mut self, account: &[u8], (subject, queue, origin): (&[u8], &[u8], &[u8])) {
        write_key(&mut self.scratch, subject, queue, origin);
        let Some(own) = self.accounts.get_mut(account) else { return };
        let Some(subscription) = own.subscriptions.remove(&self.scratch[..]) else { return };
        own.changes().removed.push(subscription);
        self.sink.remove_subscriptions(1);
        self.has_changes = true;
    }

    /// Ends everything in one account.
    pub(super) fn end_account(&mut self, account: &[u8]) {
        let Some(own) = self.accounts.get_mut(account) else { return };
        let ended: Vec<_> = own.subscriptions.drain().map(|(_, subscription)| subscription).collect();
        self.sink.remove_subscriptions(u32::try_from(ended.len()).unwrap_or(u32::MAX));
        own.changes().removed.extend(ended);
    }

    /// Ends everything.
    pub(super) fn end_all(&mut self) {
        let names: Vec<_> = self.accounts.keys().cloned().collect();
        names.iter().for_each(|name| self.end_account(name));
    }

    /// Ends what `is_allowed` does not take.
    pub(super) fn retain(&mut self, is_allowed: impl Fn(&[u8]) -> bool) {
        for own in self.accounts.values_mut() {
            let mut ended = Vec::new();
            own.subscriptions.retain(|_, subscription| {
                let stays = is_allowed(subscription.subject());
                if !stays {
                    ended.push(Arc::clone(subscription));
                }
                stays
            });
            self.sink.remove_subscriptions(u32::try_from(ended.len()).unwrap_or(u32::MAX));
            own.changes().removed.extend(ended);
        }
    }

    /// Changes since the last call, one set per account.
    pub(super) fn take_changes(&mut self) -> Vec<ChangeSet> {
        self.has_changes = false;
        let taken = self.accounts.values_mut().filter_map(|own| own.changes.take());
        taken.filter(|changes| !changes.is_empty()).collect()
    }
}

fn write_key(key: &mut Vec<u8>, subject: &[u8], queue: &[u8], origin: &[u8]) {
    key.clear();
    key.extend_from_slice(subject);
    if queue.is_empty() && origin.is_empty() {
        return;
    }
    for part in [queue, origin] {
        key.push(b' ');
        key.extend_from_slice(part);
    }
}
