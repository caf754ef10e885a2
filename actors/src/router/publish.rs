//! Matches a message and appends it to the batches of everybody who gets it.

use std::rc::Rc;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_codecs::client::encoder;
use troupe_engine::account::ServiceExport;
use troupe_engine::index::Matches;

use super::cache::{MatchCache, Plan, Source, count_hits};
use super::cache_stats::CacheStats;
use super::deliver::{Deliveries, Stalled};
use super::door::Door;
use super::messages::{ChangeSet, RouterHandle};
use super::remote::Reach;
use super::row::Row;
use super::trace::MessageTrace;
use super::view::AccountIndex;
use super::{AccountView, ClientSink, Message, Origin, Subscription};
use crate::connection::buffers::READ_SIZE;
use crate::connection::{BufferPool, PayloadTrace};

/// Payloads of at least this many bytes are shared between destinations, smaller ones are copied. A shared payload keeps the
/// whole read buffer alive, so this bounds how much more memory a slow reader holds than its pending bytes say.
pub(super) const SHARED_PAYLOAD: usize = READ_SIZE / 4;

/// Messages and deliveries after which a batch is interrupted: some milliseconds of work.
const LONG_BATCH: usize = 100_000;

/// Settings of a publisher.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublisherSettings {
    /// Number of the arbiter.
    pub arbiter: usize,
    /// Matches are not cached.
    pub disable_cache: bool,
}

/// The publish pipeline of one arbiter, used by all connections there, one batch at a time:
/// [`Publisher::begin`], any number of [`Publisher::publish`] and [`Publisher::reply`], [`Publisher::flush`].
#[derive(Debug)]
pub struct Publisher {
    pub(super) pool: Rc<BufferPool>,
    pub(super) router: RouterHandle,
    pub(super) view: Option<View>,
    pub(super) cache: MatchCache,
    cache_stats: Arc<CacheStats>,
    pub(super) deliveries: Deliveries,
    /// Places of the cache with messages not yet counted to their subscriptions.
    pub(super) uncounted: Vec<usize>,
    /// Messages and deliveries of the batch.
    pub(super) work: usize,
    /// Messages whose receivers all get the same bytes, not yet handed to their batches.
    pub(super) row: Option<Row>,
    /// Subscriptions that had their last message in this batch.
    pub(super) ended: Option<ChangeSet>,
    pub(super) random: SmallRng,
    /// Which local groups took the message at hand.
    taken: Vec<bool>,
    /// Ways into other accounts that the message at hand takes.
    pub(super) hops: Vec<Arc<Subscription>>,
    /// Services it has passed through.
    pub(super) chain: Vec<Arc<ServiceExport>>,
    /// How a message begins whose receivers see another subject.
    pub(super) shown_head: Vec<u8>,
    pub(super) is_tracing: bool,
    pub(super) payload_trace: PayloadTrace,
    /// Trace of the message at hand, where it has one.
    pub(super) trace: Option<Box<MessageTrace>>,
}

/// What a batch sees of its account.
#[derive(Debug)]
pub(super) struct View {
    account: u32,
    name: Arc<str>,
    generation: u64,
    index: Arc<AccountIndex>,
}

impl View {
    /// The newest view of an account.
    pub(super) fn of(account: &AccountView) -> Self {
        // The generation is read first: the snapshot is at least as new.
        let generation = account.generation();
        let name = Arc::clone(account.name());
        Self { account: account.id(), name, generation, index: account.snapshot() }
    }
}

impl Publisher {
    /// A publisher with its own cache.
    #[must_use]
    pub fn new(settings: PublisherSettings, router: RouterHandle, pool: Rc<BufferPool>) -> Self {
        Self {
            pool,
            cache_stats: router.cache_stats(settings.arbiter),
            router,
            view: None,
            cache: MatchCache::new(settings.disable_cache),
            deliveries: Deliveries::new(settings.arbiter),
            uncounted: Vec::new(),
            work: 0,
            row: None,
            ended: None,
            random: SmallRng::from_os_rng(),
            taken: Vec::new(),
            hops: Vec::new(),
            chain: Vec::new(),
            shown_head: Vec::new(),
            is_tracing: false,
            payload_trace: PayloadTrace::default(),
            trace: None,
        }
    }

    /// Throws away what a batch that was cut off by a panic left behind: it is lost with the connection that sent it.
    pub fn discard_unfinished(&mut self) {
        self.row = None;
        self.trace = None;
        self.hops.clear();
        self.chain.clear();
        self.deliveries.discard();
        for number in self.uncounted.drain(..) {
            self.cache.plan(number).hits = 0;
        }
    }

    /// Counts the messages of the batch so far to their subscriptions, before somebody looks at the counts or ends one.
    pub fn count(&mut self) {
        self.close_row();
        for number in self.uncounted.drain(..) {
            count_hits(self.cache.plan(number));
        }
    }

    /// Whether the batch has taken so long that other connections of the arbiter should have their turn.
    #[must_use]
    #[inline]
    pub fn is_long(&self) -> bool {
        self.work > LONG_BATCH
    }

    /// Whether the last batch went out in little pieces to many clients.
    #[must_use]
    pub fn is_scattered(&self) -> bool {
        self.deliveries.is_scattered()
    }

    /// Whether protocol trace lines are written.
    #[must_use]
    pub fn is_tracing(&self) -> bool {
        self.is_tracing
    }

    /// Sets how much of payloads trace lines show.
    pub fn set_payload_trace(&mut self, style: PayloadTrace) {
        self.payload_trace = style;
    }

    /// Tells the Router of subscriptions that had their last message.
    fn send_ended(&mut self) {
        if let Some(ended) = self.ended.take()
            && !self.router.send(ended)
        {
            // They are closed and get nothing; their places in the index stay taken.
            tracing::error!("the router takes no more changes");
        }
    }

    /// Starts a batch: takes the newest snapshot of the account. May be called again in the middle of one.
    pub fn begin(&mut self, account: Option<&AccountView>) {
        self.is_tracing = tracing::enabled!(tracing::Level::TRACE);
        self.work = 0;
        self.close_row();
        self.send_ended();
        let Some(account) = account else { return };
        self.view = Some(View::of(account));
    }

    /// Appends bytes for the publishing connection itself (`PONG`, `+OK`, `-ERR`), in order with its messages.
    #[inline]
    pub fn reply(&mut self, sink: &Arc<ClientSink>, bytes: &[u8]) {
        self.close_row();
        self.deliveries.batch(sink, &self.pool).current.extend_from_slice(bytes);
    }

    /// Delivers to everybody interested and yields to how many.
    #[inline]
    pub fn publish(&mut self, origin: Origin<'_>, message: &Message<'_>) -> usize {
        if let Some(num_receivers) = self.continue_row(origin, message) {
            return num_receivers;
        }
        let Some(number) = self.look_up(message.subject) else { return 0 };
        if self.start_row(number, origin, message) {
            return self.continue_row(origin, message).unwrap_or(0);
        }
        if let Some(subject) = message.shown_subject {
            self.show(subject, message.has_headers);
        }
        let has_limited = self.count_plain(number);
        if !self.cache.plan(number).remote.is_empty() {
            return self.publish_everywhere(number, origin, message, has_limited);
        }
        let first_member = self.draw(number);
        let (plan, mut door) = self.door(number, message);
        let mut num_delivered = 0;
        for subscription in &plan.matches.plain {
            num_delivered += usize::from(door.deliver(subscription, origin, message, has_limited));
        }
        for group in &plan.matches.groups {
            let first = if group.len() == 1 { 0 } else { first_member % group.len() };
            num_delivered += usize::from(door.deliver_to_group(group, first, origin, message));
        }
        self.conclude(origin, message, num_delivered)
    }

    /// Goes the ways into other accounts that the message has found, beside `num_delivered` receivers. Yields to how many it
    /// went in all; a requester is told that it was nobody.
    #[inline]
    fn conclude(&mut self, origin: Origin<'_>, message: &Message<'_>, num_delivered: usize) -> usize {
        let mut num_delivered = num_delivered;
        if !self.hops.is_empty() {
            num_delivered += self.follow_hops(origin, message);
        }
        if num_delivered == 0 && !message.reply.is_empty() {
            num_delivered = usize::from(self.resort(origin, message));
        }
        num_delivered
    }

    /// As [`Publisher::publish`], for a subject that other servers are interested in, too.
    #[inline(never)]
    fn publish_everywhere(
        &mut self,
        number: usize,
        origin: Origin<'_>,
        message: &Message<'_>,
        has_limited: bool,
    ) -> usize {
        let mut remote = std::mem::take(&mut self.cache.plan(number).remote);
        let mut taken = std::mem::take(&mut self.taken);
        let mut random = SmallRng::from_rng(&mut self.random);
        taken.clear();
        let (plan, mut door) = self.door(number, message);
        let mut num_delivered = 0;
        for subscription in &plan.matches.plain {
            num_delivered += usize::from(door.deliver(subscription, origin, message, has_limited));
        }
        for group in &plan.matches.groups {
            // Members here and there have the same chance, as in nats-server; a reply that comes from there stays here.
            let name = group[0].queue_opt().unwrap_or_default();
            let theirs = if origin.is_route() { 0 } else { remote.weight(name) };
            let drawn = random.random_range(0..group.len() + theirs);
            if drawn >= group.len() {
                taken.push(false);
                continue;
            }
            let is_taken = door.deliver_to_group(group, drawn, origin, message);
            taken.push(is_taken);
            num_delivered += usize::from(is_taken);
        }
        let groups = &plan.matches.groups;
        let is_taken = |name: &[u8]| {
            let place = groups.iter().position(|group| group[0].queue_opt() == Some(name));
            place.is_some_and(|place| taken[place])
        };
        num_delivered += remote.deliver(&mut door, origin, message, (Reach::All, is_taken), &mut random);
        self.cache.plan(number).remote = remote;
        self.taken = taken;
        let num_delivered = self.conclude(origin, message, num_delivered);
        if !origin.account.exchange().measured().is_empty() {
            self.tell_measured(origin, message);
        }
        num_delivered
    }

    /// Sends a message to the other servers that are interested in it, and to nobody here. Yields to how many it goes.
    pub(super) fn publish_abroad(&mut self, origin: Origin<'_>, message: &Message<'_>) -> usize {
        self.close_row();
        let Some(number) = self.look_up(message.subject) else { return 0 };
        self.deliver_abroad(number, origin, message, (Reach::All, |_: &[u8]| false))
    }

    /// Place of the plan for a subject in the view of the batch.
    #[inline]
    pub(super) fn look_up(&mut self, subject: &[u8]) -> Option<usize> {
        let view = self.view.as_ref()?;
        // The cache keeps zero for places never filled.
        let source =
            Source { account: view.account, name: &view.name, generation: view.generation + 1, index: &view.index };
        Some(self.cache.find(source, subject))
    }

    /// A number that says with which member of its groups a plan begins.
    #[inline]
    fn draw(&mut self, number: usize) -> usize {
        if self.cache.plan(number).matches.groups.is_empty() { 0 } else { self.random.random::<u32>() as usize }
    }

    /// The plan in a place, and the way out of one message for its receivers.
    #[inline]
    pub(super) fn door(&mut self, number: usize, message: &Message<'_>) -> (&Plan, Door<'_>) {
        let plan = &*self.cache.plan(number);
        self.work += 1;
        let door = Door {
            work: &mut self.work,
            head: if message.shown_subject.is_some() { &self.shown_head } else { plan.head(message.has_headers) },
            deliveries: &mut self.deliveries,
            pool: &self.pool,
            ended: &mut self.ended,
            hops: &mut self.hops,
            is_tracing: self.is_tracing,
            payload_trace: self.payload_trace,
        };
        (plan, door)
    }

    /// Hands a request nobody took to the server, where that has an answer; yields whether it has. A requester who wants to know is told
    /// otherwise.
    #[cold]
    pub(super) fn resort(&mut self, origin: Origin<'_>, message: &Message<'_>) -> bool {
        if !origin.is_route()
            && let Some(inbox) = self.router.last_resort(origin.account, message.subject)
        {
            self.deliveries.append_inside(inbox, origin, 0, message);
            return true;
        }
        if origin.no_responders {
            self.tell_no_responders(origin, message);
        }
        false
    }

    /// Answers a request nobody took, where the requester listens on the reply subject.
    #[cold]
    fn tell_no_responders(&mut self, origin: Origin<'_>, message: &Message<'_>) {
        let (Some(view), Some(requester)) = (&self.view, origin.sink) else { return };
        let mut matches = Matches::default();
        view.index.collect(message.reply, &mut matches);
        let listener = matches
            .plain
            .iter()
            .find(|subscription| subscription.client().is_some_and(|sink| Arc::ptr_eq(sink, requester)));
        let Some(listener) = listener.filter(|subscription| !subscription.is_closed()) else { return };
        let batch = self.deliveries.messages(requester, origin.sink, (1, 0), &self.pool);
        encoder::no_responders(&mut batch.current, message.reply, listener.sid(), message.subject);
    }

    /// Hands over what waits, before something is sent to the publishing connection past the batch.
    pub fn flush_reply(&mut self, own: &Arc<ClientSink>) {
        self.close_row();
        self.deliveries.push_all(Some(own));
    }

    /// How a message on `subject` begins.
    #[cold]
    pub(super) fn show(&mut self, subject: &[u8], has_headers: bool) {
        self.shown_head.clear();
        for part in [if has_headers { &b"HMSG "[..] } else { b"MSG " }, subject, b" "] {
            self.shown_head.extend_from_slice(part);
        }
    }

    /// Ends a batch of the connection `own`, or of the server: hands all messages over. Yields the fullest destination when it is so full that
    /// the publisher should stop reading until it drains.
    pub fn flush(&mut self, own: Option<&Arc<ClientSink>>) -> Option<Stalled> {
        self.count();
        self.cache_stats.show(&self.cache.figures());
        self.send_ended();
        // An arbiter that publishes nothing for long must not keep an old version of the index alive.
        self.view = None;
        self.deliveries.flush(own, &self.pool)
    }
}
