//! Takes the answers of services that say who may enter.

use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};

use super::CalloutDesk;
use crate::queue::Batch;
use crate::router::InboxBatch;
use crate::supervisor::{ChildContext, SupervisedActor};

/// Hands answers to the logins that wait. What a failed instance had taken but not handed over is taken again.
#[derive(Debug)]
pub struct Callouts {
    desk: Arc<CalloutDesk>,
    context: ChildContext,
}

impl Callouts {
    /// An instance that serves `desk`.
    #[must_use]
    pub fn new(desk: Arc<CalloutDesk>, context: ChildContext) -> Self {
        Self { desk, context }
    }
}

impl Actor for Callouts {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.desk.inbox.consume());
    }
}

impl SupervisedActor for Callouts {}

impl StreamHandler<Batch<InboxBatch>> for Callouts {
    fn handle(&mut self, batch: Batch<InboxBatch>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        self.context.checkpoint("answers");
        for messages in batch.iter() {
            messages.iter().for_each(|message| self.desk.take(&message));
        }
        if self.desk.inbox.commit(batch).is_err() {
            ctx.stop();
        }
    }

    /// Its successor, or nobody, takes over.
    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
