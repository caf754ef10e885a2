//! Purges: what a consumer makes of messages that were removed together.

use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::AckPolicy;
use troupe_codecs::subject::is_subset;

use super::change::filters_of;
use super::state::{Consumer, Position};

/// What a purge of some subjects means to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing that is known: the subjects differ, or only overlap.
    None,
    /// It wants no other subjects than those that were purged.
    Everything,
    /// It wants some of those that were purged, or all, and others.
    Part,
}

/// What a purge of the subjects `purged` means, empty for all, to a consumer of this configuration.
#[must_use]
pub fn reach(config: &ConsumerConfig, purged: &[u8]) -> Reach {
    let filters = filters_of(config);
    if purged.is_empty() {
        return Reach::Everything;
    }
    let is_purged = |filter: &&str| is_subset(filter.as_bytes(), purged);
    let num_purged = filters.iter().filter(|filter| is_purged(filter)).count();
    if !filters.is_empty() && num_purged == filters.len() {
        return Reach::Everything;
    }
    if filters.is_empty() || num_purged > 0 || filters.iter().any(|filter| is_subset(purged, filter.as_bytes())) {
        return Reach::Part;
    }
    Reach::None
}

impl Consumer {
    /// Takes note that a message left the stream with others, whose subject matches its filters. It still waits for its
    /// acknowledgement, unless [`Consumer::purged`] finds it gone.
    pub fn left_with_others(&mut self, stream_seq: u64) {
        if stream_seq >= self.next.stream {
            self.backlog -= 1;
        }
    }

    /// Forgets redeliveries of messages before the first of the stream.
    pub fn forget_redelivered_before(&mut self, first_seq: u64) {
        if self.redelivered.first_key_value().is_some_and(|(seq, _)| *seq < first_seq) {
            self.redelivered = self.redelivered.split_off(&first_seq);
            self.is_changed = true;
        }
    }

    /// Goes on from `start`, the first message a purge has left. What is pending before it is done; what is behind it is,
    /// too, where `exists` says that it is gone. With a floor that is there already, what is pending stays. What was to be
    /// delivered again at once waits for its time.
    pub fn purged(&mut self, start: u64, now: i64, mut exists: impl FnMut(u64) -> bool) {
        let before = (self.next, self.floor, self.delivered, self.pending.len(), self.redelivered.len());
        self.next.stream = self.next.stream.max(start);
        if self.floor.stream < start {
            self.floor.stream = start - 1;
            self.settle_purged(start, now, &mut exists);
        }
        if self.pending.is_empty() {
            self.redelivered.clear();
            self.set_floor_to_end();
        }
        self.delivered = Position { consumer: self.next.consumer - 1, stream: self.next.stream - 1 };
        self.unqueue_all();
        let after = (self.next, self.floor, self.delivered, self.pending.len(), self.redelivered.len());
        self.is_changed |= before != after;
    }

    fn unqueue_all(&mut self) {
        let mut queued = Vec::new();
        self.pending.unqueue_all(|unacked| queued.push(unacked));
        for unacked in queued {
            let due = unacked.since.saturating_add(self.wait_of(unacked.stream_seq));
            self.times.redeliver_at = self.times.redeliver_at.min(due);
            self.is_changed = true;
        }
    }

    fn settle_purged(&mut self, start: u64, now: i64, exists: &mut dyn FnMut(u64) -> bool) {
        // As if one after the other was acknowledged: that moves the floor only from the first on.
        let first = self.pending.first().copied().filter(|first| first.consumer_seq == self.floor.consumer + 1);
        let (mut last_gone, mut is_first_gone, mut num_gone) = (0, false, 0);
        let redelivered = &mut self.redelivered;
        self.pending.retain(
            |unacked| unacked.stream_seq >= start && exists(unacked.stream_seq),
            |gone| {
                is_first_gone |= Some(gone) == first;
                last_gone = last_gone.max(gone.consumer_seq);
                num_gone += 1;
                redelivered.remove(&gone.stream_seq);
            },
        );
        if num_gone == 0 {
            return;
        }
        self.times.acked = now;
        self.floor.consumer = self.floor.consumer.max(last_gone);
        let is_explicit = self.config.ack_policy == AckPolicy::Explicit;
        if let Some(next) = self.pending.first().filter(|_| is_explicit && is_first_gone)
            && next.stream_seq > start
        {
            self.floor = Position { consumer: next.consumer_seq - 1, stream: next.stream_seq - 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::owner_for_tests::{Owner, pulled, seqs};
    use super::*;

    fn wanting(filters: &[&str]) -> ConsumerConfig {
        ConsumerConfig { filter_subjects: filters.iter().map(|filter| (*filter).to_owned()).collect(), ..pulled() }
    }

    #[test]
    fn purges_reach_consumers_of_the_same_narrower_and_wider_subjects() {
        let cases: [(&[&str], &str, Reach); 11] = [
            (&[], "", Reach::Everything),
            (&["a"], "", Reach::Everything),
            (&[], "a", Reach::Part),
            (&["a"], "a", Reach::Everything),
            (&["a.b"], "a.*", Reach::Everything),
            (&["a.*"], "a.b", Reach::Part),
            (&["b", "a.*"], "a.b", Reach::Part),
            (&["b", "a.b"], "a.*", Reach::Part),
            (&["a.b", "a.c"], "a.*", Reach::Everything),
            (&["b"], "a", Reach::None),
            (&["a.*.c"], "a.b.*", Reach::None),
        ];
        for (filters, purged, wanted) in cases {
            assert_eq!(reach(&wanting(filters), purged.as_bytes()), wanted, "{filters:?} {purged}");
        }
    }

    /// Delivers six of nine, acknowledges those, purges, and returns what is pending and the floor.
    fn purge(acknowledged: &[usize], start: u64, gone: &[u64]) -> (Owner, Vec<u64>, (u64, u64)) {
        let mut owner = Owner::with_messages(pulled(), 9);
        let received = owner.request("r", "6");
        acknowledged.iter().for_each(|at| drop(owner.ack(&received[*at], "")));
        owner.messages.retain(|seq, _| *seq >= start && !gone.contains(seq));
        let messages = owner.messages.clone();
        owner.consumer.purged(start, owner.now, |seq| messages.contains_key(&seq));
        let pending = owner.consumer.pending().iter().map(|unacked| unacked.stream_seq).collect();
        let (delivered, floor) = owner.consumer.positions();
        assert_eq!((delivered.consumer, delivered.stream), (6, 6));
        (owner, pending, (floor.consumer, floor.stream))
    }

    #[test]
    fn what_a_purge_took_is_done() {
        let (mut owner, pending, floor) = purge(&[2], 4, &[6]);
        assert_eq!((pending, floor), (vec![4, 5], (6, 3)));
        owner.restart();
        assert_eq!(owner.consumer.pending().len(), 2, "a state with such a floor comes back");
        owner.consumer.purged(9, owner.now, |_| false);
        let end = Position { consumer: 6, stream: 8 };
        assert_eq!(owner.consumer.positions(), (end, end));
        assert_eq!(seqs(&owner.request("r", "6")), [9]);
        let (_, pending, floor) = purge(&[3], 4, &[]);
        assert_eq!((pending, floor), (vec![5, 6], (4, 4)), "the floor goes on over what was acknowledged");
        let (_, pending, floor) = purge(&[1], 1, &[1, 5]);
        assert_eq!((pending, floor), (vec![3, 4, 6], (2, 2)));
    }

    #[test]
    fn what_was_to_be_delivered_again_waits_for_its_time_after_a_purge() {
        let mut owner = Owner::with_messages(pulled(), 5);
        let received = owner.request("r", "3");
        owner.ack(&received[1], "-NAK");
        owner.messages.remove(&1);
        let messages = owner.messages.clone();
        owner.consumer.purged(2, owner.now, |seq| messages.contains_key(&seq));
        assert_eq!(seqs(&owner.request("r", "5")), [4, 5]);
        let ack_wait = owner.consumer.config().ack_wait;
        assert_eq!(seqs(&owner.wait(ack_wait + 1_000_000_000)), [2, 3, 4]);
    }

    #[test]
    fn what_is_pending_stays_where_a_purge_left_what_is_before_it() {
        let mut owner = Owner::with_messages(pulled(), 5);
        let received = owner.request("r", "3");
        owner.ack(&received[0], "");
        owner.messages.remove(&2);
        owner.consumer.left_with_others(5);
        owner.consumer.purged(1, owner.now, |_| false);
        assert_eq!(owner.consumer.pending().len(), 2);
        assert_eq!(owner.consumer.num_pending(), 1);
    }
}
