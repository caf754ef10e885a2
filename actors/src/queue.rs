//! A queue bounded by count and bytes, whose single consumer takes the whole backlog at once and loses nothing by dying.
//!
//! ```text
//!  producers ── push ──> pending ── take_batch ──> in flight ── commit ──> gone
//!                           ▲                          │
//!                           └──────── recover ─────────┘      (a restarted consumer gets its items again, in order)
//! ```
//!
//! Delivery is at least once: a consumer that dies in the middle of a batch gets all of it again, so handling an item twice
//! must be harmless.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use parking_lot::{Mutex, MutexGuard};
use thiserror::Error;

/// How much a queue holds: items waiting and items in flight together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Number of items.
    pub max_items: usize,
    /// Sum of the sizes given to `push`.
    pub max_bytes: usize,
}

/// What happens to a push that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullPolicy {
    /// The item comes back to the producer.
    Refuse,
    /// The oldest waiting items make room; items in flight are never dropped.
    DropOldest,
    /// The queue closes: this producer was too much for the consumer.
    Close,
}

/// An item that did not enter the queue.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PushError<T> {
    /// The queue is full.
    #[error("the queue is full")]
    Full(T),
    /// The item alone is larger than the queue.
    #[error("the item is larger than the queue")]
    TooLarge(T),
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed(T),
}

impl<T> PushError<T> {
    /// Returns the item.
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::TooLarge(item) | Self::Closed(item) => item,
        }
    }
}

/// A later consumer has taken over: this one must not act on what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("another consumer has taken over the queue")]
pub struct Fenced;

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Items waiting for the consumer.
    pub num_pending: usize,
    /// Items taken and not committed.
    pub num_in_flight: usize,
    /// Bytes of both.
    pub num_bytes: usize,
    /// Items dropped by `FullPolicy::DropOldest` so far.
    pub num_dropped: u64,
}

/// The queue; a clone is the same queue. Producers push, `recover` makes the consumer.
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    limits: QueueLimits,
    policy: FullPolicy,
    state: Mutex<State<T>>,
}

struct State<T> {
    pending: VecDeque<SizedItem<T>>,
    /// Chunks that a dead consumer left, to be taken before `pending`.
    recovered: Vec<Arc<Chunk<T>>>,
    in_flight: VecDeque<(BatchId, Vec<Arc<Chunk<T>>>)>,
    depth: QueueDepth,
    next_batch: BatchId,
    /// Number of the consumer that counts.
    generation: u64,
    /// The wake token: present while the consumer that counts is parked, so that a burst of pushes wakes it once.
    waker_opt: Option<Waker>,
    /// Bytes of `pending`.
    pending_bytes: usize,
    closed: bool,
}

type BatchId = u64;

struct SizedItem<T> {
    item: T,
    bytes: usize,
}

struct Chunk<T> {
    items: Vec<T>,
    bytes: usize,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Queue").field("depth", &self.depth()).finish_non_exhaustive()
    }
}

impl<T> Queue<T> {
    /// Creates an empty queue without a consumer: pushed items wait for the first.
    pub fn new(limits: QueueLimits, policy: FullPolicy) -> Self {
        let state = State {
            pending: VecDeque::new(),
            recovered: Vec::new(),
            in_flight: VecDeque::new(),
            depth: QueueDepth::default(),
            next_batch: 0,
            generation: 0,
            waker_opt: None,
            pending_bytes: 0,
            closed: false,
        };
        Self { shared: Arc::new(Shared { limits, policy, state: Mutex::new(state) }) }
    }

    /// Appends an item of the given size and wakes the consumer unless it is awake. Returns how many older items were
    /// dropped for it. Never blocks for longer than a short lock.
    pub fn push(&self, item: T, bytes: usize) -> Result<usize, PushError<T>> {
        let mut evicted = Vec::new();
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(PushError::Closed(item));
        }
        let limits = self.shared.limits;
        if bytes > limits.max_bytes || limits.max_items == 0 {
            return Err(PushError::TooLarge(item));
        }
        if !state.has_room(bytes, limits) {
            match self.shared.policy {
                FullPolicy::Refuse => return Err(PushError::Full(item)),
                FullPolicy::Close => {
                    state.closed = true;
                    wake(state);
                    return Err(PushError::Closed(item));
                }
                FullPolicy::DropOldest if !state.evict_for(bytes, limits, &mut evicted) => {
                    return Err(PushError::Full(item));
                }
                FullPolicy::DropOldest => {}
            }
        }
        state.pending.push_back(SizedItem { item, bytes });
        state.pending_bytes += bytes;
        state.depth.num_pending += 1;
        state.depth.num_bytes += bytes;
        wake(state);
        Ok(evicted.len())
    }

    /// Fences the former consumer, puts back what it left in flight, and returns the new consumer.
    pub fn recover(&self) -> QueueConsumer<T> {
        let mut state = self.shared.state.lock();
        state.generation += 1;
        let generation = state.generation;
        let mut chunks: Vec<_> = state.in_flight.drain(..).flat_map(|(_, chunks)| chunks).collect();
        chunks.append(&mut state.recovered);
        state.depth.num_pending += state.depth.num_in_flight;
        state.depth.num_in_flight = 0;
        state.recovered = chunks;
        // The former consumer may be parked: it has to learn that it is fenced.
        wake(state);
        QueueConsumer { queue: self.clone(), generation }
    }

    /// Forgets a handled batch and gives its room back.
    pub fn commit(&self, batch: Batch<T>) -> Result<(), Fenced> {
        let mut state = self.shared.state.lock();
        if batch.generation != state.generation {
            return Err(Fenced);
        }
        if let Some(index) = state.in_flight.iter().position(|(id, _)| *id == batch.id) {
            state.in_flight.remove(index);
            state.depth.num_in_flight -= batch.len();
            state.depth.num_bytes -= batch.bytes();
        }
        drop(state);
        // Items are dropped here, after the lock.
        drop(batch);
        Ok(())
    }

    /// Refuses further pushes. The consumer still gets what is waiting, then the end.
    pub fn close(&self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        wake(state);
    }

    /// Says whether the queue refuses pushes for good.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().closed
    }

    /// Reads how full the queue is.
    pub fn depth(&self) -> QueueDepth {
        self.shared.state.lock().depth
    }
}

/// Uses up the wake token, after giving the lock back.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waker_opt = state.waker_opt.take();
    drop(state);
    if let Some(waker) = waker_opt {
        waker.wake();
    }
}

impl<T> State<T> {
    fn has_room(&self, bytes: usize, limits: QueueLimits) -> bool {
        let num_items = self.depth.num_pending + self.depth.num_in_flight;
        num_items < limits.max_items && self.depth.num_bytes.saturating_add(bytes) <= limits.max_bytes
    }

    /// Drops waiting items, oldest first, until `bytes` fit. Drops nothing when that cannot be enough.
    fn evict_for(&mut self, bytes: usize, limits: QueueLimits, evicted: &mut Vec<T>) -> bool {
        let fixed_items = self.depth.num_pending + self.depth.num_in_flight - self.pending.len();
        let fixed_bytes = self.depth.num_bytes - self.pending_bytes;
        if fixed_items >= limits.max_items || fixed_bytes.saturating_add(bytes) > limits.max_bytes {
            return false;
        }
        while !self.has_room(bytes, limits) {
            let Some(oldest) = self.pending.pop_front() else { return false };
            self.depth.num_pending -= 1;
            self.depth.num_bytes -= oldest.bytes;
            self.pending_bytes -= oldest.bytes;
            self.depth.num_dropped += 1;
            evicted.push(oldest.item);
        }
        true
    }

    fn has_batch(&self) -> bool {
        !self.pending.is_empty() || !self.recovered.is_empty()
    }
}

/// The consuming end. There is one that counts: the last that `Queue::recover` returned.
pub struct QueueConsumer<T> {
    queue: Queue<T>,
    generation: u64,
}

impl<T> fmt::Debug for QueueConsumer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.queue.fmt(formatter)
    }
}

impl<T> QueueConsumer<T> {
    /// Takes everything that waits, possibly nothing. The items stay in flight until the batch is committed.
    pub fn take_batch(&self) -> Result<Batch<T>, Fenced> {
        let mut state = self.queue.shared.state.lock();
        if state.generation != self.generation {
            return Err(Fenced);
        }
        let mut chunks = std::mem::take(&mut state.recovered);
        if !state.pending.is_empty() {
            let pending = std::mem::take(&mut state.pending);
            let bytes = std::mem::take(&mut state.pending_bytes);
            chunks.push(Arc::new(Chunk { items: pending.into_iter().map(|sized| sized.item).collect(), bytes }));
        }
        let id = state.next_batch;
        let batch = Batch { id, generation: self.generation, chunks };
        if !batch.is_empty() {
            state.next_batch += 1;
            state.in_flight.push_back((id, batch.chunks.clone()));
            state.depth.num_in_flight += batch.len();
            state.depth.num_pending = 0;
        }
        Ok(batch)
    }

    /// Forgets a handled batch and gives its room back.
    pub fn commit(&self, batch: Batch<T>) -> Result<(), Fenced> {
        self.queue.commit(batch)
    }

    /// Waits until something can be taken. The error says that no more will come.
    pub async fn ready(&mut self) -> Result<(), NoMoreItems> {
        std::future::poll_fn(|task| self.poll_ready(task)).await
    }

    /// Like `ready`, for a poll function.
    pub fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), NoMoreItems>> {
        let mut state = self.queue.shared.state.lock();
        if state.generation != self.generation {
            return Poll::Ready(Err(NoMoreItems::Fenced));
        }
        if state.has_batch() {
            return Poll::Ready(Ok(()));
        }
        if state.closed {
            return Poll::Ready(Err(NoMoreItems::Closed));
        }
        state.waker_opt = Some(task.waker().clone());
        Poll::Pending
    }
}

/// Why a consumer gets no more items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoMoreItems {
    /// The queue is closed and empty.
    #[error("the queue is closed")]
    Closed,
    /// A later consumer has taken over.
    #[error("another consumer has taken over the queue")]
    Fenced,
}

impl<T> Stream for QueueConsumer<T> {
    type Item = Batch<T>;

    /// Yields the backlog as one batch each time; ends when the queue is closed and empty, or the consumer is fenced.
    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.poll_ready(task) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(None),
            Poll::Ready(Ok(())) => Poll::Ready(self.take_batch().ok()),
        }
    }
}

/// Items taken together, oldest first. They stay recorded in the queue until the batch is committed; dropping the batch
/// leaves them in flight for the next consumer.
#[must_use = "an uncommitted batch keeps its room in the queue"]
pub struct Batch<T> {
    id: BatchId,
    generation: u64,
    chunks: Vec<Arc<Chunk<T>>>,
}

impl<T> Batch<T> {
    /// Goes through the items.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.items.iter())
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.items.len()).sum()
    }

    /// Says whether nothing was waiting.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Sum of the sizes given to `push`.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes).sum()
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Batch").field("id", &self.id).field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "queue_test.rs"]
mod tests;
