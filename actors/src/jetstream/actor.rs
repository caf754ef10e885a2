//! The actor of the API.

use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler, WrapFuture};
use troupe_codecs::api::advisory::ApiLimitReached;

use super::account::JetStreamAccount;
use super::advisory;
use super::api::{API_SUBJECTS, ApiRequest, dispatch};
use super::server::JetStreamServer;
use super::stream::overflow::{Refused, tell};
use crate::queue::{Batch, QueueConsumer};
use crate::router::last_resort::LastResort;
use crate::router::{AccountView, ArbiterLocal, InboxBatch, Seat, Subscription, arbiter_local};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Requests below `$JS.API` that streams take themselves: where there is no such stream, nobody is there.
const OF_STREAMS: [&[u8]; 2] = [b"CONSUMER.MSG.NEXT.", b"DIRECT.GET."];

/// Takes the requests of all accounts. What needs a stream goes to its actor; what takes long goes on beside the next request.
pub struct JetStream {
    context: ChildContext,
    server: Arc<JetStreamServer>,
    local: Rc<ArbiterLocal>,
    consumer: Option<QueueConsumer<InboxBatch>>,
    refused: Option<QueueConsumer<Refused>>,
}

impl std::fmt::Debug for JetStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStream").finish_non_exhaustive()
    }
}

impl JetStream {
    /// An instance that serves `server`. Called on the thread that has `seat`.
    #[must_use]
    pub fn new(context: ChildContext, server: Arc<JetStreamServer>, seat: Seat) -> Self {
        let parts = server.parts();
        let local = arbiter_local(seat, &parts.router, parts.disable_cache);
        let consumer = Some(server.inbox().consume());
        let refused = Some(server.refused().recover());
        Self { context, server, local, consumer, refused }
    }

    /// Subscribes to the API in accounts, once for all instances. Ready when every publisher sees it.
    pub async fn subscribe(server: &JetStreamServer, accounts: &[Arc<JetStreamAccount>]) {
        let mut tickets = Vec::with_capacity(accounts.len());
        for account in accounts {
            let inbox = server.inbox();
            let subscription = |subject: &&str| Subscription::inside(Arc::clone(inbox), subject.as_bytes(), b"", 0);
            let subscriptions: Vec<_> = API_SUBJECTS.iter().map(subscription).map(Arc::new).collect();
            account.keep_api(subscriptions.clone());
            match server.parts().router.subscribe_inside(account.view(), subscriptions) {
                Ok(ticket) => tickets.push(ticket),
                Err(cause) => tracing::error!("JetStream of account {:?} is not served: {cause}", account.name()),
            }
        }
        for ticket in tickets {
            ticket.wait().await;
        }
    }

    /// Takes the requests that nobody takes in their accounts: those of accounts that have no JetStream, to say so, those of the system
    /// account, and those that mean nothing. Accounts that ask another account for JetStream have its answers and no others.
    pub fn subscribe_for_others(server: &Arc<JetStreamServer>) {
        let system = server.parts().system_account.clone();
        let known = Arc::downgrade(server);
        let has_own =
            move |account: &AccountView| known.upgrade().is_some_and(|server| server.account(account.name()).is_some());
        let is_ours = move |account: &AccountView, subject: &[u8]| {
            let Some(rest) = subject.strip_prefix(b"$JS.API.") else { return false };
            if system.as_deref() == Some(&**account.name()) {
                return true;
            }
            !OF_STREAMS.iter().any(|start| rest.starts_with(start))
                && (!account.exchange().links().asks_others_for_jetstream() || has_own(account))
        };
        server.parts().router.resort_to(LastResort::new(Arc::clone(server.inbox()), Box::new(is_ours)));
    }

    fn handle_batch(&mut self, batch: &InboxBatch, ctx: &mut Context<Self>) {
        let account = self.server.asking(batch.account());
        for message in batch.iter() {
            let request =
                ApiRequest::new(Arc::clone(&self.server), Arc::clone(&account), batch.client().cloned(), message);
            if let Some(work) = dispatch(request, &self.local) {
                ctx.spawn(work.into_actor(self));
            }
        }
    }

    fn tell_dropped(&self) {
        let dropped = self.server.take_dropped();
        if dropped == 0 {
            return;
        }
        tracing::warn!("JetStream API queue limit reached, dropped {dropped} requests");
        for account in self.server.accounts() {
            advisory::publish(&self.local, account.view(), "API.LIMIT_REACHED", "api_limit_reached", || {
                ApiLimitReached {
                    server: self.server.parts().server_name.clone(),
                    domain: self.server.domain().to_owned(),
                    dropped,
                }
            });
        }
    }
}

impl Actor for JetStream {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(consumer) = self.consumer.take() {
            ctx.add_stream(consumer);
        }
        if let Some(refused) = self.refused.take() {
            ctx.add_stream(refused);
        }
    }
}

impl SupervisedActor for JetStream {}

impl StreamHandler<Batch<Refused>> for JetStream {
    fn handle(&mut self, batch: Batch<Refused>, ctx: &mut Self::Context) {
        for refused in batch.iter() {
            tell(&self.local, refused);
        }
        if self.server.refused().commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Batch<InboxBatch>> for JetStream {
    fn handle(&mut self, batch: Batch<InboxBatch>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        for messages in batch.iter() {
            self.handle_batch(messages, ctx);
        }
        self.tell_dropped();
        if self.server.inbox().commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
