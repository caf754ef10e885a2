use std::time::Duration;

use actix::{Actor, AsyncContext, Context, StreamHandler};

use super::cast::*;
use crate::queue::{Batch, FullPolicy, Queue, QueueConsumer, QueueLimits};
use crate::supervisor::*;

/// Applies numbers from a queue, as the owner of an index applies subscription changes.
struct Applier {
    child: ChildContext,
    queue: Queue<u32>,
    consumer_opt: Option<QueueConsumer<u32>>,
    journal: Journal,
}

impl Actor for Applier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumer_opt.take() {
            ctx.add_stream(consumer);
        }
    }
}

impl SupervisedActor for Applier {}

impl StreamHandler<Batch<u32>> for Applier {
    fn handle(&mut self, batch: Batch<u32>, _: &mut Self::Context) {
        for number in batch.iter() {
            assert!(*number != 7 || self.child.epoch().get() > 1, "unlucky number");
        }
        for number in batch.iter() {
            self.journal.note(number.to_string());
        }
        let _ = self.queue.commit(batch);
    }
}

#[test]
fn queued_changes_survive_a_panic_of_their_consumer() {
    on_stage(async |stage: Stage| {
        let queue = Queue::new(QueueLimits { max_items: 100, max_bytes: 1_000 }, FullPolicy::Refuse);
        let journal = Journal::default();
        let spec = {
            let (queue, journal) = (queue.clone(), journal.clone());
            ChildSpec::new("router", move |child| Applier {
                child,
                consumer_opt: Some(queue.recover()),
                queue: queue.clone(),
                journal: journal.clone(),
            })
            .limits(RestartLimits { initial: Duration::from_millis(1), ..RestartLimits::DEFAULT })
        };
        stage.handle.supervise(spec).await.unwrap();
        for number in 0..20 {
            queue.push(number, 4).unwrap();
            tokio::task::yield_now().await;
        }
        let expected: Vec<String> = (0..20).map(|number: u32| number.to_string()).collect();
        until("everything applied", || journal.lines() == expected).await;
        assert_eq!(stage.child("router").num_restarts, 1);
        until("everything committed", || queue.depth().num_bytes == 0).await;
    });
}
