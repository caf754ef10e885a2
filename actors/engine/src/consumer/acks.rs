//! Acknowledgements: what is done, what is delivered again, how far everything is done.

use super::ack::{AckWord, NakDelay};
use super::ack_subject::AckSubject;
use super::effects::{Advisory, Effects, GivenUp, GivenUpCause};
use super::pending::Unacked;
use super::state::{Consumer, Position};

use troupe_codecs::api::consumer::AckPolicy;

/// What follows an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckOutcome<'a> {
    /// It is answered, if it asks for an answer.
    Answer,
    /// It is not answered.
    Silence,
    /// Its sequence was not delivered yet, and it is not answered: worth a warning when it is beyond the stream's last.
    Ahead,
    /// It asks for more, with this pull request, and is not answered.
    Pull(&'a [u8]),
    /// It asks for a delay nobody understands: worth a warning; it is answered.
    BadDelay(&'a [u8]),
}

impl Consumer {
    /// Takes what a client says of a message.
    pub fn acknowledge<'a>(
        &mut self,
        subject: &AckSubject<'_>,
        word: &AckWord<'a>,
        now: i64,
        effects: &mut dyn Effects,
    ) -> AckOutcome<'a> {
        let AckSubject { deliveries, stream_seq, consumer_seq, .. } = *subject;
        if self.config.inactive_threshold > 0 {
            self.times.active = now;
        }
        let outcome = match word {
            AckWord::Ack => self.settle(stream_seq, consumer_seq, deliveries, true, now, effects),
            AckWord::Next(request) => {
                self.settle(stream_seq, consumer_seq, deliveries, true, now, effects);
                return AckOutcome::Pull(request);
            }
            AckWord::Nak(delay) => self.refuse(subject, delay, now, effects),
            AckWord::Progress => {
                if self.pending.touch(stream_seq, now).is_some() {
                    self.is_changed = true;
                }
                AckOutcome::Answer
            }
            AckWord::Term(reason) => self.terminate(subject, reason, now, effects),
            AckWord::Unknown => AckOutcome::Answer,
        };
        // Sequence zero never was: such an acknowledgement is a forgery, and gets no answer.
        if stream_seq == 0 { AckOutcome::Silence } else { outcome }
    }

    /// Records that the client of a consumer with flow control has everything up to here.
    pub fn confirm(&mut self, stream_seq: u64, consumer_seq: u64, now: i64, effects: &mut dyn Effects) {
        self.settle(stream_seq, consumer_seq, 1, false, now, effects);
    }

    /// Records that a message is done.
    pub(super) fn settle(
        &mut self,
        stream_seq: u64,
        consumer_seq: u64,
        deliveries: u64,
        is_measured: bool,
        now: i64,
        effects: &mut dyn Effects,
    ) -> AckOutcome<'static> {
        if stream_seq >= self.next.stream && !self.config.flow_control {
            return AckOutcome::Ahead;
        }
        match self.config.ack_policy {
            AckPolicy::None => return if self.identity.settles { AckOutcome::Answer } else { AckOutcome::Silence },
            AckPolicy::Explicit => self.settle_one(stream_seq, deliveries, is_measured, now, effects),
            AckPolicy::All | AckPolicy::FlowControl => {
                if consumer_seq <= self.floor.consumer || stream_seq <= self.floor.stream {
                    return AckOutcome::Answer;
                }
                self.settle_through(stream_seq, consumer_seq, effects);
            }
        }
        self.times.acked = now;
        self.is_changed = true;
        AckOutcome::Answer
    }

    fn settle_one(&mut self, stream_seq: u64, deliveries: u64, is_measured: bool, now: i64, effects: &mut dyn Effects) {
        // What was given up is settled by whoever cares for it.
        if self.pending.is_held(stream_seq) {
            return;
        }
        if let Some(unacked) = self.pending.remove(stream_seq) {
            if is_measured && self.sampler.pick() {
                let (consumer_seq, delay) = (unacked.consumer_seq, now.saturating_sub(unacked.since));
                effects.advise(&Advisory::Acknowledged { consumer_seq, stream_seq, delay, deliveries });
            }
            self.move_floor(unacked);
        }
        if !self.redelivered.is_empty() {
            self.redelivered.remove(&stream_seq);
        }
        if self.identity.settles {
            effects.settled(stream_seq);
        }
    }

    fn settle_through(&mut self, stream_seq: u64, consumer_seq: u64, effects: &mut dyn Effects) {
        self.floor = Position { consumer: consumer_seq, stream: stream_seq };
        let settles = self.identity.settles;
        self.pending.settle_through(stream_seq, |unacked| {
            if settles && unacked.stream_seq != stream_seq {
                effects.settled(unacked.stream_seq);
            }
        });
        self.redelivered = self.redelivered.split_off(&stream_seq.saturating_add(1));
        if let Some(held) = self.pending.first().filter(|first| first.stream_seq <= stream_seq) {
            self.floor = Position { consumer: held.consumer_seq - 1, stream: held.stream_seq - 1 };
        }
        if settles && !self.pending.is_held(stream_seq) {
            effects.settled(stream_seq);
        }
    }

    /// Moves the floor after a message left the pending ones.
    pub(super) fn move_floor(&mut self, removed: Unacked) {
        if self.pending.is_empty() {
            self.set_floor_to_end();
            return;
        }
        if removed.consumer_seq != self.floor.consumer + 1 {
            return;
        }
        self.floor = Position { consumer: removed.consumer_seq, stream: removed.stream_seq };
        if let Some(first) = self.pending.first().filter(|first| first.stream_seq > removed.stream_seq) {
            self.floor = Position { consumer: first.consumer_seq - 1, stream: first.stream_seq - 1 };
        }
    }

    /// Takes a message back: it is delivered again, at once or after a delay.
    fn refuse<'a>(
        &mut self,
        subject: &AckSubject<'_>,
        delay: &NakDelay<'a>,
        now: i64,
        effects: &mut dyn Effects,
    ) -> AckOutcome<'a> {
        let AckSubject { deliveries, stream_seq, consumer_seq, .. } = *subject;
        let is_in_range = consumer_seq > self.floor.consumer && consumer_seq <= self.next.consumer;
        if !is_in_range || self.pending.get(stream_seq).is_none() || self.pending.is_held(stream_seq) {
            return AckOutcome::Answer;
        }
        effects.advise(&Advisory::Nak { consumer_seq, stream_seq, deliveries });
        self.is_changed = true;
        match delay {
            NakDelay::Nanoseconds(delay) => {
                self.pending.unqueue(stream_seq);
                let since = now.saturating_sub(self.config.ack_wait).saturating_add(*delay);
                self.pending.touch(stream_seq, since);
                let due = since.saturating_add(self.wait_of(stream_seq)).max(now);
                self.times.redeliver_at = self.times.redeliver_at.min(due);
                AckOutcome::Answer
            }
            NakDelay::None => {
                self.pending.queue(stream_seq);
                AckOutcome::Answer
            }
            NakDelay::Bad(text) => {
                self.pending.queue(stream_seq);
                AckOutcome::BadDelay(text)
            }
        }
    }

    /// Never delivers a message again.
    fn terminate(
        &mut self,
        subject: &AckSubject<'_>,
        reason: &[u8],
        now: i64,
        effects: &mut dyn Effects,
    ) -> AckOutcome<'static> {
        let AckSubject { deliveries, stream_seq, consumer_seq, .. } = *subject;
        if self.pending.is_held(stream_seq) {
            return AckOutcome::Answer;
        }
        if let Some(unacked) = self.pending.get(stream_seq) {
            let (consumer_seq, cause) = (unacked.consumer_seq, GivenUpCause::Terminated(reason));
            if effects.given_up(&GivenUp { stream_seq, consumer_seq, deliveries, cause }) {
                self.pending.hold(stream_seq);
                self.is_changed = true;
            }
        }
        let outcome = self.settle(stream_seq, consumer_seq, deliveries, false, now, effects);
        effects.advise(&Advisory::Terminated { consumer_seq, stream_seq, deliveries, reason });
        outcome
    }

    /// Holds a message that was given up before the last start. `false` when it does not wait any more.
    pub fn hold(&mut self, stream_seq: u64) -> bool {
        self.pending.hold(stream_seq)
    }

    /// Whether a message was given up and is kept until [`Consumer::let_go`].
    #[must_use]
    pub fn is_held(&self, stream_seq: u64) -> bool {
        self.pending.is_held(stream_seq)
    }

    /// Settles a message that was given up: somebody else has it now.
    pub fn let_go(&mut self, stream_seq: u64, effects: &mut dyn Effects) {
        if !self.pending.is_held(stream_seq) {
            return;
        }
        if let Some(unacked) = self.pending.release(stream_seq) {
            self.move_floor(unacked);
        }
        self.redelivered.remove(&stream_seq);
        self.is_changed = true;
        if self.identity.settles {
            effects.settled(stream_seq);
        }
    }

    /// Whether the stream has to keep a message for this consumer, whose filters it matches.
    #[must_use]
    pub fn needs(&self, stream_seq: u64) -> bool {
        let is_needed = stream_seq > self.floor.stream
            && (self.config.ack_policy != AckPolicy::Explicit
                || stream_seq >= self.next.stream
                || self.pending.get(stream_seq).is_some());
        is_needed || self.redelivered.contains_key(&stream_seq)
    }
}
