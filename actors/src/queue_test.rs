use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;

use super::*;

fn queue(max_items: usize, max_bytes: usize, policy: FullPolicy) -> Queue<u32> {
    Queue::new(QueueLimits { max_items, max_bytes }, policy)
}

fn items(batch: &Batch<u32>) -> Vec<u32> {
    batch.iter().copied().collect()
}

fn block_on<F: std::future::Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") })
}

#[test]
fn consumer_takes_the_whole_backlog_in_order() {
    let queue = queue(10, 100, FullPolicy::Refuse);
    let consumer = queue.recover();
    for item in 0..5 {
        assert_eq!(queue.push(item, 3), Ok(0));
    }
    let batch = consumer.take_batch().unwrap();
    assert_eq!(items(&batch), [0, 1, 2, 3, 4]);
    assert_eq!(batch.bytes(), 15);
    assert_eq!(queue.depth(), QueueDepth { num_pending: 0, num_in_flight: 5, num_bytes: 15, num_dropped: 0 });
    consumer.commit(batch).unwrap();
    assert_eq!(queue.depth(), QueueDepth::default());
    assert!(consumer.take_batch().unwrap().is_empty());
}

#[test]
fn full_by_count_or_bytes_follows_the_policy() {
    let refuse = queue(2, 10, FullPolicy::Refuse);
    assert_eq!(refuse.push(1, 4), Ok(0));
    assert_eq!(refuse.push(2, 7), Err(PushError::Full(2)), "bytes");
    assert_eq!(refuse.push(3, 6), Ok(0));
    assert_eq!(refuse.push(4, 0), Err(PushError::Full(4)), "count");
    assert_eq!(refuse.push(5, 11), Err(PushError::TooLarge(5)));

    let drop_oldest = queue(3, 10, FullPolicy::DropOldest);
    for item in 0..3 {
        assert_eq!(drop_oldest.push(item, 3), Ok(0));
    }
    assert_eq!(drop_oldest.push(3, 6), Ok(2));
    assert_eq!(items(&drop_oldest.recover().take_batch().unwrap()), [2, 3]);
    assert_eq!(drop_oldest.depth().num_dropped, 2);

    let close = queue(1, 10, FullPolicy::Close);
    assert_eq!(close.push(1, 1), Ok(0));
    assert_eq!(close.push(2, 1), Err(PushError::Closed(2)));
    assert!(close.is_closed());
    assert_eq!(items(&close.recover().take_batch().unwrap()), [1], "what was accepted is still delivered");
}

#[test]
fn items_in_flight_are_never_dropped() {
    let queue = queue(2, 10, FullPolicy::DropOldest);
    let consumer = queue.recover();
    queue.push(1, 5).unwrap();
    let batch = consumer.take_batch().unwrap();
    queue.push(2, 5).unwrap();
    assert_eq!(queue.push(3, 6), Err(PushError::Full(3)));
    assert_eq!(queue.depth().num_pending, 1, "a push that cannot succeed drops nothing");
    assert_eq!(queue.push(4, 5), Ok(1));
    assert_eq!(items(&batch), [1]);
}

#[test]
fn a_new_consumer_gets_what_the_dead_one_left() {
    let queue = queue(10, 100, FullPolicy::Refuse);
    let first = queue.recover();
    queue.push(1, 1).unwrap();
    let committed = first.take_batch().unwrap();
    queue.push(2, 1).unwrap();
    let lost = first.take_batch().unwrap();
    queue.push(3, 1).unwrap();
    first.commit(committed).unwrap();
    drop(first);

    let second = queue.recover();
    queue.push(4, 1).unwrap();
    let batch = second.take_batch().unwrap();
    assert_eq!(items(&batch), [2, 3, 4]);
    assert_eq!(queue.commit(lost), Err(Fenced), "the stale batch must not take the items from the new consumer");
    drop(batch);

    let third = queue.recover();
    let batch = third.take_batch().unwrap();
    assert_eq!(items(&batch), [2, 3, 4]);
    assert_eq!(queue.depth().num_bytes, 3);
    third.commit(batch).unwrap();
    assert_eq!(queue.depth(), QueueDepth::default());
}

#[test]
fn a_fenced_consumer_gets_nothing_and_learns_it() {
    let queue = queue(10, 100, FullPolicy::Refuse);
    let mut old = queue.recover();
    let mut task = Context::from_waker(std::task::Waker::noop());
    assert!(old.poll_ready(&mut task).is_pending());
    let _new = queue.recover();
    queue.push(1, 1).unwrap();
    assert_eq!(old.poll_ready(&mut task), Poll::Ready(Err(NoMoreItems::Fenced)));
    assert_eq!(old.take_batch().unwrap_err(), Fenced);
}

#[test]
fn one_wake_for_many_pushes() {
    struct Counter(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let counter = Arc::new(Counter(Default::default()));
    let waker = std::task::Waker::from(counter.clone());
    let wakes = || counter.0.load(std::sync::atomic::Ordering::SeqCst);
    let queue = queue(100, 100, FullPolicy::Refuse);
    let mut consumer = queue.recover();
    let mut task = Context::from_waker(&waker);
    for round in 1..=3 {
        assert!(consumer.poll_ready(&mut task).is_pending());
        for item in 0..10 {
            queue.push(item, 1).unwrap();
        }
        assert_eq!(wakes(), round);
        assert_eq!(consumer.poll_ready(&mut task), Poll::Ready(Ok(())));
        let batch = consumer.take_batch().unwrap();
        consumer.commit(batch).unwrap();
    }
    queue.close();
    assert_eq!(consumer.poll_ready(&mut task), Poll::Ready(Err(NoMoreItems::Closed)));
}

#[test]
fn stream_ends_after_the_last_batch_of_a_closed_queue() {
    let queue = queue(100, 100, FullPolicy::Refuse);
    let mut consumer = queue.recover();
    queue.push(1, 1).unwrap();
    queue.close();
    assert_eq!(queue.push(2, 1), Err(PushError::Closed(2)));
    block_on(async {
        let batch = consumer.next().await.expect("a batch");
        assert_eq!(items(&batch), [1]);
        assert!(consumer.next().await.is_none());
    });
}

#[test]
fn two_threads_lose_and_reorder_nothing() {
    const ITEMS: u32 = 20_000;
    let queue = queue(64, 1_000_000, FullPolicy::Refuse);
    let producer = {
        let queue = queue.clone();
        std::thread::spawn(move || {
            for item in 0..ITEMS {
                let mut next = item;
                while let Err(refused) = queue.push(next, 1) {
                    next = refused.into_item();
                    std::thread::yield_now();
                }
            }
            queue.close();
        })
    };
    let mut seen = Vec::new();
    let mut batches = 0_u32;
    block_on(async {
        let mut consumer = queue.recover();
        while let Some(batch) = consumer.next().await {
            batches += 1;
            if batches.is_multiple_of(7) {
                // This consumer dies in the middle of its batch; the next one gets it again.
                drop(batch);
                consumer = queue.recover();
                continue;
            }
            seen.extend(batch.iter().copied());
            consumer.commit(batch).unwrap();
        }
    });
    producer.join().unwrap();
    assert_eq!(seen, (0..ITEMS).collect::<Vec<_>>());
    assert_eq!(queue.depth(), QueueDepth::default());
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Take,
    CommitOldest,
    CommitNewest,
    Recover,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..8).prop_map(Step::Push),
        2 => Just(Step::Take),
        1 => Just(Step::CommitOldest),
        1 => Just(Step::CommitNewest),
        1 => Just(Step::Recover),
    ]
}

/// The obvious queue: every item that is not committed, with the batch it is out in.
struct Model {
    limits: QueueLimits,
    policy: FullPolicy,
    items: Vec<ModelItem>,
    closed: bool,
    dropped: u64,
}

#[derive(Clone, Copy)]
struct ModelItem {
    item: u32,
    bytes: usize,
    batch_opt: Option<usize>,
    /// Has been in flight before a recovery: it is protected from being dropped.
    was_taken: bool,
}

impl Model {
    fn fits(&self, bytes: usize) -> bool {
        self.items.len() < self.limits.max_items && self.bytes() + bytes <= self.limits.max_bytes
    }

    fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.bytes).sum()
    }

    fn push(&mut self, item: u32, bytes: usize) -> Result<usize, PushError<u32>> {
        if self.closed {
            return Err(PushError::Closed(item));
        }
        if bytes > self.limits.max_bytes {
            return Err(PushError::TooLarge(item));
        }
        let mut dropped = 0;
        if !self.fits(bytes) {
            match self.policy {
                FullPolicy::Refuse => return Err(PushError::Full(item)),
                FullPolicy::Close => {
                    self.closed = true;
                    return Err(PushError::Closed(item));
                }
                FullPolicy::DropOldest => {
                    let before = self.items.clone();
                    while !self.fits(bytes) {
                        let Some(index) =
                            self.items.iter().position(|item| item.batch_opt.is_none() && !item.was_taken)
                        else {
                            self.items = before;
                            return Err(PushError::Full(item));
                        };
                        self.items.remove(index);
                        dropped += 1;
                    }
                }
            }
        }
        self.dropped += dropped as u64;
        self.items.push(ModelItem { item, bytes, batch_opt: None, was_taken: false });
        Ok(dropped)
    }

    fn take(&mut self, batch: usize) -> Vec<u32> {
        let waiting = self.items.iter_mut().filter(|item| item.batch_opt.is_none());
        waiting
            .map(|item| {
                item.batch_opt = Some(batch);
                item.was_taken = true;
                item.item
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn behaves_like_the_obvious_queue(
        steps in proptest::collection::vec(step(), 1..120),
        max_items in 1_usize..8,
        max_bytes in 4_usize..20,
        policy in prop_oneof![Just(FullPolicy::Refuse), Just(FullPolicy::DropOldest), Just(FullPolicy::Close)],
    ) {
        let limits = QueueLimits { max_items, max_bytes };
        let queue = Queue::new(limits, policy);
        let mut consumer = queue.recover();
        let mut model = Model { limits, policy, items: Vec::new(), closed: false, dropped: 0 };
        let mut out: Vec<(usize, Batch<u32>)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let item = u32::try_from(number).unwrap();
            match step {
                Step::Push(bytes) => prop_assert_eq!(queue.push(item, bytes), model.push(item, bytes)),
                Step::Take => {
                    let batch = consumer.take_batch().unwrap();
                    prop_assert_eq!(items(&batch), model.take(number));
                    if !batch.is_empty() {
                        out.push((number, batch));
                    }
                }
                Step::CommitOldest | Step::CommitNewest if out.is_empty() => {}
                Step::CommitOldest | Step::CommitNewest => {
                    let index = if matches!(step, Step::CommitOldest) { 0 } else { out.len() - 1 };
                    let (number, batch) = out.remove(index);
                    prop_assert!(consumer.commit(batch).is_ok());
                    model.items.retain(|item| item.batch_opt != Some(number));
                }
                Step::Recover => {
                    consumer = queue.recover();
                    for item in &mut model.items {
                        item.batch_opt = None;
                    }
                    for (_, batch) in out.drain(..) {
                        prop_assert_eq!(queue.commit(batch), Err(Fenced));
                    }
                }
            }
            let in_flight = model.items.iter().filter(|item| item.batch_opt.is_some()).count();
            let expected = QueueDepth {
                num_pending: model.items.len() - in_flight,
                num_in_flight: in_flight,
                num_bytes: model.bytes(),
                num_dropped: model.dropped,
            };
            prop_assert_eq!(queue.depth(), expected);
            let mut task = Context::from_waker(std::task::Waker::noop());
            let is_ready = matches!(consumer.poll_ready(&mut task), Poll::Ready(Ok(())));
            prop_assert_eq!(is_ready, expected.num_pending > 0);
        }
    }
}
