//! Batches by destination.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::connection::{BufferPool, OutboundBatch, PushOutcome, Way};

use super::inbox::{Inbox, InboxDraft};
use super::message::{Message, is_same};
use super::trace::TraceTicket;
use super::{ClientSink, Origin};

/// Pending bytes of one destination beyond which its batch goes out in the middle of a read.
const EARLY_PUSH: usize = 256 * 1024;

/// Messages, and bytes, of a batch for an actor of this server that go out in the middle of a read: the actor works on them while the
/// publisher reads on.
const EARLY_INSIDE: (usize, usize) = (128, 64 * 1024);

/// Most room given to a new buffer.
const MAX_ROOM: usize = 128 * 1024;

/// Destinations of one batch beyond which small pushes are left to the writers: one system call for each would cost more
/// than everything else.
const WIDE: usize = 16;
/// What counts as small then, in bytes.
const SMALL_PUSH: usize = 8 * 1024;

/// Destinations of a batch from which on it is scattered, where the pieces are small.
const SCATTERED: usize = 2 * WIDE;

/// What is on its way to one destination.
#[derive(Debug)]
struct Destination {
    sink: Arc<ClientSink>,
    batch: OutboundBatch,
    msgs: u64,
    bytes: u64,
}

/// A receiver that is so full that its publishers should wait.
#[derive(Clone, Debug)]
pub enum Stalled {
    /// A client.
    Client(Arc<ClientSink>),
    /// An actor of this server.
    Inbox(Arc<Inbox>),
}

impl Stalled {
    /// Waits until there is room, at most for `limit`.
    pub async fn wait_drained(&self, limit: Duration) {
        match self {
            Self::Client(sink) => sink.outbound().wait_drained(limit).await,
            Self::Inbox(inbox) => inbox.wait_drained(limit).await,
        }
    }

    fn is_fuller_than(&self, pending: usize) -> bool {
        match self {
            Self::Client(sink) => sink.outbound().pending() >= pending,
            Self::Inbox(_) => true,
        }
    }
}

/// The batches of one publisher's read.
#[derive(Debug)]
pub(super) struct Deliveries {
    arbiter: usize,
    destinations: Vec<Destination>,
    /// Room to give a new buffer: what the largest piece of the last batch needed. Growing it step by step would copy it over and over.
    room: usize,
    /// The fullest destination over the stall mark.
    stalled: Option<Stalled>,
    /// Batches for receivers inside the server.
    inside: Vec<InboxDraft>,
    is_scattered: bool,
}

impl Deliveries {
    /// Batches of the publisher of arbiter number `arbiter`.
    pub(super) fn new(arbiter: usize) -> Self {
        Self { arbiter, destinations: Vec::new(), room: 0, stalled: None, inside: Vec::new(), is_scattered: false }
    }

    /// Whether the last batch had many destinations, and little for each.
    pub(super) fn is_scattered(&self) -> bool {
        self.is_scattered
    }

    /// The batch for `sink`.
    #[inline]
    pub(super) fn batch(&mut self, sink: &Arc<ClientSink>, pool: &BufferPool) -> &mut OutboundBatch {
        let number = self.number(sink, pool);
        &mut self.destinations[number].batch
    }

    /// The batch for `sink`, counting `msgs` messages of `bytes` payload bytes in all from the publisher `own`.
    #[inline]
    pub(super) fn messages(
        &mut self,
        sink: &Arc<ClientSink>,
        own: Option<&Arc<ClientSink>>,
        (msgs, bytes): (u64, u64),
        pool: &BufferPool,
    ) -> &mut OutboundBatch {
        let number = self.number(sink, pool);
        if self.destinations[number].batch.current.len() > EARLY_PUSH {
            self.push_early(number, own);
        }
        let destination = &mut self.destinations[number];
        destination.msgs += msgs;
        destination.bytes += bytes;
        &mut destination.batch
    }

    #[cold]
    fn push_early(&mut self, number: usize, own: Option<&Arc<ClientSink>>) {
        if is_same(own, &self.destinations[number].sink) {
            return self.push_all(own);
        }
        push(&mut self.destinations[number], Way::Direct, &mut self.stalled);
    }

    /// Appends a message for an actor of this server.
    pub(super) fn append_inside(&mut self, inbox: &Arc<Inbox>, origin: Origin<'_>, tag: u32, message: &Message<'_>) {
        let draft = self.inside(inbox, origin);
        draft.append(tag, message);
        if draft.is_over(EARLY_INSIDE) {
            self.hand_in(origin.sink);
        }
    }

    fn inside(&mut self, inbox: &Arc<Inbox>, origin: Origin<'_>) -> &mut InboxDraft {
        // One behind a traced message must not come before it.
        let of_inbox = |draft: &InboxDraft| Arc::ptr_eq(&draft.inbox, inbox);
        let last = self.inside.iter().rposition(of_inbox);
        let place = last.filter(|place| self.inside[*place].is_for(inbox, origin)).unwrap_or_else(|| {
            self.inside.push(InboxDraft::new(inbox, origin));
            self.inside.len() - 1
        });
        &mut self.inside[place]
    }

    /// The batch for one traced message to an actor of this server.
    pub(super) fn inside_traced(
        &mut self,
        inbox: &Arc<Inbox>,
        origin: Origin<'_>,
        trace: TraceTicket,
    ) -> &mut InboxDraft {
        self.inside.push(InboxDraft::traced(inbox, origin, trace));
        let last = self.inside.len() - 1;
        &mut self.inside[last]
    }

    /// Hands the batches for actors of this server over. A publisher that listens to its own requests gets them before their answers.
    fn hand_in(&mut self, own: Option<&Arc<ClientSink>>) {
        if own.is_some() && self.destinations.iter().any(|one| one.msgs > 0 && is_same(own, &one.sink)) {
            self.push_destinations(own);
        }
        self.push_inside();
    }

    fn push_inside(&mut self) {
        for draft in self.inside.drain(..) {
            let inbox = Arc::clone(&draft.inbox);
            if draft.push() {
                self.stalled.get_or_insert(Stalled::Inbox(inbox));
            }
        }
    }

    #[inline]
    fn number(&mut self, sink: &Arc<ClientSink>, pool: &BufferPool) -> usize {
        let place = sink.batch_place(self.arbiter);
        let number = place.load(Ordering::Relaxed) as usize;
        if self.destinations.get(number).is_some_and(|destination| Arc::ptr_eq(&destination.sink, sink)) {
            return number;
        }
        self.start(sink, pool)
    }

    #[cold]
    fn start(&mut self, sink: &Arc<ClientSink>, pool: &BufferPool) -> usize {
        let number = self.destinations.len();
        let batch = OutboundBatch { chunks: Vec::new(), current: pool.take_output(self.room) };
        self.destinations.push(Destination { sink: Arc::clone(sink), batch, msgs: 0, bytes: 0 });
        sink.batch_place(self.arbiter).store(number as u32, Ordering::Relaxed);
        number
    }

    /// Hands every batch over, that of the publisher `own` last: its `PONG` says that the others have got what came before.
    /// Yields the fullest destination when one is over its mark.
    pub(super) fn flush(&mut self, own: Option<&Arc<ClientSink>>, pool: &BufferPool) -> Option<Stalled> {
        if !self.inside.is_empty() {
            self.hand_in(own);
        }
        let own_place = own.map(|own| own.batch_place(self.arbiter).load(Ordering::Relaxed) as usize);
        if let Some(number) = own_place
            && self.destinations.get(number).is_some_and(|destination| is_same(own, &destination.sink))
        {
            let last = self.destinations.len() - 1;
            self.destinations.swap(number, last);
        }
        let largest = self.destinations.iter().map(|destination| destination.batch.current.len()).max();
        self.room = largest.unwrap_or_default().min(MAX_ROOM);
        let is_wide = self.destinations.len() > WIDE;
        let mut bytes_left = self.destinations.len() * SMALL_PUSH;
        self.is_scattered = self.destinations.len() >= SCATTERED;
        for mut destination in self.destinations.drain(..) {
            bytes_left = bytes_left.saturating_sub(destination.batch.len());
            let way = if is_wide && destination.batch.len() < SMALL_PUSH { Way::ByWriter } else { Way::Direct };
            push(&mut destination, way, &mut self.stalled);
            pool.put_output(destination.batch.current);
        }
        self.is_scattered &= bytes_left > 0;
        self.stalled.take()
    }

    /// Throws everything away, after a panic in the middle of a batch.
    pub(super) fn discard(&mut self) {
        self.destinations.clear();
        self.inside.clear();
        self.stalled = None;
    }

    /// Hands every batch over in the middle of a read, that of the publisher `own` last.
    pub(super) fn push_all(&mut self, own: Option<&Arc<ClientSink>>) {
        self.push_inside();
        self.push_destinations(own);
    }

    fn push_destinations(&mut self, own: Option<&Arc<ClientSink>>) {
        for is_own in [false, true] {
            let wanted = |destination: &&mut Destination| is_same(own, &destination.sink) == is_own;
            self.destinations
                .iter_mut()
                .filter(wanted)
                .for_each(|destination| push(destination, Way::Direct, &mut self.stalled));
        }
    }
}

fn push(destination: &mut Destination, way: Way, stalled: &mut Option<Stalled>) {
    if destination.batch.is_empty() {
        return;
    }
    let outcome = destination.sink.push(&mut destination.batch, way);
    let PushOutcome::Accepted(pending) = outcome else { return };
    destination.sink.traffic().sent(std::mem::take(&mut destination.msgs), std::mem::take(&mut destination.bytes));
    let is_fullest = stalled.as_ref().is_none_or(|other| !other.is_fuller_than(pending));
    let sink = &destination.sink;
    if is_fullest && !sink.drops_when_slow() && pending > sink.outbound().stall_mark() {
        *stalled = Some(Stalled::Client(Arc::clone(&destination.sink)));
    }
}
