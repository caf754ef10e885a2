//! What a stream owns. Its consumers work with it, too.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use troupe_codecs::api::stream::{RetentionPolicy, StorageType};
use troupe_codecs::api::{StreamConfig, errors};
use troupe_engine::consumer::Audience;
use troupe_engine::consumer::audience::Member;
use troupe_engine::stream::dedupe::Dedupe;
use troupe_engine::stream::feeder::Request;
use troupe_engine::subject::Transform;
use troupe_store::{Purge, StoreError, StreamStore, SubjectFilter};

use super::batches::Batches;
use super::fast::FastBatches;
use super::follow::Following;
use super::reply::Replies;
use super::snapshot::Snapshots;
use crate::jetstream::account::JetStreamAccount;
use crate::jetstream::entry::StreamEntry;
use crate::jetstream::server::JetStreamServer;
use crate::jetstream::stores;
use crate::router::messages::Ticket;
use crate::router::{ArbiterLocal, Content, Seat, ServerMessage, Subscription, arbiter_local};

/// Messages to be stored.
pub const TAG_PUBLISH: u32 = 0;
/// Direct reads.
pub const TAG_DIRECT: u32 = 1;
/// Direct reads whose subject ends with that of the message.
pub const TAG_DIRECT_SUBJECT: u32 = 2;
/// Answers to the parts of a copy.
pub const TAG_SNAPSHOT: u32 = 3;
/// Everything for consumers has this tag or a higher one, below [`TAG_FOLLOW`].
pub const TAG_CONSUMERS: u32 = 16;

pub use super::follow::TAG_FOLLOW;

/// What a stream owns.
pub struct StreamCore {
    /// JetStream.
    pub server: Arc<JetStreamServer>,
    /// The account.
    pub account: Arc<JetStreamAccount>,
    /// The stream as the others see it.
    pub entry: Arc<StreamEntry>,
    /// Publishing from this thread.
    pub local: Rc<ArbiterLocal>,
    /// Configuration in force.
    pub config: Arc<StreamConfig>,
    /// The store.
    pub store: StoreGuard,
    /// Which consumers care for a message.
    pub audience: Audience,
    /// Consumers that waited for a message like one that came.
    pub woken: Vec<Member>,
    pub(super) dedupe: Dedupe,
    pub(super) last_msg_id: Vec<u8>,
    /// The ids of messages that were there when the stream was opened are not in the two before yet.
    pub(super) owes_ids: bool,
    pub(super) transform: Option<Transform>,
    pub(super) republish: Option<Transform>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    pub(super) is_destroyed: bool,
    /// The first sequence was set, by a purge or the configuration.
    pub(super) has_begun: bool,
    /// Subjects that were purged since consumers were told; empty for all.
    pub(super) purged: BTreeSet<Bytes>,
    pub(super) batches: Batches,
    pub(super) fast: FastBatches,
    pub(super) following: Following,
    pub(super) snapshots: Snapshots,
    /// Requests that wait until their subscriptions are visible, and where the answers come.
    pub(super) requests: Vec<(Ticket, Request, String)>,
    pub(super) replies: Replies,
    /// When the store is to be looked after; none while it has nothing to do.
    pub(super) maintenance_due: Option<i64>,
}

impl std::fmt::Debug for StreamCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamCore").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The store: taken up when it is used, laid down while the actor rests, and when it ends so that the next instance finds it.
#[derive(Debug)]
pub struct StoreGuard {
    entry: Arc<StreamEntry>,
    store: OnceCell<Box<dyn StreamStore>>,
    is_forgotten: bool,
}

fn taken_from(entry: &StreamEntry) -> Box<dyn StreamStore> {
    entry.take_store().expect("an actor finds its store where it laid it down")
}

impl std::ops::Deref for StoreGuard {
    type Target = dyn StreamStore;

    fn deref(&self) -> &Self::Target {
        &**self.store.get_or_init(|| taken_from(&self.entry))
    }
}

impl std::ops::DerefMut for StoreGuard {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut **self.taken_up()
    }
}

impl StoreGuard {
    /// Does not give the store to the next instance.
    fn forget(&mut self) {
        self.is_forgotten = true;
    }

    fn taken_up(&mut self) -> &mut Box<dyn StreamStore> {
        if self.store.get().is_none() {
            self.store = OnceCell::from(taken_from(&self.entry));
        }
        self.store.get_mut().expect("it was put there")
    }

    /// Others may read it until it is used again.
    pub(super) fn lay_down(&mut self) {
        if let Some(store) = self.store.take() {
            self.entry.put_store(store);
        }
    }

    fn replace(&mut self, store: Box<dyn StreamStore>) -> Box<dyn StreamStore> {
        std::mem::replace(self.taken_up(), store)
    }
}

impl Drop for StoreGuard {
    fn drop(&mut self) {
        if !self.is_forgotten {
            self.lay_down();
        }
    }
}

impl Drop for StreamCore {
    fn drop(&mut self) {
        self.drop_fast();
        self.entry.park(&mut self.subscriptions);
    }
}

impl StreamCore {
    /// Opens the store. One that cannot be opened leaves the stream offline, with an empty store in memory.
    pub(super) fn open(
        server: Arc<JetStreamServer>,
        account: Arc<JetStreamAccount>,
        entry: Arc<StreamEntry>,
        seat: Seat,
    ) -> Self {
        let parts = server.parts();
        let local = arbiter_local(seat, &parts.router, parts.disable_cache);
        let config = entry.config();
        let opened = entry.take_store().map_or_else(|| stores::open(&server, &account, &entry), Ok);
        let store = opened.unwrap_or_else(|cause| {
            tracing::error!("stream '{} > {}' cannot be opened: {cause}", account.name(), entry.name());
            entry.set_offline(Some(cause.to_string()));
            stores::empty(&config)
        });
        let store = StoreGuard { entry: Arc::clone(&entry), store: OnceCell::from(store), is_forgotten: false };
        let replies = Replies::new(&config, server.domain());
        let subscriptions = entry.take_parked();
        let has_begun = config.first_seq > 0;
        // A mirror notes none of those it copies, and may become a stream of its own.
        let owes_ids = store.state().last_seq > 0 || config.mirror.is_some();
        let mut core = Self {
            server,
            account,
            entry,
            local,
            config,
            store,
            audience: Audience::default(),
            woken: Vec::new(),
            dedupe: Dedupe::default(),
            last_msg_id: Vec::new(),
            owes_ids,
            transform: None,
            republish: None,
            subscriptions,
            is_destroyed: false,
            has_begun,
            purged: BTreeSet::new(),
            batches: Batches::default(),
            fast: FastBatches::default(),
            following: Following::default(),
            snapshots: Snapshots::default(),
            requests: Vec::new(),
            replies,
            maintenance_due: None,
        };
        core.configure();
        core.follow();
        core.store.drop_contents();
        core.plan_maintenance();
        core.publish_usage();
        core
    }

    /// Whether the stream cannot be served.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.entry.offline_reason().is_some()
    }

    /// Whether messages stay only as long as consumers need them.
    #[must_use]
    pub fn keeps_for_consumers(&self) -> bool {
        self.config.retention != RetentionPolicy::Limits
    }

    /// Removes all messages: nobody is left who needs them.
    pub fn purge_all(&mut self) {
        self.purge_quietly(b"", 0);
    }

    /// Removes messages of these subjects, empty for all: those before a sequence, or all but the newest, as far as they
    /// are not zero. Consumers are told at the end of the batch.
    pub(super) fn purge_subjects(&mut self, subjects: &[u8], before_seq: u64, keep: u64) -> Result<u64, StoreError> {
        let filter = if subjects.is_empty() { SubjectFilter::all() } else { SubjectFilter::one(subjects) };
        // Some messages are gone even where it fails.
        if !self.purged.contains(subjects) {
            self.purged.insert(Bytes::copy_from_slice(subjects));
        }
        self.store.purge(&Purge { filter, before_seq, keep })
    }

    /// As [`StreamCore::purge_subjects`], where nobody asks whether it fails: that is logged.
    pub(super) fn purge_quietly(&mut self, subjects: &[u8], keep: u64) {
        if let Err(cause) = self.purge_subjects(subjects, 0, keep) {
            tracing::error!("stream '{} > {}' cannot purge: {cause}", self.account.name(), self.entry.name());
        }
    }

    /// Takes over what depends on the configuration.
    pub(super) fn configure(&mut self) {
        let rule = |source: &str, destination: &str| Transform::new(source, destination).ok();
        self.transform = self.config.subject_transform.as_ref().and_then(|change| rule(&change.src, &change.dest));
        self.republish = self.config.republish.as_ref().and_then(|change| rule(&change.src, &change.dest));
        self.replies = Replies::new(&self.config, self.server.domain());
    }

    /// Subscribes to the subjects of the stream. The ticket opens when every publisher sees it.
    pub(super) fn subscribe(&mut self) -> Option<Ticket> {
        if self.is_offline() {
            return None;
        }
        let name = self.entry.name();
        let mut wanted: Vec<(String, &[u8], u32)> = Vec::new();
        wanted.extend(self.config.subjects.iter().map(|subject| (subject.clone(), &b""[..], TAG_PUBLISH)));
        let mut direct = |name: &str| {
            for (subject, tag) in [(name.to_owned(), TAG_DIRECT), (format!("{name}.>"), TAG_DIRECT_SUBJECT)] {
                wanted.push((format!("$JS.API.DIRECT.GET.{subject}"), &b"_sys_"[..], tag));
            }
        };
        if self.config.allow_direct {
            direct(name);
        }
        if let Some(mirror) = self.config.mirror.as_ref().filter(|_| self.config.mirror_direct) {
            direct(&mirror.name);
        }
        let is_there = |known: &Arc<Subscription>, (subject, _, tag): &(String, &[u8], u32)| {
            known.tag() == *tag && troupe_engine::index::SubscriptionFacts::subject(&**known) == subject.as_bytes()
        };
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.subscriptions)
            .into_iter()
            .partition(|known| wanted.iter().any(|wanted| is_there(known, wanted)));
        wanted.retain(|wanted| !kept.iter().any(|known| is_there(known, wanted)));
        let inbox = self.entry.inbox();
        let made = wanted.iter().map(|(subject, queue, tag)| {
            Arc::new(Subscription::inside(Arc::clone(inbox), subject.as_bytes(), queue, *tag))
        });
        let made: Vec<_> = made.collect();
        self.subscriptions = kept;
        self.subscriptions.extend(made.iter().cloned());
        self.change_subscriptions(made, gone)
    }

    /// Takes the subscriptions of consumers that the instance before had.
    pub(in crate::jetstream) fn take_parked_of_consumers(&mut self) -> Vec<Arc<Subscription>> {
        let (of_consumers, own) =
            std::mem::take(&mut self.subscriptions).into_iter().partition(|known| known.tag() >= TAG_CONSUMERS);
        self.subscriptions = own;
        of_consumers
    }

    /// Subscribes the inbox of the stream to more subjects, and to fewer. What matches comes with the tag given.
    pub fn change_subscriptions(&self, made: Vec<Arc<Subscription>>, gone: Vec<Arc<Subscription>>) -> Option<Ticket> {
        let router = &self.server.parts().router;
        let view = self.account.view();
        let mut last = None;
        if !gone.is_empty() {
            last = router.unsubscribe_inside(view, gone).ok();
        }
        if !made.is_empty() {
            last = router.subscribe_inside(view, made).ok();
        }
        last
    }

    /// Sends a message; to nobody in particular when there is no reply.
    pub(super) fn send_message(&self, to: &[u8], reply: &[u8], headers: &[u8], payload: &[u8]) {
        let mut batch = self.local.server_batch(self.account.view());
        let content = Content::Parts(headers, payload);
        batch.publish(&ServerMessage { to, shown_subject: None, reply, content });
        batch.finish();
    }

    /// When something of the stream itself is due.
    pub(super) fn deadline(&self) -> Option<i64> {
        let ids = self.dedupe.deadline(self.config.duplicates);
        [
            self.store.next_deadline(),
            self.store.next_schedule(),
            ids,
            self.batches.deadline(),
            self.fast.deadline(),
            self.following.deadline(),
            self.snapshots.deadline(),
            self.maintenance_due,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Tells the others what the stream holds. Whoever is answered reads it from then on.
    pub(super) fn publish_usage(&self) {
        let state = self.store.state();
        let usage = self.entry.usage();
        usage.messages.store(state.msgs, Ordering::Relaxed);
        let told = usage.bytes.swap(state.bytes, Ordering::Relaxed);
        // All streams share what is added up there.
        if told != state.bytes {
            self.server.capacity().changed(self.config.storage, told, state.bytes);
        }
        if usage.lost.swap(state.lost_msgs, Ordering::Relaxed) < state.lost_msgs {
            self.tell_lost(&state);
        }
    }

    /// Writes everything out. What is in files stays there; what is in memory stays for the next instance of the actor.
    pub(super) fn close(&mut self) {
        if self.is_destroyed || self.config.storage == StorageType::Memory {
            return;
        }
        let store = self.store.replace(stores::empty(&self.config));
        if let Err(cause) = store.close() {
            tracing::error!("stream '{} > {}' cannot be closed: {cause}", self.account.name(), self.entry.name());
        }
        self.store.forget();
    }

    /// Removes everything the stream has, files too.
    pub(super) fn destroy(&mut self) -> Result<(), troupe_codecs::api::ApiError> {
        self.drop_snapshots();
        let gone = std::mem::take(&mut self.subscriptions);
        self.change_subscriptions(Vec::new(), gone);
        self.is_destroyed = true;
        for removal in self.following.removals() {
            self.send_request(&removal, "");
        }
        self.drop_batches();
        let store = self.store.replace(stores::empty(&self.config));
        let outcome = store.destroy();
        outcome.map_err(|cause: StoreError| errors::STREAM_DELETE.with(cause))
    }
}
