//! Random acknowledgements, redeliveries, timeouts, removals and restarts against what anybody would expect.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::AckPolicy;

use super::owner_for_tests::{Owner, Received, SECOND, pulled};

#[derive(Clone, Debug)]
enum Step {
    Publish(u64),
    Pull(u64),
    /// Which of the deliveries, and the word.
    Ack(usize, &'static str),
    Wait(i64),
    Remove(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let word = prop::sample::select(vec!["", "+ACK", "-NAK", "-NAK 3s", "+WPI", "+TERM", "junk"]);
    prop_oneof![
        4 => (0_u64..6).prop_map(Step::Publish),
        5 => (1_u64..8).prop_map(Step::Pull),
        9 => (any::<usize>(), word).prop_map(|(at, word)| Step::Ack(at, word)),
        3 => (0_i64..12).prop_map(|seconds| Step::Wait(seconds * SECOND)),
        1 => (0_u64..20).prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ]
}

/// What anybody would expect.
#[derive(Default)]
struct Expectations {
    /// Acknowledged or terminated.
    done: BTreeSet<u64>,
    removed: BTreeSet<u64>,
    deliveries: BTreeMap<u64, u64>,
    received: Vec<Received>,
    highest: u64,
}

impl Expectations {
    fn take(&mut self, received: Vec<Received>) {
        for one in received {
            assert!(!self.done.contains(&one.seq), "{} was acknowledged", one.seq);
            assert!(!self.removed.contains(&one.seq), "{} was removed", one.seq);
            let times = self.deliveries.entry(one.seq).or_insert(0);
            *times += 1;
            assert_eq!(one.deliveries, *times, "deliveries of {}", one.seq);
            if *times == 1 {
                assert!(one.seq > self.highest, "first deliveries come in order");
                self.highest = one.seq;
            }
            self.received.push(one);
        }
    }

    fn apply(&mut self, step: &Step, owner: &mut Owner) {
        let received = match step {
            Step::Publish(num) => owner.publish(*num),
            Step::Pull(batch) => owner.request("r", &format!(r#"{{"batch":{batch},"expires":20000000000}}"#)),
            Step::Wait(time) => owner.wait(*time),
            Step::Restart => {
                owner.restart();
                Vec::new()
            }
            Step::Remove(distance) => {
                let seq = owner.last_seq.saturating_sub(*distance);
                owner.remove(seq);
                self.removed.insert(seq);
                owner.deliver()
            }
            Step::Ack(at, word) => {
                if self.received.is_empty() {
                    return;
                }
                let one = self.received[at % self.received.len()].clone();
                let is_pending = owner.consumer.pending().get(one.seq).is_some();
                let received = owner.ack(&one, word);
                if is_pending && matches!(*word, "" | "+ACK" | "+TERM") {
                    self.done.insert(one.seq);
                }
                received
            }
        };
        self.take(received);
    }

    fn check(&self, owner: &Owner, limit: usize) {
        let consumer = &owner.consumer;
        assert!(consumer.pending().len() <= limit);
        let ahead = owner.messages.range(consumer.next_stream_seq()..).count();
        assert_eq!(consumer.num_pending(), ahead as u64, "messages not delivered");
        let (delivered, floor) = consumer.positions();
        assert!(floor.stream <= delivered.stream && floor.consumer <= delivered.consumer);
        let given_up = &owner.log.given_up;
        for (seq, _) in owner.messages.range(..=consumer.floor().stream) {
            let is_past = self.done.contains(seq) || given_up.contains(seq);
            assert!(is_past, "{seq} is below the floor and was not acknowledged");
        }
        for seq in self.deliveries.keys().filter(|seq| owner.messages.contains_key(seq)) {
            let is_settled = self.done.contains(seq) || given_up.contains(seq);
            assert_eq!(consumer.pending().get(*seq).is_some(), !is_settled, "{seq} waits, or is settled");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_comes_after_its_acknowledgement(
        steps in prop::collection::vec(step(), 1..120),
        max_deliver in prop::sample::select(vec![-1_i64, 1, 2, 5]),
        limit in prop::sample::select(vec![1_usize, 3, 1000]),
    ) {
        let config = ConsumerConfig {
            max_deliver,
            max_ack_pending: i64::try_from(limit).unwrap(),
            ack_wait: 5 * SECOND,
            ..pulled()
        };
        let mut owner = Owner::new(config);
        let mut expected = Expectations::default();
        for step in &steps {
            expected.apply(step, &mut owner);
            expected.check(&owner, limit);
        }
        // In the end everything that is left can be acknowledged.
        for _ in 0..400 {
            let received = owner.request("end", r#"{"batch":10,"no_wait":true}"#);
            expected.take(received);
            while let Some(first) = owner.consumer.pending().first() {
                let seq = first.stream_seq;
                let at = expected.received.iter().rposition(|one| one.seq == seq).unwrap();
                expected.apply(&Step::Ack(at, ""), &mut owner);
            }
            if owner.consumer.num_pending() == 0 {
                break;
            }
        }
        expected.check(&owner, limit);
        prop_assert!(owner.consumer.pending().is_empty() && owner.consumer.num_pending() == 0);
        let (delivered, floor) = owner.consumer.positions();
        prop_assert_eq!(delivered, floor);
    }

    #[test]
    fn acknowledging_all_never_goes_back(steps in prop::collection::vec(step(), 1..80)) {
        let mut owner = Owner::new(ConsumerConfig { ack_policy: AckPolicy::All, ack_wait: 5 * SECOND, ..pulled() });
        let mut received: Vec<Received> = Vec::new();
        let mut last_floor = 0;
        for step in &steps {
            let new = match step {
                Step::Publish(num) => owner.publish(*num),
                Step::Pull(batch) => owner.request("r", &batch.to_string()),
                Step::Wait(time) => owner.wait(*time),
                Step::Restart => { owner.restart(); Vec::new() }
                Step::Remove(distance) => { owner.remove(owner.last_seq.saturating_sub(*distance)); owner.deliver() }
                Step::Ack(_, _) if received.is_empty() => Vec::new(),
                Step::Ack(at, word) => owner.ack(&received[at % received.len()].clone(), word),
            };
            prop_assert!(new.iter().all(|one| one.seq > last_floor));
            received.extend(new);
            prop_assert!(owner.consumer.floor().stream >= last_floor);
            last_floor = owner.consumer.floor().stream;
            prop_assert!(owner.consumer.pending().first().is_none_or(|first| first.stream_seq > last_floor));
        }
    }
}
