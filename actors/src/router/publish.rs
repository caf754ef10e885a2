//! Matches a message and appends it to the batches of everybody who gets it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_codecs::client::encoder;
use troupe_engine::index::{Matches, SubscriptionFacts};

use super::cache::{MatchCache, Source, count_hits};
use super::deliver::Deliveries;
use super::messages::{ChangeSet, RouterHandle};
use super::subscription::Counted;
use super::view::AccountIndex;
use super::{AccountView, ClientSink, Subscription};
use crate::connection::buffers::READ_SIZE;
use crate::connection::{BufferPool, PayloadTrace};

/// Payloads of at least this many bytes are shared between destinations, smaller ones are copied. A shared payload keeps the
/// whole read buffer alive, so this bounds how much more memory a slow reader holds than its pending bytes say.
const SHARED_PAYLOAD: usize = READ_SIZE / 4;

/// Messages and deliveries after which a batch is interrupted: some milliseconds of work.
const LONG_BATCH: usize = 100_000;

/// One message on its way.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Subject.
    pub subject: &'a [u8],
    /// Reply subject; empty when there is none.
    pub reply: &'a [u8],
    /// `total`, or `header total`, as text.
    pub sizes: &'a [u8],
    /// Headers and payload, and the CRLF behind them.
    pub payload: &'a [u8],
    /// Bytes of `payload` that are headers.
    pub header_len: usize,
    /// It carries headers.
    pub has_headers: bool,
    /// From reply or sizes to the closing CRLF, where these bytes stand in one piece as a `MSG` needs them.
    pub verbatim_tail: Option<&'a [u8]>,
    /// The buffer `payload` is a part of.
    pub buffer: &'a Bytes,
}

impl Message<'_> {
    /// Headers and payload in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.payload.len() - 2
    }

    /// Whether headers and payload are empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The connection.
    pub sink: &'a Arc<ClientSink>,
    /// Its account.
    pub account: &'a Arc<AccountView>,
    /// It hears its own messages.
    pub echo: bool,
    /// It wants to know when nobody takes a request.
    pub no_responders: bool,
}

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
    pool: Rc<BufferPool>,
    router: RouterHandle,
    view: Option<View>,
    cache: MatchCache,
    deliveries: Deliveries,
    /// Places of the cache with messages not yet counted to their subscriptions.
    uncounted: Vec<usize>,
    /// Messages and deliveries of the batch.
    work: usize,
    /// Subscriptions that had their last message in this batch.
    ended: Option<ChangeSet>,
    random: SmallRng,
    is_tracing: bool,
    payload_trace: PayloadTrace,
}

/// What a batch sees of its account.
#[derive(Debug)]
struct View {
    account: u32,
    generation: u64,
    index: Arc<AccountIndex>,
}

impl Publisher {
    /// A publisher with its own cache.
    #[must_use]
    pub fn new(settings: PublisherSettings, router: RouterHandle, pool: Rc<BufferPool>) -> Self {
        Self {
            pool,
            router,
            view: None,
            cache: MatchCache::new(settings.disable_cache),
            deliveries: Deliveries::new(settings.arbiter),
            uncounted: Vec::new(),
            work: 0,
            ended: None,
            random: SmallRng::from_os_rng(),
            is_tracing: false,
            payload_trace: PayloadTrace::default(),
        }
    }

    /// Throws away what a batch that was cut off by a panic left behind: it is lost with the connection that sent it.
    pub fn discard_unfinished(&mut self) {
        self.deliveries.discard();
        for number in self.uncounted.drain(..) {
            self.cache.plan(number).hits = 0;
        }
    }

    /// Counts the messages of the batch so far to their subscriptions, before somebody looks at the counts.
    pub fn count(&mut self) {
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
        self.send_ended();
        let Some(account) = account else { return };
        // The generation is read first: the snapshot is at least as new.
        let generation = account.generation();
        self.view = Some(View { account: account.id(), generation, index: account.snapshot() });
    }

    /// Appends bytes for the publishing connection itself (`PONG`, `+OK`, `-ERR`), in order with its messages.
    #[inline]
    pub fn reply(&mut self, sink: &Arc<ClientSink>, bytes: &[u8]) {
        self.deliveries.batch(sink, &self.pool).current.extend_from_slice(bytes);
    }

    /// Delivers to everybody interested and yields to how many.
    #[inline]
    pub fn publish(&mut self, origin: Origin<'_>, message: &Message<'_>) -> usize {
        let Some(view) = &self.view else { return 0 };
        // The cache keeps zero for places never filled.
        let source = Source { account: view.account, generation: view.generation + 1, index: &view.index };
        let number = self.cache.find(source, message.subject);
        let plan = self.cache.plan(number);
        let has_limited = plan.matches.plain.iter().any(|subscription| subscription.is_limited());
        if has_limited {
            count_hits(plan);
        } else {
            if plan.hits == 0 {
                self.uncounted.push(number);
            }
            plan.hits += 1;
        }
        let mut door = Door {
            head: plan.head(message.has_headers),
            deliveries: &mut self.deliveries,
            pool: &self.pool,
            ended: &mut self.ended,
            is_tracing: self.is_tracing,
            payload_trace: self.payload_trace,
        };
        self.work += 1 + plan.matches.len();
        let mut num_delivered = 0;
        for subscription in &plan.matches.plain {
            num_delivered += usize::from(door.deliver(subscription, origin, message, has_limited));
        }
        for group in &plan.matches.groups {
            let first = if group.len() == 1 { 0 } else { self.random.random_range(0..group.len()) };
            let mut members = group[first..].iter().chain(&group[..first]);
            num_delivered += usize::from(members.any(|member| door.deliver(member, origin, message, true)));
        }
        if num_delivered == 0 && origin.no_responders && !message.reply.is_empty() {
            self.tell_no_responders(origin, message);
        }
        num_delivered
    }

    /// Answers a request nobody took, where the requester listens on the reply subject.
    #[cold]
    fn tell_no_responders(&mut self, origin: Origin<'_>, message: &Message<'_>) {
        let Some(view) = &self.view else { return };
        let mut matches = Matches::default();
        view.index.collect(message.reply, &mut matches);
        let listener = matches.plain.iter().find(|subscription| Arc::ptr_eq(subscription.sink(), origin.sink));
        let Some(listener) = listener.filter(|subscription| !subscription.is_closed()) else { return };
        let batch = self.deliveries.message(origin.sink, origin.sink, 0, &self.pool);
        encoder::no_responders(&mut batch.current, message.reply, listener.sid(), message.subject);
    }

    /// Hands over what waits, before something is sent to the publishing connection past the batch.
    pub fn flush_reply(&mut self, own: &Arc<ClientSink>) {
        self.deliveries.push_all(own);
    }

    /// Ends a batch of the connection `own`: hands all messages over. Yields the fullest destination when it is so full that the publisher should
    /// stop reading until it drains.
    pub fn flush(&mut self, own: &Arc<ClientSink>) -> Option<Arc<ClientSink>> {
        self.count();
        self.send_ended();
        // An arbiter that publishes nothing for long must not keep an old version of the index alive.
        self.view = None;
        self.deliveries.flush(own, &self.pool)
    }
}

/// The way out of one message.
struct Door<'a> {
    /// How the message begins for everybody.
    head: &'a [u8],
    deliveries: &'a mut Deliveries,
    pool: &'a BufferPool,
    ended: &'a mut Option<ChangeSet>,
    is_tracing: bool,
    payload_trace: PayloadTrace,
}

impl Door<'_> {
    /// Appends the message for one subscription; false when it may not or need not get it. `counts` says whether the
    /// delivery is counted here or with the rest of the batch.
    #[inline]
    fn deliver(
        &mut self,
        subscription: &Arc<Subscription>,
        origin: Origin<'_>,
        message: &Message<'_>,
        counts: bool,
    ) -> bool {
        let sink = subscription.sink();
        let is_refused = subscription.is_closed()
            || !origin.echo && Arc::ptr_eq(sink, origin.sink)
            || subscription.is_filtered() && sink.denies(message.subject, subscription.queue())
            || sink.is_dropping();
        if is_refused {
            if !counts {
                subscription.uncount();
            }
            return false;
        }
        if counts && !self.count(subscription, origin) {
            return false;
        }
        let batch = self.deliveries.message(sink, origin.sink, message.len(), self.pool);
        if message.has_headers && !sink.takes_headers() {
            append_without_headers(&mut batch.current, subscription, message);
        } else {
            let (head, shared) = split_shared(message);
            append_head(&mut batch.current, self.head, subscription, message);
            batch.current.extend_from_slice(head);
            if let Some(tail) = shared {
                batch.push_shared(tail);
            }
        }
        if !message.reply.is_empty() {
            sink.note_reply(message.reply);
        }
        if self.is_tracing {
            trace_delivery(subscription, message, self.payload_trace);
        }
        true
    }

    fn count(&mut self, subscription: &Arc<Subscription>, origin: Origin<'_>) -> bool {
        if !subscription.is_limited() {
            subscription.add_delivered(1);
            return true;
        }
        let counted = subscription.count_limited();
        if matches!(counted, Counted::DeliverLast | Counted::Overdue) {
            tracing::debug!(
                conn = %subscription.sink().label(),
                "Auto-unsubscribe limit of {} reached for sid '{}'",
                subscription.max(),
                String::from_utf8_lossy(subscription.sid())
            );
            origin.account.remove_subscriptions(1);
            let ended = self.ended.get_or_insert_with(|| ChangeSet::new(Arc::clone(origin.account)));
            ended.removed.push(Arc::clone(subscription));
        }
        matches!(counted, Counted::Deliver | Counted::DeliverLast)
    }
}

/// `MSG subject sid `, and where the tail is not one piece, the reply and the sizes.
#[inline]
fn append_head(out: &mut Vec<u8>, head: &[u8], subscription: &Subscription, message: &Message<'_>) {
    let sid = subscription.sid();
    let copied = if message.len() < SHARED_PAYLOAD { message.len() } else { 0 };
    out.reserve(head.len() + sid.len() + message.reply.len() + 48 + copied);
    out.extend_from_slice(head);
    out.extend_from_slice(sid);
    out.push(b' ');
    if message.verbatim_tail.is_some() {
        return;
    }
    if !message.reply.is_empty() {
        out.extend_from_slice(message.reply);
        out.push(b' ');
    }
    for (number, size) in message.sizes.split(u8::is_ascii_whitespace).filter(|size| !size.is_empty()).enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(size);
    }
    out.extend_from_slice(b"\r\n");
}

/// What follows the head: bytes to copy, and the payload where it is large enough to be shared.
#[inline]
fn split_shared<'a>(message: &Message<'a>) -> (&'a [u8], Option<Bytes>) {
    let tail = message.verbatim_tail.unwrap_or(message.payload);
    if message.len() < SHARED_PAYLOAD {
        return (tail, None);
    }
    (&tail[..tail.len() - message.payload.len()], Some(message.buffer.slice_ref(message.payload)))
}

/// The whole message for a client that takes no headers.
fn append_without_headers(out: &mut Vec<u8>, subscription: &Subscription, message: &Message<'_>) {
    let body = &message.payload[message.header_len..];
    for part in [b"MSG ", message.subject, b" ", subscription.sid(), b" "] {
        out.extend_from_slice(part);
    }
    if !message.reply.is_empty() {
        out.extend_from_slice(message.reply);
        out.push(b' ');
    }
    out.extend_from_slice(itoa::Buffer::new().format(body.len() - 2).as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

#[cold]
fn trace_delivery(subscription: &Subscription, message: &Message<'_>, payload_trace: PayloadTrace) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let label = subscription.sink().label();
    let is_stripped = message.has_headers && !subscription.sink().takes_headers();
    let verb = if message.has_headers && !is_stripped { "HMSG" } else { "MSG" };
    let reply = if message.reply.is_empty() { String::new() } else { format!("{} ", text(message.reply)) };
    let header_len = if is_stripped { 0 } else { message.header_len };
    let payload = &message.payload[message.header_len - header_len..message.len()];
    let sizes = if is_stripped { payload.len().to_string() } else { text(message.sizes) };
    tracing::trace!(conn = %label, "->> [{verb} {} {} {reply}{sizes}]", text(message.subject), text(subscription.sid()));
    if let Some(line) = payload_trace.line(payload, header_len) {
        tracing::trace!(conn = %label, "->> {line}");
    }
    if subscription.is_limited() && subscription.is_closed() {
        tracing::trace!(conn = %label, "<-> [DELSUB {}]", text(subscription.sid()));
    }
}
