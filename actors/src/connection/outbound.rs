//! Bytes waiting for one peer.
//!
//! Publishers on any thread push whole batches. Where nobody is writing and nothing waits, the pusher writes to the socket
//! itself; what the socket does not take is left to the connection's writer task, which is woken once.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::net::WriteHalf;

/// Small pushes are collected in buffers up to this size.
const TAIL_LIMIT: usize = 64 * 1024;
/// A pushed buffer above this size is queued as it is, a smaller one is copied.
const COPY_LIMIT: usize = 16 * 1024;
/// Most slices given to one vectored write.
pub(super) const MAX_SLICES: usize = 64;
/// Bytes pending for one destination beyond which publishers to it stop reading until it drains. Without this, many
/// publishers to many subscribers fill memory up to `max_pending` each and run several times slower.
const STALL_MARK: usize = 1024 * 1024;
/// Longest time publishers wait for a peer that is slow and near its limit, as in nats-server.
const LATE_STALL: Duration = Duration::from_millis(5);

/// What one read of a publisher adds up to for one destination.
#[derive(Debug, Default)]
pub struct OutboundBatch {
    /// Finished pieces, in order.
    pub chunks: Vec<Bytes>,
    /// The piece being written, behind the finished ones.
    pub current: Vec<u8>,
}

impl OutboundBatch {
    /// Bytes in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum::<usize>() + self.current.len()
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.current.is_empty()
    }

    /// Adds bytes that are shared, not copied.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if !self.current.is_empty() {
            let chunk = take_chunk(&mut self.current);
            self.chunks.push(chunk);
        }
        self.chunks.push(bytes);
    }
}

/// Takes the bytes out of a buffer. One that is mostly empty keeps its room, so that a short piece does not hold much memory
/// that nobody counts.
pub fn take_chunk(buffer: &mut Vec<u8>) -> Bytes {
    if buffer.capacity() <= 2 * buffer.len() {
        return Bytes::from(std::mem::take(buffer));
    }
    let chunk = Bytes::copy_from_slice(buffer);
    buffer.clear();
    chunk
}

/// Who writes what is pushed, where nobody is writing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The pusher: saves the peer a thread switch.
    Direct,
    /// The writer task, which writes what comes meanwhile in the same call: for pushers with many peers.
    ByWriter,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// Written or queued; this many bytes wait now.
    Accepted(usize),
    /// The connection is closed, the bytes are dropped.
    Closed,
    /// The push took the peer over its limit, the bytes are dropped. The caller notes why and then calls
    /// [`Outbound::drop_now`]: the reader must find the reason when the socket ends.
    SlowConsumer,
    /// The socket failed, the bytes are dropped. The caller does as for [`PushOutcome::SlowConsumer`].
    Failed,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    tail: Vec<u8>,
    /// Whoever takes it out has the right to write. `None` while somebody writes, and for good once dropped.
    socket: Option<WriteHalf>,
    /// Since when there are no more pushes; the writer ends when the queue is empty.
    finished: Option<Instant>,
    /// No more pushes, nothing is written any more.
    is_dropped: bool,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.tail.is_empty()
    }

    fn append(&mut self, batch: &mut OutboundBatch) {
        for chunk in batch.chunks.drain(..) {
            self.seal_tail();
            self.chunks.push_back(chunk);
        }
        if batch.current.len() > COPY_LIMIT {
            self.seal_tail();
            self.chunks.push_back(take_chunk(&mut batch.current));
            return;
        }
        if self.tail.len() + batch.current.len() > TAIL_LIMIT {
            self.seal_tail();
        }
        self.tail.extend_from_slice(&batch.current);
        batch.current.clear();
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(take_chunk(&mut self.tail));
        }
    }
}

/// The outgoing side of one connection, shared by everybody who sends to it.
///
/// Bounded by `max_pending` bytes: a push beyond it is refused, and the connection to be dropped. The lock is held for appends and swaps, never
/// while writing.
#[derive(Debug)]
pub struct Outbound {
    queue: Mutex<Queue>,
    /// Bytes queued or being written.
    pending: AtomicUsize,
    max_pending: usize,
    /// A publisher waited its whole time in vain: the peer itself is slow, and publishers wait only near its limit.
    is_lagging: AtomicBool,
    writer: AtomicWaker,
    drained: Notify,
    /// How long the kernel tries to deliver what is left once the connection ends.
    parting: Option<Duration>,
}

/// Bytes and the socket to write them to, taken by the writer task.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) socket: WriteHalf,
    pub(super) chunks: VecDeque<Bytes>,
}

impl Outbound {
    /// An empty queue in front of `socket`, bounded by `max_pending` bytes.
    #[must_use]
    pub fn new(socket: WriteHalf, max_pending: usize) -> Self {
        Self {
            queue: Mutex::new(Queue { socket: Some(socket), ..Queue::default() }),
            pending: AtomicUsize::new(0),
            max_pending,
            is_lagging: AtomicBool::new(false),
            writer: AtomicWaker::new(),
            drained: Notify::new(),
            parting: None,
        }
    }

    /// Has the kernel forget what it could not deliver that long after the end of the connection, so that it does not reach a peer that
    /// is connected anew meanwhile.
    #[must_use]
    pub fn forgetting_after(self, limit: Duration) -> Self {
        Self { parting: Some(limit), ..self }
    }

    /// Bytes queued or being written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Limit of [`Outbound::pending`].
    #[must_use]
    pub fn max_pending(&self) -> usize {
        self.max_pending
    }

    /// Takes everything in `batch`, which is empty afterwards, and writes it or wakes the writer.
    pub fn push(&self, batch: &mut OutboundBatch, way: Way) -> PushOutcome {
        let len = batch.len();
        let mut queue = self.queue.lock();
        if queue.finished.is_some() || queue.is_dropped {
            discard(batch);
            return PushOutcome::Closed;
        }
        let pending = self.pending.fetch_add(len, Ordering::Relaxed) + len;
        if pending > self.max_pending {
            discard(batch);
            return PushOutcome::SlowConsumer;
        }
        let is_idle = queue.is_empty();
        match queue.socket.take_if(|socket| way == Way::Direct && is_idle && socket.is_plain()) {
            Some(socket) => {
                drop(queue);
                if !self.write_inline(socket, batch, len) {
                    return PushOutcome::Failed;
                }
            }
            None => {
                queue.append(batch);
                let needs_wake = is_idle && queue.socket.is_some();
                drop(queue);
                if needs_wake {
                    self.writer.wake();
                }
            }
        }
        PushOutcome::Accepted(self.pending())
    }

    /// Writes what the socket takes; the rest goes to the front of the queue. False when the socket failed.
    fn write_inline(&self, socket: WriteHalf, batch: &mut OutboundBatch, len: usize) -> bool {
        let result = {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used =
                fill_slices(&mut slices, batch.chunks.iter().map(|chunk| &chunk[..]).chain([&batch.current[..]]));
            socket.try_write_vectored(&slices[..used])
        };
        let written = match result {
            Ok(written) => written,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(_) => {
                discard(batch);
                return false;
            }
        };
        self.wrote(written);
        let mut queue = self.queue.lock();
        if queue.is_dropped {
            discard(batch);
            return true;
        }
        if written < len {
            put_in_front(&mut queue.chunks, batch, written);
        } else {
            batch.chunks.clear();
            batch.current.clear();
        }
        queue.socket = Some(socket);
        let needs_wake = !queue.is_empty() || queue.finished.is_some();
        drop(queue);
        if needs_wake {
            self.writer.wake();
        }
        true
    }

    /// No more pushes; what is queued is still written, then the socket is closed.
    pub fn finish(&self) {
        self.queue.lock().finished.get_or_insert_with(Instant::now);
        self.writer.wake();
    }

    /// No more pushes, nothing queued is written any more; the socket is closed.
    pub fn drop_now(&self) {
        let mut queue = self.queue.lock();
        queue.is_dropped = true;
        queue.chunks = VecDeque::new();
        queue.tail = Vec::new();
        let socket = queue.socket.take();
        drop(queue);
        if let Some(socket) = socket {
            self.abort(&socket);
        }
        self.writer.wake();
        self.drained.notify_waiters();
    }

    pub(super) fn abort(&self, socket: &WriteHalf) {
        self.part_with(socket);
        // Fails where the peer is gone already, or for TLS, whose reader is woken by the close signal.
        socket.abort().ok();
    }

    /// The socket is about to be closed.
    pub(super) fn part_with(&self, socket: &WriteHalf) {
        if let Some(limit) = self.parting {
            // Fails where the peer is gone already.
            socket.give_up_after(limit).ok();
        }
    }

    /// Whether nothing is written any more.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.queue.lock().is_dropped
    }

    /// Bytes pending beyond which publishers stop reading for a while. Three quarters of the limit for a peer that does not
    /// drain in the time publishers wait, as in nats-server, so that one slow reader does not hold its publishers back for
    /// long; much less for the others, so that memory stays small.
    #[must_use]
    pub fn stall_mark(&self) -> usize {
        if self.is_lagging.load(Ordering::Relaxed) { self.late_mark() } else { self.early_mark() }
    }

    fn early_mark(&self) -> usize {
        STALL_MARK.min(self.late_mark())
    }

    fn late_mark(&self) -> usize {
        self.max_pending / 4 * 3
    }

    /// Waits until the pending bytes are below the stall mark, at most for `limit`.
    pub async fn wait_drained(&self, limit: Duration) {
        let mark = self.stall_mark();
        let limit = if self.is_lagging.load(Ordering::Relaxed) { limit.min(LATE_STALL) } else { limit };
        let wait = async {
            loop {
                let drained = self.drained.notified();
                if self.pending() <= mark || self.is_dropped() {
                    return;
                }
                drained.await;
            }
        };
        if tokio::time::timeout(limit, wait).await.is_err() {
            self.is_lagging.store(true, Ordering::Relaxed);
        }
    }

    /// Ready with work, or with `None` once there will be no more. For the writer task alone.
    pub(super) fn poll_work(&self, cx: &mut Context<'_>) -> Poll<Option<Work>> {
        self.writer.register(cx.waker());
        let mut queue = self.queue.lock();
        if queue.is_dropped {
            return Poll::Ready(None);
        }
        if queue.is_empty() {
            return if queue.finished.is_some() && queue.socket.is_some() { Poll::Ready(None) } else { Poll::Pending };
        }
        let Some(socket) = queue.socket.take() else { return Poll::Pending };
        queue.seal_tail();
        Poll::Ready(Some(Work { socket, chunks: std::mem::take(&mut queue.chunks) }))
    }

    /// Ready when the queue was dropped while the writer writes. For the writer task alone.
    pub(super) fn poll_dropped(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.writer.register(cx.waker());
        if self.is_dropped() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Time one step of the writer may take: `deadline`, or once finished, what is left of it. A peer that takes its last bytes
    /// one by one does not hold its connection open for ever.
    pub(super) fn time_left(&self, deadline: Duration) -> Duration {
        let finished = self.queue.lock().finished;
        finished.map_or(deadline, |since| deadline.saturating_sub(since.elapsed()))
    }

    /// Counts written bytes and lets waiting publishers look.
    pub(super) fn wrote(&self, bytes: usize) {
        let before = self.pending.fetch_sub(bytes, Ordering::Relaxed);
        if before > self.early_mark() || before == bytes {
            self.drained.notify_waiters();
        }
        if before == bytes {
            self.is_lagging.store(false, Ordering::Relaxed);
        }
    }

    /// Gives the socket back after all taken chunks are written.
    pub(super) fn give_back(&self, socket: WriteHalf) {
        let mut queue = self.queue.lock();
        if !queue.is_dropped {
            queue.socket = Some(socket);
        }
    }

    /// Takes the socket for good, to shut it down after a flush.
    pub(super) fn take_socket(&self) -> Option<WriteHalf> {
        self.queue.lock().socket.take()
    }
}

fn discard(batch: &mut OutboundBatch) {
    batch.chunks.clear();
    batch.current.clear();
}

/// Puts what is left of `batch` behind its first `written` bytes in front of `chunks`.
fn put_in_front(chunks: &mut VecDeque<Bytes>, batch: &mut OutboundBatch, written: usize) {
    let current = Bytes::from(std::mem::take(&mut batch.current));
    let mut skip = written;
    let mut rest: Vec<Bytes> = batch.chunks.drain(..).chain([current]).filter(|chunk| !chunk.is_empty()).collect();
    rest.retain_mut(|chunk| {
        let cut = skip.min(chunk.len());
        skip -= cut;
        *chunk = chunk.slice(cut..);
        !chunk.is_empty()
    });
    rest.into_iter().rev().for_each(|chunk| chunks.push_front(chunk));
}

/// Fills `slices` from the front and returns how many are used.
pub(super) fn fill_slices<'a>(slices: &mut [IoSlice<'a>], parts: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut used = 0;
    for (slot, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
        *slot = IoSlice::new(part);
        used += 1;
    }
    used
}
