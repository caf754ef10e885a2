//! Positions of a consumer, and how deliveries and acknowledgements move them.

use std::collections::BTreeMap;

use crate::StoreError;

/// A position counted in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequencePair {
    /// In deliveries of the consumer.
    pub consumer: u64,
    /// In sequences of the stream.
    pub stream: u64,
}

/// A message delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingMessage {
    /// Which delivery of the consumer it was.
    pub consumer_seq: u64,
    /// When it was delivered, nanoseconds since 1970. Files keep whole seconds.
    pub time_ns: i64,
}

/// Which acknowledgements a consumer awaits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckMode {
    /// None: what is delivered is acknowledged.
    None,
    /// One for each message.
    #[default]
    Explicit,
    /// One for a message and all before it.
    All,
}

/// What a consumer remembers over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerState {
    /// The last delivery.
    pub delivered: SequencePair,
    /// Everything up to here is acknowledged.
    pub ack_floor: SequencePair,
    /// By stream sequence: delivered, not acknowledged.
    pub pending: BTreeMap<u64, PendingMessage>,
    /// By stream sequence: how often it was delivered again.
    pub redelivered: BTreeMap<u64, u64>,
}

impl ConsumerState {
    /// Tells whether a position is further than another state's, or what is below it acknowledged further.
    #[must_use]
    pub fn is_beyond(&self, other: &Self) -> bool {
        let positions = |state: &Self| [state.delivered, state.ack_floor];
        let is_beyond =
            |(one, other): (SequencePair, SequencePair)| one.consumer > other.consumer || one.stream > other.stream;
        positions(self).into_iter().zip(positions(other)).any(is_beyond)
    }

    /// Checks that the positions do not contradict each other.
    ///
    /// # Errors
    ///
    /// `CorruptConsumerState`.
    pub fn check(&self) -> Result<(), StoreError> {
        const HIGH: u64 = 1 << 63;
        let is_high = (self.delivered.stream | self.ack_floor.stream) & HIGH != 0;
        let is_ahead = self.ack_floor.consumer > self.delivered.consumer
            || (self.ack_floor.stream > self.delivered.stream && self.delivered.stream > 0);
        if is_high || is_ahead { Err(StoreError::CorruptConsumerState) } else { Ok(()) }
    }

    /// Records a delivery: the consumer's `consumer_seq`-th, of the stream's `stream_seq`, the `count`-th time.
    pub fn deliver(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64, count: u64, time_ns: i64) {
        if consumer_seq <= self.ack_floor.consumer {
            return;
        }
        let is_known = stream_seq <= self.delivered.stream;
        self.delivered.consumer = self.delivered.consumer.max(consumer_seq);
        self.delivered.stream = self.delivered.stream.max(stream_seq);
        if mode == AckMode::None {
            self.ack_floor = self.delivered;
            return;
        }
        match self.pending.get_mut(&stream_seq) {
            Some(pending) => pending.time_ns = time_ns,
            None if is_known => {}
            None => drop(self.pending.insert(stream_seq, PendingMessage { consumer_seq, time_ns })),
        }
        if count > 1 {
            let known = self.redelivered.entry(stream_seq).or_default();
            *known = (*known).max(count - 1);
        }
    }

    /// Records an acknowledgement of the consumer's `consumer_seq`-th delivery, of the stream's `stream_seq`.
    /// Returns false if it was not awaited.
    pub fn acknowledge(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64) -> bool {
        self.redelivered.remove(&stream_seq);
        if consumer_seq <= self.ack_floor.consumer || !self.pending.contains_key(&stream_seq) {
            return false;
        }
        if mode == AckMode::All {
            self.ack_floor = SequencePair { consumer: consumer_seq, stream: stream_seq };
            self.pending = self.pending.split_off(&(stream_seq + 1));
            self.redelivered = self.redelivered.split_off(&(stream_seq + 1));
            return true;
        }
        let original = self.pending.remove(&stream_seq).map_or(consumer_seq, |pending| pending.consumer_seq);
        self.raise_floor(SequencePair { consumer: consumer_seq.min(original), stream: stream_seq });
        true
    }

    /// Stops awaiting a message that will not be delivered again.
    pub fn give_up(&mut self, stream_seq: u64) {
        self.pending.remove(&stream_seq);
    }

    /// Moves the floor after `done` was acknowledged: to the last delivery when nothing is awaited; when `done` was
    /// the next after the floor, to just before the next message awaited.
    fn raise_floor(&mut self, done: SequencePair) {
        if self.pending.is_empty() {
            self.ack_floor = self.delivered;
            return;
        }
        if done.consumer != self.ack_floor.consumer + 1 {
            return;
        }
        self.ack_floor = done;
        if let Some((next, pending)) = self.pending.range(done.stream..).next() {
            self.ack_floor = SequencePair { consumer: pending.consumer_seq.saturating_sub(1), stream: next - 1 };
        }
    }
}
