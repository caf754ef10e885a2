//! Messages that were delivered and wait for their acknowledgement.

use std::collections::VecDeque;

/// Slots kept when everything is acknowledged; a larger window is given back.
const KEPT_SLOTS: usize = 1024;

/// A message that waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacked {
    /// Its sequence in the stream.
    pub stream_seq: u64,
    /// The consumer sequence of its first delivery.
    pub consumer_seq: u64,
    /// When it was last delivered, in nanoseconds since 1970; a delayed redelivery moves it.
    pub since: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Acknowledged; the slot is reused when it comes to the front.
    Gone,
    /// Delivered.
    Waiting,
    /// Delivered, and to be delivered again as soon as possible.
    Queued,
    /// Given up, and kept until somebody else has it.
    Held,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    unacked: Unacked,
    state: State,
}

impl Slot {
    fn seq(&self) -> u64 {
        self.unacked.stream_seq
    }
}

/// A window over the stream, in order of sequence: first deliveries append, acknowledgements mark, and the front moves
/// over what is marked. A consumer that is acknowledged in order finds every message by its distance from the front.
///
/// The first slot is never marked. Marked slots are at most as many as the others, and 64.
#[derive(Debug, Default)]
pub struct Pending {
    slots: VecDeque<Slot>,
    num_waiting: usize,
    /// Those of them that are held.
    num_held: usize,
    /// Sequences to deliver again, in order. What is not `Queued` any more, or twice here, is skipped.
    queue: VecDeque<u64>,
    num_queued: usize,
}

impl Pending {
    /// Number of messages that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.num_waiting
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.num_waiting == 0
    }

    /// Number of messages to be delivered again as soon as possible.
    #[must_use]
    pub fn num_queued(&self) -> usize {
        self.num_queued
    }

    /// The waiting message with the lowest sequence.
    #[must_use]
    pub fn first(&self) -> Option<&Unacked> {
        self.slots.front().map(|slot| &slot.unacked)
    }

    /// The message with this sequence, when it waits.
    #[must_use]
    pub fn get(&self, stream_seq: u64) -> Option<&Unacked> {
        self.position(stream_seq).map(|at| &self.slots[at].unacked)
    }

    /// All waiting messages in order of sequence.
    pub fn iter(&self) -> impl Iterator<Item = &Unacked> {
        self.slots.iter().filter(|slot| slot.state != State::Gone).map(|slot| &slot.unacked)
    }

    /// The waiting messages that are not about to be delivered again, in order of sequence.
    pub fn iter_unqueued(&self) -> impl Iterator<Item = &Unacked> {
        self.slots.iter().filter(|slot| slot.state == State::Waiting).map(|slot| &slot.unacked)
    }

    /// Records a delivery. One of a message that waits already keeps its first consumer sequence.
    pub fn track(&mut self, stream_seq: u64, consumer_seq: u64, now: i64) {
        if let Some(at) = self.position(stream_seq) {
            self.unqueue_at(at);
            self.slots[at].unacked.since = now;
            return;
        }
        let slot = Slot { unacked: Unacked { stream_seq, consumer_seq, since: now }, state: State::Waiting };
        self.num_waiting += 1;
        match self.slots.back() {
            Some(last) if last.unacked.stream_seq >= stream_seq => {
                let at = self.slots.partition_point(|slot| slot.unacked.stream_seq < stream_seq);
                match self.slots.get_mut(at) {
                    Some(marked) if marked.unacked.stream_seq == stream_seq => *marked = slot,
                    _ => self.slots.insert(at, slot),
                }
            }
            _ => self.slots.push_back(slot),
        }
    }

    /// Moves the time from which a message's redelivery is counted.
    pub fn touch(&mut self, stream_seq: u64, since: i64) -> Option<Unacked> {
        let at = self.position(stream_seq)?;
        let unacked = &mut self.slots[at].unacked;
        unacked.since = since;
        Some(*unacked)
    }

    /// Takes a message out, and out of the redeliveries. One that is held stays.
    pub fn remove(&mut self, stream_seq: u64) -> Option<Unacked> {
        let at = self.position(stream_seq).filter(|at| self.slots[*at].state != State::Held)?;
        Some(self.remove_at(at))
    }

    /// Takes a message out, held or not.
    pub fn release(&mut self, stream_seq: u64) -> Option<Unacked> {
        let at = self.position(stream_seq)?;
        Some(self.remove_at(at))
    }

    fn remove_at(&mut self, at: usize) -> Unacked {
        let removed = self.slots[at].unacked;
        self.num_held -= usize::from(self.slots[at].state == State::Held);
        self.unqueue_at(at);
        self.slots[at].state = State::Gone;
        self.num_waiting -= 1;
        self.tidy();
        removed
    }

    /// Keeps a message until it is released: it is not delivered again, and no acknowledgement takes it out. `false` when
    /// it is held already or does not wait.
    pub fn hold(&mut self, stream_seq: u64) -> bool {
        let Some(at) = self.position(stream_seq).filter(|at| self.slots[*at].state != State::Held) else {
            return false;
        };
        self.unqueue_at(at);
        self.slots[at].state = State::Held;
        self.num_held += 1;
        true
    }

    /// Whether a message is held.
    #[must_use]
    pub fn is_held(&self, stream_seq: u64) -> bool {
        self.num_held > 0 && self.position(stream_seq).is_some_and(|at| self.slots[at].state == State::Held)
    }

    /// As [`Pending::remove_through`]; those that are held stay.
    pub fn settle_through(&mut self, stream_seq: u64, visit: impl FnMut(Unacked)) {
        if self.num_held == 0 {
            return self.remove_through(stream_seq, visit);
        }
        let held: Vec<u64> = self.slots.iter().filter(|slot| slot.state == State::Held).map(Slot::seq).collect();
        self.retain(|unacked| unacked.stream_seq > stream_seq || held.contains(&unacked.stream_seq), visit);
    }

    /// Takes out every message up to and including `stream_seq`, telling each to `visit`.
    pub fn remove_through(&mut self, stream_seq: u64, mut visit: impl FnMut(Unacked)) {
        while let Some(slot) = self.slots.front() {
            if slot.unacked.stream_seq > stream_seq {
                break;
            }
            let Slot { unacked, state } = *slot;
            if state != State::Gone {
                self.unqueue_at(0);
                self.num_held -= usize::from(state == State::Held);
                self.num_waiting -= 1;
                visit(unacked);
            }
            self.slots.pop_front();
        }
        self.tidy();
    }

    /// Takes out every message that `keep` does not want, telling each to `visit`.
    pub fn retain(&mut self, mut keep: impl FnMut(&Unacked) -> bool, mut visit: impl FnMut(Unacked)) {
        for at in 0..self.slots.len() {
            let Slot { unacked, state } = self.slots[at];
            if state != State::Gone && !keep(&unacked) {
                self.unqueue_at(at);
                self.num_held -= usize::from(state == State::Held);
                self.slots[at].state = State::Gone;
                self.num_waiting -= 1;
                visit(unacked);
            }
        }
        self.tidy();
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Puts a waiting message behind those to be delivered again. `false` when it is there already or does not wait.
    pub fn queue(&mut self, stream_seq: u64) -> bool {
        let Some(at) = self.position(stream_seq) else { return false };
        if self.slots[at].state != State::Waiting {
            return false;
        }
        self.slots[at].state = State::Queued;
        self.num_queued += 1;
        self.queue.push_back(stream_seq);
        if self.queue.len() > 2 * self.num_queued + 64 {
            self.drop_stale_redeliveries();
        }
        true
    }

    /// Takes a message out of those to be delivered again; it keeps waiting.
    pub fn unqueue(&mut self, stream_seq: u64) {
        if let Some(at) = self.position(stream_seq) {
            self.unqueue_at(at);
        }
    }

    /// Takes all messages out of those to be delivered again, telling each to `visit`; they keep waiting.
    pub fn unqueue_all(&mut self, mut visit: impl FnMut(Unacked)) {
        if self.num_queued == 0 {
            return;
        }
        for slot in self.slots.iter_mut().filter(|slot| slot.state == State::Queued) {
            slot.state = State::Waiting;
            visit(slot.unacked);
        }
        self.queue.clear();
        self.num_queued = 0;
    }

    /// Whether the message is to be delivered again as soon as possible.
    #[must_use]
    pub fn is_queued(&self, stream_seq: u64) -> bool {
        self.position(stream_seq).is_some_and(|at| self.slots[at].state == State::Queued)
    }

    /// The message to deliver again first. It stays there until it is delivered or removed.
    pub fn next_queued(&mut self) -> Option<Unacked> {
        while self.num_queued > 0 {
            let stream_seq = *self.queue.front()?;
            match self.position(stream_seq) {
                Some(at) if self.slots[at].state == State::Queued => return Some(self.slots[at].unacked),
                _ => self.queue.pop_front(),
            };
        }
        self.queue.clear();
        None
    }

    fn unqueue_at(&mut self, at: usize) {
        if self.slots[at].state == State::Queued {
            self.slots[at].state = State::Waiting;
            self.num_queued -= 1;
            if self.queue.front() == Some(&self.slots[at].unacked.stream_seq) {
                self.queue.pop_front();
            }
        }
    }

    /// Index of a message that waits. Without gaps in the window its place is known at once.
    fn position(&self, stream_seq: u64) -> Option<usize> {
        let first = self.slots.front()?.unacked.stream_seq;
        let guess = usize::try_from(stream_seq.checked_sub(first)?).ok()?;
        let at = match self.slots.get(guess) {
            Some(slot) if slot.unacked.stream_seq == stream_seq => guess,
            _ => self.slots.binary_search_by_key(&stream_seq, |slot| slot.unacked.stream_seq).ok()?,
        };
        (self.slots[at].state != State::Gone).then_some(at)
    }

    /// Restores what [`Pending`] promises of its slots.
    fn tidy(&mut self) {
        if self.num_waiting == 0 {
            self.slots.clear();
            self.queue.clear();
            if self.slots.capacity() > KEPT_SLOTS {
                self.slots = VecDeque::new();
                self.queue = VecDeque::new();
            }
            return;
        }
        while self.slots.front().is_some_and(|slot| slot.state == State::Gone) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.num_waiting + 64 {
            self.slots.retain(|slot| slot.state != State::Gone);
        }
    }

    fn drop_stale_redeliveries(&mut self) {
        let mut kept = VecDeque::with_capacity(self.num_queued);
        let mut seen = ahash::AHashSet::with_capacity(self.num_queued);
        for stream_seq in std::mem::take(&mut self.queue) {
            if self.is_queued(stream_seq) && seen.insert(stream_seq) {
                kept.push_back(stream_seq);
            }
        }
        self.queue = kept;
    }
}

#[cfg(test)]
#[path = "pending_test.rs"]
mod tests;
