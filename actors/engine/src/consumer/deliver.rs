//! Which message is delivered next, and to whom.

use troupe_codecs::api::consumer::{AckPolicy, PriorityPolicy};

use super::ack_subject::{AckNumbers, AckPrefix};
use super::effects::{Advisory, Effects, GivenUp, GivenUpCause, REMOVED_UNACKED};
use super::state::{Consumer, Side};
use super::status::Remaining;

/// What a consumer wants from its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing now; [`Consumer::rest`] is due.
    Nothing(Idle),
    /// The message with this sequence; [`Consumer::vanished`] when there is none.
    Exactly(u64),
    /// The first message of its filters from this sequence on; [`Consumer::reached_end`] when there is none.
    From(u64),
}

/// Why a consumer wants nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It is paused.
    Paused,
    /// Nobody listens, or asks.
    NoDemand,
    /// The client must catch up.
    FlowControl,
    /// The client must acknowledge.
    AckLimit,
    /// The next message may be sent later.
    TooEarly,
}

/// A message that may be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its sequence.
    pub seq: u64,
    /// When it was stored, in nanoseconds since 1970.
    pub timestamp: i64,
    /// Length of its subject.
    pub subject_len: usize,
    /// Length of headers and payload, as they are sent.
    pub body_len: usize,
}

/// What became of a candidate.
#[derive(Debug)]
pub enum Offer<'a> {
    /// Send it.
    Taken(Delivery<'a>),
    /// Nobody takes it now; [`Consumer::rest`] is due.
    Refused,
}

/// How to send a message.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// To this subject.
    pub to: &'a [u8],
    /// Which request it answers; zero when it is pushed.
    pub request: u64,
    /// Writes the reply subject.
    pub ack: &'a AckPrefix,
    /// What the reply subject tells.
    pub numbers: AckNumbers,
    /// Identity of the pinned client, for a header.
    pub pin_id: Option<&'a str>,
    /// The request has its messages, and would have taken more bytes: tell it behind the message.
    pub completed: Option<Remaining>,
    /// Whether [`Consumer::ask`] is due behind the message.
    pub asks: bool,
}

impl Consumer {
    /// What to read next. Call until it is nothing.
    pub fn next(&mut self, now: i64, effects: &mut dyn Effects) -> Next {
        if let Some(idle) = self.idle(now) {
            return Next::Nothing(idle);
        }
        while let Some(queued) = self.pending.next_queued() {
            let seq = queued.stream_seq;
            let redeliveries = self.redelivered.get(&seq).copied().unwrap_or(0) + 1;
            let max = self.max_deliver();
            if max == 0 || redeliveries < max {
                return Next::Exactly(seq);
            }
            self.redelivered.insert(seq, redeliveries);
            self.give_up(seq, redeliveries, redeliveries == max, effects);
        }
        if self.is_at_ack_limit() {
            return Next::Nothing(Idle::AckLimit);
        }
        match self.listed.as_ref().and_then(|listed| listed.left.last()) {
            Some(seq) => Next::Exactly(*seq),
            None => Next::From(self.next.stream),
        }
    }

    fn idle(&self, now: i64) -> Option<Idle> {
        if now < self.paused_until() {
            return Some(Idle::Paused);
        }
        if now < self.times.hold_until {
            return Some(Idle::TooEarly);
        }
        match &self.side {
            Side::Pull(pull) => pull.waiting.is_empty().then_some(Idle::NoDemand),
            Side::Push(push) if !push.is_active => Some(Idle::NoDemand),
            Side::Push(push) => push.flow.as_ref().is_some_and(|flow| flow.is_full()).then_some(Idle::FlowControl),
        }
    }

    /// Drops a message that was delivered as often as allowed.
    pub(super) fn give_up(&mut self, seq: u64, deliveries: u64, is_first: bool, effects: &mut dyn Effects) {
        if is_first {
            effects.advise(&Advisory::MaxDeliveries { stream_seq: seq, deliveries });
        }
        let Some(unacked) = self.pending.get(seq).copied() else { return };
        let (stream_seq, consumer_seq) = (seq, unacked.consumer_seq);
        self.is_changed = true;
        if effects.given_up(&GivenUp { stream_seq, consumer_seq, deliveries, cause: GivenUpCause::MaxDeliver }) {
            self.pending.hold(seq);
        } else {
            self.pending.remove(seq);
            self.move_floor(unacked);
        }
    }

    /// Takes note that a message [`Next::Exactly`] named is not in the stream.
    pub fn vanished(&mut self, seq: u64, now: i64, effects: &mut dyn Effects) {
        if let Some(unacked) = self.pending.get(seq).copied() {
            let deliveries = self.redelivered.get(&seq).copied().unwrap_or(0) + 1;
            self.settle(seq, unacked.consumer_seq, deliveries, false, now, effects);
            self.forget(seq);
            let consumer_seq = unacked.consumer_seq;
            let reason = REMOVED_UNACKED;
            effects.advise(&Advisory::Terminated { consumer_seq, stream_seq: seq, deliveries, reason });
            return;
        }
        self.pass_listed(seq);
    }

    /// Takes note that no message of its filters is between the next sequence and the stream's last.
    pub fn reached_end(&mut self, last_seq: u64) {
        self.next.stream = self.next.stream.max(last_seq.saturating_add(1));
        self.backlog = 0;
        if self.replay.as_ref().is_some_and(|replay| replay.is_over(self.next.stream)) {
            self.replay = None;
        }
    }

    /// Whether a message that is read can be sent later only, and then when.
    fn held_until(&self, candidate: &Candidate, num_bytes: usize, now: i64) -> i64 {
        let by_replay = self.replay.as_ref().map_or(now, |replay| replay.ready_at(candidate.timestamp, now));
        let by_rate = self.rate.as_ref().map_or(now, |rate| rate.ready_at(num_bytes as u64, now));
        by_replay.max(by_rate)
    }

    /// Offers the message that [`Consumer::next`] asked for. Sent or not, call [`Consumer::next`] again when taken.
    pub fn offer(&mut self, candidate: &Candidate, now: i64, effects: &mut dyn Effects) -> Offer<'_> {
        let is_again = self.pending.is_queued(candidate.seq);
        let redeliveries = if is_again { self.redelivered.get(&candidate.seq).copied().unwrap_or(0) + 1 } else { 0 };
        let numbers = AckNumbers {
            deliveries: redeliveries + 1,
            stream_seq: candidate.seq,
            consumer_seq: self.next.consumer,
            timestamp: candidate.timestamp,
            num_pending: u64::try_from(self.backlog - i64::from(!is_again)).unwrap_or(0),
        };
        let reply_len = self.ack_prefix.len_with(&numbers);
        let num_bytes = candidate.subject_len + reply_len + candidate.body_len;
        if self.replay.is_some() || self.rate.is_some() {
            self.times.hold_until = self.held_until(candidate, num_bytes, now);
            if self.times.hold_until > now {
                return Offer::Refused;
            }
        }
        let Some((request, completed)) = self.find_taker(num_bytes, is_again, now, effects) else {
            return Offer::Refused;
        };
        self.record(candidate, redeliveries, num_bytes, now, effects);
        let asks = self.count_sent(reply_len + candidate.body_len, now);
        let (to, pin_id) = match &self.side {
            Side::Pull(pull) => (&pull.served.1[..], self.pin_id()),
            Side::Push(push) => (&push.subject[..], None),
        };
        Offer::Taken(Delivery { to, request, ack: &self.ack_prefix, numbers, pin_id, completed, asks })
    }

    fn pin_id(&self) -> Option<&str> {
        match &self.side {
            Side::Pull(pull) if self.config.priority_policy == PriorityPolicy::PinnedClient => {
                Some(pull.pin.as_ref().map_or("", |pin| pin.id.as_str()))
            }
            _ => None,
        }
    }

    fn record(
        &mut self,
        candidate: &Candidate,
        redeliveries: u64,
        num_bytes: usize,
        now: i64,
        effects: &mut dyn Effects,
    ) {
        let seq = candidate.seq;
        if redeliveries > 0 {
            self.redelivered.insert(seq, redeliveries);
        } else {
            self.backlog -= 1;
            self.pass_listed(seq);
            self.next.stream = self.next.stream.max(seq + 1);
        }
        let consumer_seq = self.next.consumer;
        self.next.consumer += 1;
        self.delivered.consumer = consumer_seq;
        self.delivered.stream = self.delivered.stream.max(seq);
        if self.config.ack_policy == AckPolicy::None {
            self.floor = self.delivered;
            if self.identity.settles {
                effects.settled(seq);
            }
        } else {
            self.pending.track(seq, consumer_seq, now);
            if self.config.ack_wait > 0 {
                self.times.redeliver_at = self.times.redeliver_at.min(now.saturating_add(self.wait_of(seq)));
            }
        }
        if let Some(rate) = &mut self.rate {
            rate.take(num_bytes as u64, now);
        }
        if let Some(replay) = &mut self.replay {
            replay.sent(candidate.timestamp, now);
        }
        self.times.delivered = now;
        self.is_changed = true;
    }

    /// Moves on in the list of last messages, and behind it when it is through.
    fn pass_listed(&mut self, seq: u64) {
        let Some(listed) = &mut self.listed else { return };
        if listed.left.last() != Some(&seq) {
            return;
        }
        listed.left.pop();
        self.next.stream = self.next.stream.max(seq + 1);
        if listed.left.is_empty() {
            self.next.stream = self.next.stream.max(listed.resume + 1);
            self.listed = None;
        }
    }

    /// Counts bytes sent; whether the client is to be asked for an answer.
    fn count_sent(&mut self, body_len: usize, now: i64) -> bool {
        let is_at_limit = self.config.ack_policy == AckPolicy::FlowControl && self.is_at_ack_limit();
        let heartbeat = self.config.heartbeat;
        match &mut self.side {
            Side::Pull(_) => {
                self.times.active = now;
                false
            }
            Side::Push(push) => {
                if heartbeat > 0 {
                    push.heartbeat_at = now.saturating_add(heartbeat);
                }
                let num_bytes = push.subject.len() + body_len;
                push.flow.as_mut().is_some_and(|flow| flow.sent(num_bytes as u64, is_at_limit))
            }
        }
    }

    /// The request that takes a message of this size; zero when it is pushed.
    fn find_taker(
        &mut self,
        num_bytes: usize,
        is_again: bool,
        now: i64,
        effects: &mut dyn Effects,
    ) -> Option<(u64, Option<Remaining>)> {
        let demand = super::pull::Demand {
            num_bytes: i64::try_from(num_bytes).unwrap_or(i64::MAX),
            num_pending: self.backlog + i64::from(is_again),
            num_unacked: i64::try_from(self.pending.len()).unwrap_or(i64::MAX),
            now,
        };
        match &mut self.side {
            Side::Push(_) => Some((0, None)),
            Side::Pull(pull) => pull.choose(&self.config, &demand, effects),
        }
    }
}
