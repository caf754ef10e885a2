//! Changes from outside: new configuration, reset, messages that leave the stream.

use std::sync::Arc;

use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::AckPolicy;

use super::effects::{Advisory, Effects, REMOVED_UNACKED};
use super::pending::Unacked;
use super::state::{Consumer, NEVER, Position, Side};

/// What was stored of a consumer.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Last delivery.
    pub delivered: Position,
    /// Everything up to here is acknowledged.
    pub floor: Position,
    /// Messages that wait for their acknowledgement, in any order.
    pub pending: Vec<Unacked>,
    /// Redeliveries by sequence.
    pub redelivered: Vec<(u64, u64)>,
}

impl Consumer {
    /// Goes on from a stored state. What lies beyond the stream's last sequence was lost with the stream's end.
    pub fn restore(&mut self, mut stored: Stored, last_seq: u64, now: i64) {
        stored.pending.sort_unstable_by_key(|unacked| unacked.stream_seq);
        if stored.delivered.stream > last_seq {
            reconcile(&mut stored, last_seq);
            self.is_changed = true;
        }
        self.next = Position { consumer: stored.delivered.consumer + 1, stream: stored.delivered.stream + 1 };
        self.delivered = stored.delivered;
        self.floor = stored.floor;
        self.listed = None;
        self.pending.clear();
        for unacked in stored.pending.iter().filter(|unacked| unacked.stream_seq > stored.floor.stream) {
            self.pending.track(unacked.stream_seq, unacked.consumer_seq, unacked.since);
        }
        self.redelivered = stored.redelivered.into_iter().collect();
        if !self.pending.is_empty() && self.config.ack_wait > 0 {
            // Soon, in case the stream lost some; not at once, for clients may still answer.
            let soon = 500_000_000 + i64::try_from(self.identity.seed % 1000).unwrap_or(0) * 1_000_000;
            self.times.redeliver_at = now.saturating_add(soon.min(self.config.ack_wait));
        }
    }

    /// Takes over another configuration, which was checked. `true` when the filters changed: what is not delivered
    /// must be counted anew.
    pub fn reconfigure(&mut self, config: Arc<ConsumerConfig>, now: i64, effects: &mut dyn Effects) -> bool {
        let old = std::mem::replace(&mut self.config, config);
        if old.deliver_subject != self.config.deliver_subject {
            self.move_delivery(now);
        }
        if old.ack_wait != self.config.ack_wait || old.backoff != self.config.backoff {
            self.times.redeliver_at = self.times.redeliver_at.min(now.saturating_add(100_000_000));
        }
        let was_paused_until = old.pause_until.map_or(0, |until| until.nanos());
        let is_pause_changed = was_paused_until != self.config.pause_until.map_or(0, |until| until.nanos());
        self.follow_config(now);
        if is_pause_changed {
            effects.advise(&Advisory::Paused);
        }
        if old.inactive_threshold != self.config.inactive_threshold {
            self.watch_activity(now);
        }
        if self.config.priority_groups != old.priority_groups
            && let Side::Pull(pull) = &mut self.side
        {
            pull.pin.take_if(|pin| !self.config.priority_groups.contains(&pin.group));
        }
        filters_of(&old) != filters_of(&self.config)
    }

    /// Delivers what is pending again, to the new subject.
    fn move_delivery(&mut self, now: i64) {
        let Side::Push(push) = &mut self.side else { return };
        push.subject = bytes::Bytes::copy_from_slice(self.config.deliver_subject.as_bytes());
        let waiting: Vec<u64> = self.pending.iter_unqueued().map(|unacked| unacked.stream_seq).collect();
        for stream_seq in waiting {
            self.pending.queue(stream_seq);
            self.pending.touch(stream_seq, now);
        }
    }

    /// Where a reset to this sequence leads; zero means behind the floor. `start` is the first sequence at or after the
    /// configured start time.
    ///
    /// # Errors
    ///
    /// Why it may not be reset there.
    pub fn reset_target(&self, seq: u64, start: impl FnOnce(i64) -> u64) -> Result<u64, &'static str> {
        use troupe_codecs::api::consumer::DeliverPolicy;
        if seq == 0 {
            return Ok(self.floor.stream + 1);
        }
        match (self.config.deliver_policy, self.config.opt_start_time) {
            (DeliverPolicy::All, _) => Ok(seq),
            (DeliverPolicy::ByStartSequence, _) if seq < self.config.opt_start_seq => Err("below start seq"),
            (DeliverPolicy::ByStartSequence, _) => Ok(seq),
            (DeliverPolicy::ByStartTime, Some(time)) if seq < start(time.nanos()) => Err("below start time"),
            (DeliverPolicy::ByStartTime, Some(_)) => Ok(seq),
            _ => Err("not allowed"),
        }
    }

    /// Begins anew with this sequence, as if nothing was delivered. What is not delivered must be counted anew.
    pub fn reset(&mut self, seq: u64) {
        let seq = seq.max(1);
        self.pending.clear();
        self.redelivered.clear();
        self.listed = None;
        self.next = Position { consumer: 1, stream: seq };
        self.floor = Position { consumer: 0, stream: seq - 1 };
        self.delivered = self.floor;
        self.times.delivered = 0;
        self.times.acked = 0;
        self.times.redeliver_at = NEVER;
        self.is_changed = true;
    }

    /// Takes note that a message left the stream, whose subject `matches` its filters or not.
    pub fn left(&mut self, stream_seq: u64, matches: bool, now: i64, effects: &mut dyn Effects) {
        if matches && stream_seq >= self.next.stream {
            self.backlog -= 1;
        }
        let Some(unacked) = self.pending.get(stream_seq).copied() else {
            if self.redelivered.remove(&stream_seq).is_some() {
                self.is_changed = true;
            }
            return;
        };
        let deliveries = self.redelivered.get(&stream_seq).copied().unwrap_or(0).max(1);
        let consumer_seq = unacked.consumer_seq;
        self.settle(stream_seq, consumer_seq, deliveries, false, now, effects);
        self.forget(stream_seq);
        effects.advise(&Advisory::Terminated { consumer_seq, stream_seq, deliveries, reason: REMOVED_UNACKED });
    }

    /// Takes a message out of the pending ones whatever the policy.
    pub(super) fn forget(&mut self, stream_seq: u64) {
        if let Some(unacked) = self.pending.release(stream_seq) {
            self.move_floor(unacked);
        }
        self.redelivered.remove(&stream_seq);
        self.is_changed = true;
    }

    /// Takes note that many messages left the stream; `exists` tells which are still there. What is not delivered must
    /// be counted anew. `first_seq` is the stream's new first sequence.
    pub fn many_left(&mut self, first_seq: u64, mut exists: impl FnMut(u64) -> bool) {
        self.next.stream = self.next.stream.max(first_seq);
        let floor = &mut self.floor;
        self.pending.retain(
            |unacked| unacked.stream_seq >= first_seq && exists(unacked.stream_seq),
            |gone| floor.consumer = floor.consumer.max(gone.consumer_seq),
        );
        self.floor.stream = self.floor.stream.max(first_seq.saturating_sub(1));
        match self.pending.first() {
            None => {
                self.redelivered.clear();
                self.set_floor_to_end();
            }
            Some(first) => {
                // The floor is never beyond what waits.
                self.floor.consumer = self.floor.consumer.min(first.consumer_seq - 1);
                self.floor.stream = self.floor.stream.min(first.stream_seq - 1);
                self.redelivered = self.redelivered.split_off(&first_seq);
            }
        }
        self.delivered.stream = self.delivered.stream.max(self.next.stream - 1);
        self.is_changed = true;
    }
}

/// Cuts off what lies beyond the stream's last sequence.
fn reconcile(stored: &mut Stored, last_seq: u64) {
    if stored.floor.stream > last_seq {
        stored.floor = Position { consumer: stored.delivered.consumer, stream: last_seq };
        stored.pending.clear();
        stored.redelivered.clear();
    }
    stored.pending.retain(|unacked| unacked.stream_seq <= last_seq);
    stored.redelivered.retain(|(seq, _)| *seq <= last_seq);
    let last_pending = stored.pending.iter().map(|unacked| unacked.stream_seq).max();
    stored.delivered = match last_pending {
        None => stored.floor,
        Some(stream) => {
            let consumer = stored.pending.iter().map(|unacked| unacked.consumer_seq).max().unwrap_or(0);
            Position { consumer, stream }
        }
    };
}

/// The subjects a consumer wants; none means all.
#[must_use]
pub fn filters_of(config: &ConsumerConfig) -> Vec<&str> {
    let one = Some(config.filter_subject.as_str()).filter(|filter| !filter.is_empty());
    let mut filters: Vec<&str> = config.filter_subjects.iter().map(String::as_str).chain(one).collect();
    filters.sort_unstable();
    filters.dedup();
    filters
}

/// Whether acknowledgements mean anything to a consumer.
#[must_use]
pub fn takes_acks(config: &ConsumerConfig) -> bool {
    matches!(config.ack_policy, AckPolicy::All | AckPolicy::Explicit)
}
