//! The actor that owns the index.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};

use super::messages::{ChangeSet, RouterHandle};
use super::view::{AccountIndex, AccountView};
use crate::queue::{Batch, QueueConsumer};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Applies queued changes to the indexes of all accounts.
///
/// A new instance starts from the published snapshots and gets the change sets its predecessor did not finish once more, so
/// a panic loses nothing: subscriptions stay, waiting connections are answered late.
#[derive(Debug)]
pub struct Router {
    context: ChildContext,
    consumer: Option<QueueConsumer<ChangeSet>>,
    handle: RouterHandle,
    /// Working copies of the indexes changed so far, by account id.
    indexes: HashMap<u32, Working>,
}

#[derive(Debug)]
struct Working {
    account: Arc<AccountView>,
    index: AccountIndex,
    is_changed: bool,
}

impl Router {
    /// An instance that serves `handle`.
    #[must_use]
    pub fn new(context: ChildContext, handle: RouterHandle) -> Self {
        let consumer = Some(handle.consume());
        Self { context, consumer, handle, indexes: HashMap::new() }
    }

    fn apply(&mut self, changes: &ChangeSet) {
        let account = &changes.account;
        let working = self.indexes.entry(account.id()).or_insert_with(|| Working {
            account: Arc::clone(account),
            index: AccountIndex::clone(&account.snapshot()),
            is_changed: false,
        });
        for subscription in &changes.added {
            working.is_changed |= working.index.insert(Arc::clone(subscription));
        }
        for subscription in &changes.removed {
            working.is_changed |= working.index.remove(subscription);
        }
    }

    /// Publishes what has changed. False when a successor has published already: this instance must not go on.
    fn publish(&mut self) -> bool {
        let epoch = self.context.epoch();
        self.indexes.values_mut().filter(|working| working.is_changed).all(|working| {
            working.is_changed = false;
            working.account.publish(working.index.clone(), epoch)
        })
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumer.take() {
            ctx.add_stream(consumer);
        }
    }
}

impl SupervisedActor for Router {}

impl StreamHandler<Batch<ChangeSet>> for Router {
    fn handle(&mut self, batch: Batch<ChangeSet>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        self.context.checkpoint("before-apply");
        for changes in batch.iter() {
            self.apply(changes);
            self.context.checkpoint("mid-apply");
        }
        if !self.context.epoch_is_current() {
            // A successor owns the index now.
            return ctx.stop();
        }
        self.context.checkpoint("before-publish");
        if !self.publish() {
            return ctx.stop();
        }
        self.context.checkpoint("after-publish");
        batch.iter().filter_map(|changes| changes.barrier.as_ref()).for_each(super::messages::Ticket::open);
        if self.handle.commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
