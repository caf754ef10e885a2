//! Accounts as publishers see them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use troupe_engine::account::RateLimiter;
use troupe_engine::index::{Index, Matches};
use troupe_engine::options::AccountLimits;

use super::Subscription;
use super::exchange::Exchange;
use super::inbox::Inbox;
use super::subscription::Receiver;
use crate::supervisor::Epoch;

/// Most accounts that other servers have told of and that nothing else is known of: each name is theirs to choose.
const MAX_FORESEEN: usize = 64 * 1024;

/// Index of an account.
pub type AccountIndex = Index<Arc<Subscription>>;

/// One account: its published index and its limits.
#[derive(Debug)]
pub struct AccountView {
    id: u32,
    name: Arc<str>,
    generation: AtomicU64,
    /// Tells of each new generation, for those who follow the interest in a subject.
    changes: watch::Sender<u64>,
    snapshot: ArcSwap<AccountIndex>,
    /// The Router instance that published last. Locked for each publication, so that none comes in between.
    publisher: Mutex<Epoch>,
    limits: ArcSwap<AccountLimits>,
    /// How fast its connections may publish, where that is limited.
    limiter: ArcSwapOption<RateLimiter>,
    exchange: Exchange,
    /// Other servers have told of it, and nothing else is known yet.
    is_foreseen: AtomicBool,
    num_connections: AtomicU64,
    /// Connections on other servers.
    num_elsewhere: AtomicU64,
    num_subscriptions: AtomicU64,
    num_slow_consumers: AtomicU64,
}

impl AccountView {
    fn new(id: u32, name: &str, limits: AccountLimits) -> Self {
        Self {
            id,
            name: name.into(),
            generation: AtomicU64::new(0),
            changes: watch::Sender::new(0),
            snapshot: ArcSwap::default(),
            publisher: Mutex::new(Epoch::NONE),
            limiter: ArcSwapOption::new(RateLimiter::new(limits.rate).map(Arc::new)),
            limits: ArcSwap::from_pointee(limits),
            exchange: Exchange::default(),
            is_foreseen: AtomicBool::new(false),
            num_connections: AtomicU64::new(0),
            num_elsewhere: AtomicU64::new(0),
            num_subscriptions: AtomicU64::new(0),
            num_slow_consumers: AtomicU64::new(0),
        }
    }

    /// Number of the account, unique in the server.
    #[must_use]
    #[inline]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it has from other accounts and for them.
    #[must_use]
    #[inline]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Grows with each published snapshot.
    #[must_use]
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The last published index.
    #[must_use]
    pub fn snapshot(&self) -> Arc<AccountIndex> {
        self.snapshot.load_full()
    }

    /// Publishes an index for the Router instance `epoch`. False when a later instance has published: the index may lack
    /// what that one was told.
    #[must_use]
    pub(super) fn publish(&self, index: AccountIndex, epoch: Epoch) -> bool {
        let mut publisher = self.publisher.lock();
        if epoch < *publisher {
            return false;
        }
        *publisher = epoch;
        self.snapshot.store(Arc::new(index));
        let generation = self.generation.fetch_add(1, Ordering::Release) + 1;
        if self.changes.receiver_count() > 0 {
            self.changes.send_replace(generation);
        }
        true
    }

    /// Tells of each snapshot published from now on.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether a message on `subject` would reach somebody.
    #[must_use]
    pub fn has_interest(&self, subject: &[u8]) -> bool {
        self.is_heard(subject, |_| true)
    }

    /// Whether a message on `subject` would reach somebody beside the owner of `inbox`.
    #[must_use]
    pub fn has_interest_beside(&self, subject: &[u8], inbox: &Arc<Inbox>) -> bool {
        self.is_heard(
            subject,
            |subscription| !matches!(subscription.receiver(), Receiver::Inbox(own) if Arc::ptr_eq(own, inbox)),
        )
    }

    fn is_heard(&self, subject: &[u8], counts: impl Fn(&Subscription) -> bool) -> bool {
        let mut matches = Matches::default();
        self.snapshot().collect(subject, &mut matches);
        let mut all = matches.plain.iter().chain(matches.groups.iter().flatten());
        all.any(|subscription| !subscription.is_closed() && counts(subscription))
    }

    /// Whether an answer on `reply` would reach somebody in the account that asked; none where that is no other account.
    #[must_use]
    pub fn has_requester(&self, reply: &[u8]) -> Option<bool> {
        let replies = self.exchange.replies();
        if !replies.owns(reply) {
            return None;
        }
        Some(replies.get(reply).is_some_and(|response| {
            let (requester, to) = (&response.requester, &response.to);
            requester.has_requester(to).unwrap_or_else(|| requester.has_interest(to))
        }))
    }

    /// Limits in force.
    #[must_use]
    pub fn limits(&self) -> Arc<AccountLimits> {
        self.limits.load_full()
    }

    /// How fast its connections may publish, where that is limited.
    #[must_use]
    pub fn rate_limiter(&self) -> Option<Arc<RateLimiter>> {
        self.limiter.load_full()
    }

    /// Counts a connection in; false when the account is full, with what it has on other servers.
    #[must_use]
    pub fn enter(&self) -> bool {
        let limit = self.limits.load().max_connections.unwrap_or(u64::MAX).saturating_sub(self.num_elsewhere());
        let admitted = |count| (count < limit).then_some(count + 1);
        self.num_connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admitted).is_ok()
    }

    /// Counts a connection out.
    pub fn leave(&self) {
        self.num_connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections on other servers.
    #[must_use]
    pub fn num_elsewhere(&self) -> u64 {
        self.num_elsewhere.load(Ordering::Relaxed)
    }

    /// Takes note of the number of connections on other servers.
    pub fn set_elsewhere(&self, count: u64) {
        self.num_elsewhere.store(count, Ordering::Relaxed);
    }

    /// Counts subscriptions in.
    pub fn count_subscriptions(&self, count: u64) {
        self.num_subscriptions.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts subscriptions out.
    pub fn remove_subscriptions(&self, count: u64) {
        self.num_subscriptions.fetch_sub(count, Ordering::Relaxed);
    }

    /// Counts a connection that was closed for being slow.
    pub fn count_slow_consumer(&self) {
        self.num_slow_consumers.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections closed for being slow, so far.
    #[must_use]
    pub fn num_slow_consumers(&self) -> u64 {
        self.num_slow_consumers.load(Ordering::Relaxed)
    }

    /// Connections now.
    #[must_use]
    pub fn num_connections(&self) -> u64 {
        self.num_connections.load(Ordering::Relaxed)
    }

    /// Subscriptions now.
    #[must_use]
    pub fn num_subscriptions(&self) -> u64 {
        self.num_subscriptions.load(Ordering::Relaxed)
    }
}

/// All accounts by name. Accounts come with the configuration and a reload; they never go while the server runs.
#[derive(Debug, Default)]
pub struct Accounts {
    by_name: RwLock<HashMap<Arc<str>, Arc<AccountView>>>,
    /// Those of [`Accounts::foresee`] that have not been configured since. Changed under the lock of `by_name`.
    num_foreseen: AtomicUsize,
    /// That there are too many of them is in the log.
    is_excess_told: AtomicBool,
}

impl Accounts {
    /// The account of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<AccountView>> {
        self.by_name.read().get(name).cloned()
    }

    /// Makes the account, or gives an existing one new limits.
    pub fn configure(&self, name: &str, limits: AccountLimits) -> Arc<AccountView> {
        let mut by_name = self.by_name.write();
        if let Some(account) = by_name.get(name) {
            if account.limits.load().rate != limits.rate {
                account.limiter.store(RateLimiter::new(limits.rate).map(Arc::new));
            }
            account.limits.store(Arc::new(limits));
            if account.is_foreseen.swap(false, Ordering::Relaxed) {
                self.num_foreseen.fetch_sub(1, Ordering::Relaxed);
            }
            return Arc::clone(account);
        }
        let account = Arc::new(AccountView::new(by_name.len() as u32, name, limits));
        by_name.insert(Arc::clone(account.name()), Arc::clone(&account));
        account
    }

    /// The account of this name, which another server has told of before anything else is known of it: it is made, once. `None` when
    /// there are too many such accounts.
    #[must_use]
    pub fn foresee(&self, name: &str) -> Option<Arc<AccountView>> {
        let mut by_name = self.by_name.write();
        if let Some(account) = by_name.get(name) {
            return Some(Arc::clone(account));
        }
        if self.num_foreseen.load(Ordering::Relaxed) >= MAX_FORESEEN {
            if !self.is_excess_told.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "Other servers know of more than {MAX_FORESEEN} accounts that are unknown here: interest in more is ignored"
                );
            }
            return None;
        }
        self.num_foreseen.fetch_add(1, Ordering::Relaxed);
        let account = Arc::new(AccountView::new(by_name.len() as u32, name, AccountLimits::default()));
        account.is_foreseen.store(true, Ordering::Relaxed);
        by_name.insert(Arc::clone(account.name()), Arc::clone(&account));
        Some(account)
    }

    /// All of them, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<AccountView>> {
        self.by_name.read().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_others_tell_of_are_made_once_and_keep_what_is_known_of_them() {
        let accounts = Accounts::default();
        let limits = AccountLimits { max_connections: Some(3), ..AccountLimits::default() };
        let known = accounts.configure("KNOWN", limits);
        let again = accounts.foresee("KNOWN").expect("it is there");
        assert!(Arc::ptr_eq(&known, &again));
        assert_eq!(again.limits().max_connections, Some(3));
        let told = accounts.foresee("TOLD").expect("there is room");
        assert!(Arc::ptr_eq(&told, &accounts.foresee("TOLD").expect("it is there")));
    }

    #[test]
    fn others_cannot_tell_of_any_number_of_accounts() {
        let accounts = Accounts::default();
        assert!((0..MAX_FORESEEN).all(|number| accounts.foresee(&number.to_string()).is_some()));
        assert!(accounts.foresee("one more").is_none());
        assert!(accounts.foresee("0").is_some());
        accounts.configure("0", AccountLimits::default());
        accounts.configure("0", AccountLimits::default());
        assert!(accounts.foresee("one more").is_some());
        assert!(accounts.foresee("and one more").is_none());
    }
}
