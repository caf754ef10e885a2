//! What happens because time passes.

use troupe_codecs::api::consumer::AckPolicy;

use super::effects::{Advisory, Effects};
use super::state::{Consumer, NEVER, Side};
use super::status::Status;

/// Redeliveries that fall into the same stretch of time are made together.
const REDELIVERY_SLACK: i64 = 1_000_000;

/// Whether a consumer is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It is, or nobody minds.
    Used,
    /// It was not used for longer than it may: delete it.
    Abandoned,
}

impl Consumer {
    /// When [`Consumer::tick`] is to be called next, nanoseconds since 1970; [`NEVER`] for never.
    #[must_use]
    pub fn next_tick(&self) -> i64 {
        let times = &self.times;
        let hold_until = if times.hold_until == 0 { NEVER } else { times.hold_until };
        let common = times.redeliver_at.min(times.resume_at).min(times.inactive_at).min(hold_until);
        match &self.side {
            Side::Pull(pull) => common.min(pull.check_at).min(pull.pin.as_ref().map_or(NEVER, |pin| pin.expires)),
            Side::Push(push) => common.min(push.heartbeat_at),
        }
    }

    /// Does what is due. [`Consumer::next`] is worth a call afterwards. `first_seq` is the stream's.
    pub fn tick(&mut self, first_seq: u64, now: i64, effects: &mut dyn Effects) -> Usage {
        let times = &mut self.times;
        if now >= times.resume_at {
            times.resume_at = NEVER;
            effects.advise(&Advisory::Paused);
        }
        if now >= times.hold_until {
            times.hold_until = 0;
        }
        if now >= self.times.redeliver_at {
            self.check_pending(first_seq, now, effects);
        }
        if let Side::Pull(pull) = &mut self.side {
            pull.check_pin(now, effects);
            if now >= pull.check_at {
                pull.check(true, (self.next.consumer, self.next.stream), now, effects);
            }
        } else {
            self.beat(now, effects);
        }
        if now >= self.times.inactive_at { self.check_usage(now, effects) } else { Usage::Used }
    }

    /// Looks after those who wait when there is nothing to deliver now. `at_ack_limit` keeps requests that do not
    /// wait: they are not at the end of the stream.
    pub fn rest(&mut self, at_ack_limit: bool, now: i64, effects: &mut dyn Effects) {
        self.check_requests(!at_ack_limit, now, effects);
    }

    /// Gives a sign of life when nothing was pushed for a while.
    fn beat(&mut self, now: i64, effects: &mut dyn Effects) {
        let acks_by_flow = self.config.ack_policy == AckPolicy::FlowControl && !self.pending.is_empty();
        let Side::Push(push) = &mut self.side else { return };
        if now < push.heartbeat_at {
            return;
        }
        push.heartbeat_at = now.saturating_add(self.config.heartbeat);
        if !push.is_active {
            return;
        }
        let stalled = push.flow.as_ref().and_then(|flow| flow.awaited().cloned());
        let (consumer_seq, stream_seq) = (self.next.consumer - 1, self.next.stream - 1);
        let stalled_bytes = stalled.as_deref().unwrap_or_default();
        effects.status(&push.subject, &Status::IdleHeartbeat { consumer_seq, stream_seq, stalled: stalled_bytes });
        if acks_by_flow && stalled.is_none() {
            self.ask(effects);
        }
    }

    /// Time after which a message is delivered again.
    pub(super) fn wait_of(&self, stream_seq: u64) -> i64 {
        let config = &self.config;
        let Some(last) = config.backoff.len().checked_sub(1) else { return config.ack_wait };
        let redeliveries = self.redelivered.get(&stream_seq).copied().unwrap_or(0);
        let at = usize::try_from(redeliveries).unwrap_or(usize::MAX).min(last);
        config.backoff[at]
    }

    /// Finds messages whose time is over, and queues them to be delivered again.
    fn check_pending(&mut self, first_seq: u64, now: i64, effects: &mut dyn Effects) {
        if self.config.ack_wait <= 0 {
            self.times.redeliver_at = NEVER;
            return;
        }
        self.drop_below(first_seq);
        let (mut over, mut next_at) = (Vec::new(), NEVER);
        for unacked in self.pending.iter_unqueued() {
            let due = unacked.since.saturating_add(self.wait_of(unacked.stream_seq));
            if due <= now { over.push(*unacked) } else { next_at = next_at.min(due) }
        }
        over.retain(|unacked| !self.is_given_up(unacked.stream_seq, effects));
        let shift = over.first().map_or(0, |first| now.saturating_sub(first.since));
        for unacked in &over {
            self.pending.queue(unacked.stream_seq);
            // Shifted by the same, they keep their order for the time after.
            self.pending.touch(unacked.stream_seq, unacked.since.saturating_add(shift));
        }
        if self.pending.is_empty() {
            self.set_floor_to_end();
        }
        self.times.redeliver_at = next_at.saturating_add(REDELIVERY_SLACK);
    }

    /// Gives a message up that was delivered as often as allowed.
    fn is_given_up(&mut self, stream_seq: u64, effects: &mut dyn Effects) -> bool {
        let max = self.max_deliver();
        let deliveries = self.redelivered.get(&stream_seq).copied().unwrap_or(0).max(1);
        if max == 0 || deliveries < max {
            return false;
        }
        self.give_up(stream_seq, deliveries, deliveries == max, effects);
        self.redelivered.insert(stream_seq, deliveries);
        true
    }

    /// Forgets pending messages the stream does not have any more.
    fn drop_below(&mut self, first_seq: u64) {
        let lowest = first_seq.max(self.floor.stream.saturating_add(1));
        if self.pending.first().is_none_or(|first| first.stream_seq >= lowest) {
            return;
        }
        let (floor, redelivered) = (&mut self.floor, &mut self.redelivered);
        self.pending.remove_through(lowest - 1, |unacked| {
            redelivered.remove(&unacked.stream_seq);
            floor.stream = floor.stream.max(unacked.stream_seq);
            floor.consumer = floor.consumer.max(unacked.consumer_seq);
        });
        self.is_changed = true;
    }

    /// Starts to count the time without use, when it is limited.
    pub(super) fn watch_activity(&mut self, now: i64) {
        let limit = self.config.inactive_threshold;
        self.times.inactive_at = if limit > 0 { now.saturating_add(self.patience()) } else { NEVER };
    }

    /// Time without use after which the consumer is deleted: a little more than configured, and not for all the same.
    fn patience(&self) -> i64 {
        let threshold = self.config.inactive_threshold;
        let is_exact = !self.is_pull() && threshold != DEFAULT_INACTIVE_THRESHOLD;
        let jitter = 100_000_000 + i64::try_from(self.identity.seed % 900).unwrap_or(0) * 1_000_000;
        threshold.saturating_add(if is_exact { 0 } else { jitter })
    }

    fn check_usage(&mut self, now: i64, effects: &mut dyn Effects) -> Usage {
        let patience = self.patience();
        // One that is abandoned is told so once.
        self.times.inactive_at = NEVER;
        if let Side::Push(push) = &self.side {
            if push.is_active {
                return Usage::Used;
            }
            let until = self.times.active.saturating_add(patience);
            if until <= now {
                return Usage::Abandoned;
            }
            self.times.inactive_at = until;
            return Usage::Used;
        }
        let idle_until = self.times.active.saturating_add(patience);
        if idle_until > now {
            self.times.inactive_at = idle_until;
            return Usage::Used;
        }
        self.check_requests(true, now, effects);
        if self.num_waiting() > 0 {
            self.times.inactive_at = now.saturating_add(patience);
            return Usage::Used;
        }
        // A client may still be at work on a message it has time for.
        let busy_until = |unacked: &super::pending::Unacked| {
            unacked.since.saturating_add(self.wait_of(unacked.stream_seq)).saturating_add(patience)
        };
        match self.pending.iter().map(busy_until).max() {
            Some(until) if until > now => {
                self.times.inactive_at = until;
                Usage::Used
            }
            _ => Usage::Abandoned,
        }
    }
}

/// Threshold of consumers that do not outlive their clients, unless they ask for another.
pub const DEFAULT_INACTIVE_THRESHOLD: i64 = 5_000_000_000;
