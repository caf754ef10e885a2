//! A stream as the others see it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use troupe_codecs::api::{StreamConfig, Timestamp};
use troupe_engine::stream::sources::short_hash;
use troupe_store::StreamStore;

use super::messages::StreamCommand;
use super::stream::core::TAG_PUBLISH;
use super::stream::direct::{DirectReads, Shelf};
use crate::queue::{FullPolicy, Queue, QueueLimits};
use crate::router::{Inbox, Subscription};

/// Most bytes of messages that wait for a stream.
const INBOX_BYTES: usize = 128 << 20;
/// Most commands that wait for a stream.
const MAX_COMMANDS: usize = 10_000;

/// A stream as the others see it. It outlives the instances of its actor.
pub struct StreamEntry {
    name: Arc<str>,
    created: Timestamp,
    config: ArcSwap<StreamConfig>,
    inbox: Arc<Inbox>,
    commands: Queue<StreamCommand>,
    shelf: Arc<Shelf>,
    /// Subscriptions of an instance that ended, for the next one: messages go on to come in between.
    parked: Mutex<Vec<Arc<Subscription>>>,
    /// Why the stream is not served.
    offline: ArcSwapOption<String>,
    is_recovered: AtomicBool,
    /// There are files of it.
    is_kept: AtomicBool,
    /// Name of its actor on the board.
    child: Mutex<String>,
    usage: StreamUsage,
}

/// What a stream holds, as of its last batch.
#[derive(Debug, Default)]
pub struct StreamUsage {
    /// Messages.
    pub messages: AtomicU64,
    /// Bytes.
    pub bytes: AtomicU64,
    /// Consumers.
    pub consumers: AtomicU64,
    /// Messages that were found damaged since the stream was opened.
    pub lost: AtomicU64,
    /// Those among them that clients see.
    pub shown_consumers: AtomicU64,
}

impl fmt::Debug for StreamEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEntry").field("name", &self.name).field("usage", &self.usage).finish_non_exhaustive()
    }
}

impl StreamEntry {
    /// A stream whose actor has not been started. `on_full` says what becomes of messages there is no room for.
    #[must_use]
    pub fn new(config: StreamConfig, created: Timestamp, on_full: crate::router::inbox::OnFull) -> Arc<Self> {
        let limits = QueueLimits { max_items: MAX_COMMANDS, max_bytes: usize::MAX };
        let name: Arc<str> = config.name.as_str().into();
        let shelf = Arc::<Shelf>::default();
        let desk = Box::new(DirectReads::new(Arc::clone(&name), Arc::clone(&shelf)));
        Arc::new(Self {
            name: Arc::clone(&name),
            created,
            config: ArcSwap::from_pointee(config),
            inbox: Inbox::of_stream(Arc::clone(&name), TAG_PUBLISH, INBOX_BYTES, (on_full, desk)),
            commands: Queue::new(limits, FullPolicy::Refuse),
            shelf,
            parked: Mutex::default(),
            offline: ArcSwapOption::empty(),
            is_recovered: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            child: Mutex::default(),
            usage: StreamUsage::default(),
        })
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// When it was made.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// What tells it from others that have or had its name.
    #[must_use]
    pub fn identity(&self) -> String {
        short_hash(&self.created.to_string())
    }

    /// Configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<StreamConfig> {
        self.config.load_full()
    }

    pub(super) fn set_config(&self, config: Arc<StreamConfig>) {
        self.config.store(config);
    }

    /// Where its messages come in.
    #[must_use]
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(super) fn commands(&self) -> &Queue<StreamCommand> {
        &self.commands
    }

    /// Asks something of the stream. False when too much waits already.
    #[must_use]
    pub fn ask(&self, command: StreamCommand) -> bool {
        self.commands.push(command, 0).is_ok()
    }

    /// What it holds.
    #[must_use]
    pub fn usage(&self) -> &StreamUsage {
        &self.usage
    }

    /// Why the stream is not served, if it is not.
    #[must_use]
    pub fn offline_reason(&self) -> Option<Arc<String>> {
        self.offline.load_full()
    }

    pub(super) fn set_offline(&self, reason: Option<String>) {
        self.offline.store(reason.map(Arc::new));
    }

    /// Whether its actor has opened its store.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::Acquire)
    }

    pub(super) fn set_recovered(&self) {
        self.is_recovered.store(true, Ordering::Release);
    }

    /// Name of its actor on the board.
    #[must_use]
    pub fn child(&self) -> String {
        self.child.lock().clone()
    }

    pub(super) fn set_child(&self, name: String) {
        *self.child.lock() = name;
    }

    /// Keeps subscriptions of an instance that ends.
    pub(super) fn park(&self, subscriptions: &mut Vec<Arc<Subscription>>) {
        self.parked.lock().append(subscriptions);
    }

    /// Subscriptions of the instance before.
    pub(super) fn take_parked(&self) -> Vec<Arc<Subscription>> {
        std::mem::take(&mut *self.parked.lock())
    }

    /// Whether there are files of it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Acquire)
    }

    pub(super) fn set_kept(&self) {
        self.is_kept.store(true, Ordering::Release);
    }

    pub(super) fn take_store(&self) -> Option<Box<dyn StreamStore>> {
        self.shelf.take()
    }

    pub(super) fn put_store(&self, store: Box<dyn StreamStore>) {
        self.shelf.put(store);
    }
}
