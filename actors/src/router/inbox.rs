//! Receivers inside the server: actors that take messages as clients do.
//!
//! ```text
//! Publisher ── one InboxBatch per read ──> Inbox (bounded queue) ── stream ──> actor ── commit ──> gone
//! ```
//!
//! A batch holds the messages of one publisher's read in one piece of memory. An actor that is restarted gets what it did not
//! commit again. While an inbox is well filled its publishers read no further; one that is full refuses, and its owner says
//! what becomes of what was refused. An idle actor may have a [`Desk`], which answers small questions on the publisher's thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::message::Message;
use super::trace::TraceTicket;
use super::{AccountView, ArbiterLocal, ClientSink, Origin, local};
use crate::queue::{Batch, Fenced, FullPolicy, Queue, QueueConsumer, QueueDepth, QueueLimits};

/// What a message takes beside its bytes, in bytes.
const OVERHEAD: usize = 64;
/// Payloads from this size on are shared with the publisher's buffer, smaller ones copied.
const SHARED: usize = super::publish::SHARED_PAYLOAD;

/// One message in an [`InboxBatch`].
#[derive(Clone, Debug)]
struct Entry {
    tag: u32,
    /// Where its subject starts in the text of the batch; reply, headers and payload follow.
    start: usize,
    /// How much of the text is its.
    text_len: usize,
    subject_len: usize,
    reply_len: usize,
    header_len: usize,
    /// Headers and payload, where they are not in the text of the batch.
    shared: Option<Bytes>,
}

/// A message as its receiver sees it: a piece of its batch.
#[derive(Clone, Debug)]
pub struct InboxMessage {
    /// Tag of the subscription that matched.
    pub tag: u32,
    /// Subject and reply subject; headers and payload behind them where those are not shared.
    text: Bytes,
    subject_len: usize,
    reply_len: usize,
    header_len: usize,
    /// Headers and payload, where they are not in the text.
    shared: Option<Bytes>,
}

impl InboxMessage {
    /// Subject.
    #[must_use]
    #[inline]
    pub fn subject(&self) -> &[u8] {
        &self.text[..self.subject_len]
    }

    /// Reply subject; empty when there is none.
    #[must_use]
    #[inline]
    pub fn reply(&self) -> &[u8] {
        &self.text[self.subject_len..self.subject_len + self.reply_len]
    }

    /// The reply subject to keep.
    #[must_use]
    pub fn shared_reply(&self) -> Bytes {
        self.text.slice(self.subject_len..self.subject_len + self.reply_len)
    }

    /// Headers and payload.
    #[must_use]
    #[inline]
    pub fn content(&self) -> &[u8] {
        match &self.shared {
            Some(content) => content,
            None => &self.text[self.subject_len + self.reply_len..],
        }
    }

    /// The headers, from `NATS/1.0` to the blank line; empty when there are none.
    #[must_use]
    #[inline]
    pub fn headers(&self) -> &[u8] {
        &self.content()[..self.header_len]
    }

    /// The payload.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.content()[self.header_len..]
    }

    /// The payload to keep.
    #[must_use]
    pub fn shared_payload(&self) -> Bytes {
        match &self.shared {
            Some(content) => content.slice(self.header_len..),
            None => self.text.slice(self.subject_len + self.reply_len + self.header_len..),
        }
    }
}

/// Messages of one publisher's read for one inbox, in order.
#[derive(Clone, Debug)]
pub struct InboxBatch {
    account: Arc<AccountView>,
    client: Option<Arc<ClientSink>>,
    text: Bytes,
    entries: Vec<Entry>,
    /// Ends the trace of its only message.
    trace: Option<TraceTicket>,
}

impl InboxBatch {
    /// Account in which the messages were published.
    #[must_use]
    pub fn account(&self) -> &Arc<AccountView> {
        &self.account
    }

    /// The connection that published them; `None` for the server itself.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<ClientSink>> {
        self.client.as_ref()
    }

    /// What the trace of its only message is ended with, where that is traced.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceTicket> {
        self.trace.as_ref()
    }

    fn is_for(&self, desk: &dyn Desk) -> bool {
        self.trace.is_none() && self.entries.iter().all(|entry| desk.knows(entry.tag))
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The messages, as slices of the batch.
    pub fn iter(&self) -> impl Iterator<Item = InboxMessage> {
        self.entries.iter().map(|entry| InboxMessage {
            tag: entry.tag,
            text: self.text.slice(entry.start..entry.start + entry.text_len),
            subject_len: entry.subject_len,
            reply_len: entry.reply_len,
            header_len: entry.header_len,
            shared: entry.shared.clone(),
        })
    }
}

/// A batch being filled by a publisher.
#[derive(Debug)]
pub(super) struct InboxDraft {
    pub(super) inbox: Arc<Inbox>,
    account: Arc<AccountView>,
    client: Option<Arc<ClientSink>>,
    text: Vec<u8>,
    entries: Vec<Entry>,
    size: usize,
    trace: Option<TraceTicket>,
}

impl InboxDraft {
    pub(super) fn new(inbox: &Arc<Inbox>, origin: Origin<'_>) -> Self {
        Self {
            inbox: Arc::clone(inbox),
            account: Arc::clone(origin.account),
            client: origin.sink.cloned(),
            text: Vec::new(),
            entries: Vec::new(),
            size: 0,
            trace: None,
        }
    }

    /// A draft for one traced message.
    pub(super) fn traced(inbox: &Arc<Inbox>, origin: Origin<'_>, trace: TraceTicket) -> Self {
        Self { trace: Some(trace), ..Self::new(inbox, origin) }
    }

    /// Whether messages of `origin` for `inbox` belong in here.
    #[inline]
    pub(super) fn is_for(&self, inbox: &Arc<Inbox>, origin: Origin<'_>) -> bool {
        Arc::ptr_eq(&self.inbox, inbox) && Arc::ptr_eq(&self.account, origin.account) && self.trace.is_none()
    }

    pub(super) fn append(&mut self, tag: u32, message: &Message<'_>) {
        let start = self.text.len();
        let subject = message.visible_subject();
        let content = message.content();
        let shared = message.buffer.filter(|_| content.len() >= SHARED).map(|buffer| buffer.slice_ref(content));
        self.text.extend_from_slice(subject);
        self.text.extend_from_slice(message.reply);
        if shared.is_none() {
            self.text.extend_from_slice(content);
        }
        self.size += subject.len() + message.reply.len() + content.len() + OVERHEAD;
        self.entries.push(Entry {
            tag,
            start,
            text_len: self.text.len() - start,
            subject_len: subject.len(),
            reply_len: message.reply.len(),
            header_len: if message.has_headers { message.header_len } else { 0 },
            shared,
        });
    }

    /// Whether it holds so many messages, or bytes.
    #[inline]
    pub(super) fn is_over(&self, (messages, bytes): (usize, usize)) -> bool {
        self.entries.len() >= messages || self.size >= bytes
    }

    /// Hands the batch over. True when the inbox is so full that its publisher should wait.
    pub(super) fn push(self) -> bool {
        let Self { inbox, account, client, text, entries, size, trace } = self;
        let batch = InboxBatch { account, client, text: text.into(), entries, trace };
        Arc::clone(&inbox).hand_in(batch, size);
        inbox.is_over_mark()
    }
}

/// What happens to messages that an inbox has no room for. Called on the publisher's thread: it must be quick.
pub type OnFull = Box<dyn Fn(InboxBatch) + Send + Sync>;

/// Answers questions in place of an actor that has nothing to do, on the thread of who asks: that saves two changes of threads.
pub trait Desk: Send + Sync {
    /// Whether messages with this tag are questions it may know the answer to.
    fn knows(&self, tag: u32) -> bool;

    /// Answers all messages of a batch, or none. It must be quick, as it holds up the connections of the thread.
    fn answer(&self, local: &ArbiterLocal, batch: &InboxBatch) -> bool;
}

/// The queue of one receiver inside the server.
pub struct Inbox {
    queue: Queue<InboxBatch>,
    on_full: OnFull,
    /// Bytes beyond which publishers wait.
    mark: usize,
    refused: AtomicU64,
    drained: Notify,
    /// Name of the stream it belongs to, and the tag of messages that are stored.
    stream: Option<(Arc<str>, u32)>,
    desk: Option<Box<dyn Desk>>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("queue", &self.queue).field("refused", &self.refused).finish_non_exhaustive()
    }
}

impl Inbox {
    /// An inbox that holds at most `max_bytes`, counting some for each message beside its own.
    #[must_use]
    pub fn new(max_bytes: usize, on_full: OnFull) -> Arc<Self> {
        Self::made(max_bytes, on_full, None, None)
    }

    /// The same for a stream, which says what became of traced messages that come with `tag`.
    #[must_use]
    pub fn of_stream(
        name: Arc<str>,
        tag: u32,
        max_bytes: usize,
        (on_full, desk): (OnFull, Box<dyn Desk>),
    ) -> Arc<Self> {
        Self::made(max_bytes, on_full, Some((name, tag)), Some(desk))
    }

    fn made(
        max_bytes: usize,
        on_full: OnFull,
        stream: Option<(Arc<str>, u32)>,
        desk: Option<Box<dyn Desk>>,
    ) -> Arc<Self> {
        let limits = QueueLimits { max_items: usize::MAX, max_bytes };
        Arc::new(Self {
            queue: Queue::new(limits, FullPolicy::Refuse),
            on_full,
            mark: max_bytes / 4,
            refused: AtomicU64::new(0),
            drained: Notify::new(),
            stream,
            desk,
        })
    }

    /// Name of the stream that stores messages with this tag.
    pub(super) fn stream_of(&self, tag: u32) -> Option<&str> {
        let (name, stored) = self.stream.as_ref()?;
        (*stored == tag).then_some(&**name)
    }

    /// Takes a batch to the desk, behind what the publisher's thread does now, or into the queue.
    fn hand_in(self: Arc<Self>, batch: InboxBatch, size: usize) {
        let is_for_desk = self.desk.as_ref().is_some_and(|desk| batch.is_for(&**desk)) && self.is_idle();
        let Some(local) = is_for_desk.then(local::current).flatten() else { return self.push(batch, size) };
        tokio::task::spawn_local(async move {
            let is_answered = self.is_idle() && self.desk.as_ref().is_some_and(|desk| desk.answer(&local, &batch));
            if !is_answered {
                self.push(batch, size);
            }
        });
    }

    fn is_idle(&self) -> bool {
        let depth = self.depth();
        depth.num_pending + depth.num_in_flight == 0
    }

    fn push(&self, batch: InboxBatch, size: usize) {
        let num_messages = batch.len() as u64;
        if let Err(cause) = self.queue.push(batch, size) {
            self.refused.fetch_add(num_messages, Ordering::Relaxed);
            (self.on_full)(cause.into_item());
        }
    }

    /// Makes the caller the consumer, with everything its predecessor did not commit.
    #[must_use]
    pub fn consume(&self) -> QueueConsumer<InboxBatch> {
        self.queue.recover()
    }

    /// Forgets batches that are dealt with.
    ///
    /// # Errors
    /// Another consumer has taken over: the caller must stop.
    pub fn commit(&self, batch: Batch<InboxBatch>) -> Result<(), Fenced> {
        let was_over = self.is_over_mark();
        self.queue.commit(batch)?;
        if was_over {
            self.drained.notify_waiters();
        }
        Ok(())
    }

    /// Takes no more messages.
    pub fn close(&self) {
        self.queue.close();
        self.drained.notify_waiters();
    }

    /// How full it is.
    #[must_use]
    pub fn depth(&self) -> QueueDepth {
        self.queue.depth()
    }

    /// Messages it had no room for.
    #[must_use]
    pub fn num_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn is_over_mark(&self) -> bool {
        self.depth().num_bytes > self.mark
    }

    /// Waits until publishers may go on, at most for `limit`.
    pub async fn wait_drained(&self, limit: Duration) {
        let wait = async {
            loop {
                let drained = self.drained.notified();
                if !self.is_over_mark() || self.queue.is_closed() {
                    return;
                }
                drained.await;
            }
        };
        tokio::time::timeout(limit, wait).await.ok();
    }
}
