//! What others say to the Router.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use thiserror::Error;
use troupe_codecs::system::ServerStamp;

use super::cache_stats::{CacheFigures, CacheStats};
use super::exchange::StreamLink;
use super::last_resort::LastResort;
use super::peer::Announcement;
use super::{AccountView, Inbox, PeerDirectory, PeerLink, Pools, Subscription};
use crate::queue::{Batch, Fenced, FullPolicy, Queue, QueueConsumer, QueueDepth, QueueLimits};

/// Most change sets waiting for the Router. A connection has at most one with a barrier on its way, so this is out of reach
/// in service; a refused set closes the connection that sent it.
const LIMITS: QueueLimits = QueueLimits { max_items: 1 << 20, max_bytes: usize::MAX };

/// Changes of one connection's subscriptions. Applying a set twice is harmless.
#[derive(Debug)]
pub struct ChangeSet {
    /// Account of the subscriptions.
    pub account: Arc<AccountView>,
    /// New ones.
    pub added: Vec<Arc<Subscription>>,
    /// Ended ones, applied after the new ones: a subscription may be in both.
    pub removed: Vec<Arc<Subscription>>,
    /// Streams the account imports from now on, where that changes.
    pub streams: Option<Arc<Vec<StreamLink>>>,
    /// Opened once the changes are visible to every publisher.
    pub barrier: Option<Ticket>,
}

impl ChangeSet {
    /// No change yet.
    #[must_use]
    pub fn new(account: Arc<AccountView>) -> Self {
        Self { account, added: Vec::new(), removed: Vec::new(), streams: None, barrier: None }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.streams.is_none()
    }
}

/// What the Router is told.
#[derive(Debug)]
pub(super) enum RouterCommand {
    /// Subscriptions change.
    Change(ChangeSet),
    /// There is a connection to another server.
    Join(Arc<PeerLink>),
    /// It has ended.
    Leave(Arc<PeerLink>),
    /// Accounts are spread over connections anew.
    Spread(Pools),
    /// Other interest is told over a connection.
    Announce(Announcement),
}

/// Tells a connection that its changes are visible.
#[derive(Debug, Default)]
pub struct Barrier {
    issued: AtomicU64,
    opened: AtomicU64,
    waiter: AtomicWaker,
}

/// One passage through a [`Barrier`].
#[derive(Clone, Debug)]
pub struct Ticket {
    barrier: Arc<Barrier>,
    number: u64,
}

impl Barrier {
    /// A ticket for the changes sent next.
    #[must_use]
    pub fn issue(self: &Arc<Self>) -> Ticket {
        Ticket { barrier: Arc::clone(self), number: self.issued.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Ticket {
    /// Lets the waiter through. Opening twice is harmless.
    pub fn open(&self) {
        self.barrier.opened.fetch_max(self.number, Ordering::Release);
        self.barrier.waiter.wake();
    }

    /// Ready once opened. One task may wait.
    pub fn poll_open(&self, cx: &mut Context<'_>) -> Poll<()> {
        let is_open = || self.barrier.opened.load(Ordering::Acquire) >= self.number;
        if is_open() {
            return Poll::Ready(());
        }
        self.barrier.waiter.register(cx.waker());
        if is_open() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until opened.
    pub async fn wait(&self) {
        poll_fn(|cx| self.poll_open(cx)).await;
    }
}

/// The Router takes no more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the router takes no more changes")]
pub struct RouterFull;

/// How the server introduces itself in what it tells, counting it.
pub type Introduction = Box<dyn Fn() -> ServerStamp + Send + Sync>;

/// The door to the Router. It outlives every instance of the actor: what is sent while none runs waits.
#[derive(Clone)]
pub struct RouterHandle {
    queue: Queue<RouterCommand>,
    /// Accounts that import streams: a new Router instance looks after them.
    importers: Arc<Mutex<Vec<Arc<AccountView>>>>,
    peers: Arc<PeerDirectory>,
    /// Numbers of the match caches, by arbiter.
    caches: Arc<Mutex<BTreeMap<usize, Arc<CacheStats>>>>,
    /// How the server introduces itself, once it has a system account.
    introduction: Arc<OnceLock<Introduction>>,
    /// Who answers requests that nobody takes.
    last_resort: Arc<OnceLock<LastResort>>,
}

impl fmt::Debug for RouterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterHandle").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Default for RouterHandle {
    fn default() -> Self {
        Self {
            queue: Queue::new(LIMITS, FullPolicy::Refuse),
            importers: Arc::default(),
            peers: Arc::default(),
            caches: Arc::default(),
            introduction: Arc::default(),
            last_resort: Arc::default(),
        }
    }
}

impl RouterHandle {
    /// Queues changes; false when the Router is so far behind that it takes no more.
    pub fn send(&self, changes: ChangeSet) -> bool {
        self.queue.push(RouterCommand::Change(changes), 0).is_ok()
    }

    /// Other servers, as far as the Router knows of them.
    #[must_use]
    pub fn peers(&self) -> &PeerDirectory {
        &self.peers
    }

    /// Has a connection to another server told everything it carries, now and from now on.
    pub fn join(&self, link: Arc<PeerLink>) -> bool {
        self.queue.push(RouterCommand::Join(link), 0).is_ok()
    }

    /// Tells a connection to another server no more.
    pub fn leave(&self, link: Arc<PeerLink>) -> bool {
        self.queue.push(RouterCommand::Leave(link), 0).is_ok()
    }

    /// Spreads accounts over connections anew, and tells those that carry an account now.
    pub fn spread(&self, pools: Pools) -> bool {
        self.queue.push(RouterCommand::Spread(pools), 0).is_ok()
    }

    /// Has other interest told over a connection.
    pub fn announce(&self, announcement: Announcement) -> bool {
        self.queue.push(RouterCommand::Announce(announcement), 0).is_ok()
    }

    /// Subscribes actors of this server in `account`. The ticket opens when every publisher sees it.
    ///
    /// # Errors
    /// The Router is so far behind that it takes no more changes.
    pub fn subscribe_inside(
        &self,
        account: &Arc<AccountView>,
        subscriptions: Vec<Arc<Subscription>>,
    ) -> Result<Ticket, RouterFull> {
        let added = ChangeSet { added: subscriptions, ..ChangeSet::new(Arc::clone(account)) };
        self.change(added)
    }

    /// Ends subscriptions of actors of this server.
    ///
    /// # Errors
    /// The Router is so far behind that it takes no more changes. The subscriptions get nothing any more all the same.
    pub fn unsubscribe_inside(
        &self,
        account: &Arc<AccountView>,
        subscriptions: Vec<Arc<Subscription>>,
    ) -> Result<Ticket, RouterFull> {
        subscriptions.iter().for_each(|subscription| {
            subscription.close();
        });
        self.change(ChangeSet { removed: subscriptions, ..ChangeSet::new(Arc::clone(account)) })
    }

    /// Makes changes that belong to no connection. The ticket opens when every publisher sees them.
    ///
    /// # Errors
    /// The Router is so far behind that it takes no more changes.
    pub fn change(&self, mut changes: ChangeSet) -> Result<Ticket, RouterFull> {
        let ticket = Arc::new(Barrier::default()).issue();
        changes.barrier = Some(ticket.clone());
        if self.send(changes) { Ok(ticket) } else { Err(RouterFull) }
    }

    /// The numbers of the match cache of an arbiter.
    pub(super) fn cache_stats(&self, arbiter: usize) -> Arc<CacheStats> {
        Arc::clone(self.caches.lock().entry(arbiter).or_default())
    }

    /// The numbers of all match caches together.
    #[must_use]
    pub fn cache_figures(&self) -> CacheFigures {
        CacheFigures::sum(self.caches.lock().values().map(|stats| &**stats))
    }

    /// Has requests that nobody takes answered. Once.
    pub fn resort_to(&self, last_resort: LastResort) {
        self.last_resort.set(last_resort).ok();
    }

    /// Who takes a request that nobody in its account takes.
    pub(super) fn last_resort(&self, account: &AccountView, subject: &[u8]) -> Option<&Arc<Inbox>> {
        self.last_resort.get()?.inbox(account, subject)
    }

    /// Has message traces told, by a server that introduces itself so. Once.
    pub fn introduce(&self, introduction: Introduction) {
        self.introduction.set(introduction).ok();
    }

    /// How the server introduces itself; `None` while it tells nothing.
    #[must_use]
    pub fn stamp(&self) -> Option<ServerStamp> {
        Some(self.introduction.get()?())
    }

    /// Accounts that import streams.
    pub(super) fn importers(&self) -> Vec<Arc<AccountView>> {
        self.importers.lock().clone()
    }

    /// Notes that an account imports streams.
    pub(super) fn note_importer(&self, account: &Arc<AccountView>) {
        let mut importers = self.importers.lock();
        if !importers.iter().any(|known| Arc::ptr_eq(known, account)) {
            importers.push(Arc::clone(account));
        }
    }

    /// Makes the calling Router the consumer, with everything its predecessor did not finish.
    pub(super) fn consume(&self) -> QueueConsumer<RouterCommand> {
        self.queue.recover()
    }

    /// Forgets a batch that is published.
    pub(super) fn commit(&self, batch: Batch<RouterCommand>) -> Result<(), Fenced> {
        self.queue.commit(batch)
    }

    /// How far the Router is behind.
    #[must_use]
    pub fn depth(&self) -> QueueDepth {
        self.queue.depth()
    }
}
