use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The obvious one: a map, and a list of redeliveries.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<u64, (u64, i64)>,
    queue: Vec<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Deliver(u64),
    Ack(usize),
    AckThrough(u64),
    Queue(usize),
    Unqueue(usize),
    UnqueueAll,
    Redeliver,
    Touch(usize, i64),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_u64..4).prop_map(Step::Deliver),
        6 => any::<usize>().prop_map(Step::Ack),
        1 => (0_u64..50).prop_map(Step::AckThrough),
        4 => any::<usize>().prop_map(Step::Queue),
        2 => any::<usize>().prop_map(Step::Unqueue),
        1 => Just(Step::UnqueueAll),
        3 => Just(Step::Redeliver),
        1 => (any::<usize>(), 0_i64..100).prop_map(|(at, since)| Step::Touch(at, since)),
        1 => Just(Step::Clear),
    ]
}

impl Model {
    fn at(&self, index: usize) -> u64 {
        let num = self.waiting.len().max(1);
        self.waiting.keys().nth(index % num).copied().unwrap_or(0)
    }

    fn remove(&mut self, seq: u64) -> bool {
        self.queue.retain(|queued| *queued != seq);
        self.waiting.remove(&seq).is_some()
    }
}

fn apply(step: &Step, at: i64, last: &mut u64, model: &mut Model, pending: &mut Pending) {
    match step {
        Step::Deliver(gap) => {
            *last += gap;
            model.waiting.insert(*last, (*last * 2, at));
            pending.track(*last, *last * 2, at);
        }
        Step::Ack(index) => {
            let seq = model.at(*index);
            assert_eq!(model.remove(seq), pending.remove(seq).is_some());
        }
        Step::AckThrough(distance) => {
            let through = last.saturating_sub(*distance);
            let gone: Vec<u64> = model.waiting.range(..=through).map(|(seq, _)| *seq).collect();
            let mut visited = Vec::new();
            pending.remove_through(through, |unacked| visited.push(unacked.stream_seq));
            assert_eq!(gone, visited);
            gone.into_iter().for_each(|seq| assert!(model.remove(seq)));
        }
        Step::Queue(index) => {
            let seq = model.at(*index);
            let is_new = model.waiting.contains_key(&seq) && !model.queue.contains(&seq);
            if is_new {
                model.queue.push(seq);
            }
            assert_eq!(pending.queue(seq), is_new);
        }
        Step::UnqueueAll => {
            let mut queued = Vec::new();
            pending.unqueue_all(|unacked| queued.push(unacked.stream_seq));
            model.queue.sort_unstable();
            assert_eq!(queued, std::mem::take(&mut model.queue));
        }
        Step::Unqueue(index) => {
            let seq = model.at(*index);
            model.queue.retain(|queued| *queued != seq);
            pending.unqueue(seq);
        }
        Step::Redeliver => {
            let next = pending.next_queued().map(|unacked| unacked.stream_seq);
            assert_eq!(next.is_some(), !model.queue.is_empty());
            let Some(seq) = next else { return };
            assert!(model.queue.contains(&seq));
            model.queue.retain(|queued| *queued != seq);
            model.waiting.entry(seq).and_modify(|(_, since)| *since = at);
            pending.track(seq, 999, at);
        }
        Step::Touch(index, since) => {
            let seq = model.at(*index);
            let touched = pending.touch(seq, *since);
            assert_eq!(touched.is_some(), model.waiting.contains_key(&seq));
            model.waiting.entry(seq).and_modify(|(_, old)| *old = *since);
        }
        Step::Clear => {
            *model = Model::default();
            pending.clear();
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_map(steps in prop::collection::vec(step(), 0..300)) {
        let (mut model, mut pending, mut last) = (Model::default(), Pending::default(), 0);
        for (at, step) in steps.iter().enumerate() {
            apply(step, i64::try_from(at).unwrap(), &mut last, &mut model, &mut pending);
            prop_assert_eq!(pending.len(), model.waiting.len());
            prop_assert_eq!(pending.num_queued(), model.queue.len());
            let first = pending.first().map(|unacked| unacked.stream_seq);
            prop_assert_eq!(first, model.waiting.keys().next().copied());
            let all: Vec<_> = pending.iter().map(|u| (u.stream_seq, (u.consumer_seq, u.since))).collect();
            let expected: Vec<_> = model.waiting.iter().map(|(seq, value)| (*seq, *value)).collect();
            prop_assert_eq!(all, expected);
            prop_assert!(pending.slots.len() <= 2 * pending.len() + 64);
            prop_assert!(pending.queue.len() <= 2 * pending.num_queued() + 65);
        }
    }
}

#[test]
fn redelivers_in_the_order_of_queueing() {
    let mut pending = Pending::default();
    (1..=5).for_each(|seq| pending.track(seq, seq, 0));
    for seq in [3, 1, 5] {
        assert!(pending.queue(seq));
    }
    pending.remove(1);
    let mut order = Vec::new();
    while let Some(unacked) = pending.next_queued() {
        order.push(unacked.stream_seq);
        pending.track(unacked.stream_seq, 0, 1);
    }
    assert_eq!(order, [3, 5]);
    assert_eq!(pending.get(3).map(|u| (u.consumer_seq, u.since)), Some((3, 1)));
}

#[test]
fn gives_memory_back() {
    let mut pending = Pending::default();
    (1..=100_000).for_each(|seq| pending.track(seq, seq, 0));
    (2..=100_000).for_each(|seq| assert!(pending.remove(seq).is_some()));
    assert!(pending.slots.len() <= 66);
    pending.remove(1);
    assert_eq!(pending.slots.capacity(), 0);
}
