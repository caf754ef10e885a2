//! The actor of one stream.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, StreamHandler, WrapFuture};
use troupe_store::Durability;

use super::commit::Committed;
use super::core::StreamCore;
use crate::jetstream::account::JetStreamAccount;
use crate::jetstream::clock;
use crate::jetstream::consumer::Consumers;
use crate::jetstream::entry::StreamEntry;
use crate::jetstream::messages::{StreamCall, StreamCommand};
use crate::jetstream::server::JetStreamServer;
use crate::queue::{Batch, QueueConsumer};
use crate::router::{InboxBatch, Seat};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Longest wait for a deadline; the time may be set meanwhile.
const MAX_SLEEP: i64 = 60_000_000_000;
/// Shortest, so that many deadlines do not keep the thread busy.
const MIN_SLEEP: i64 = 1_000_000;

/// The actor of one stream: takes its messages and commands in batches.
pub struct Stream {
    context: ChildContext,
    core: StreamCore,
    consumers: Consumers,
    timer: Option<(i64, SpawnHandle)>,
    messages: Option<QueueConsumer<InboxBatch>>,
    commands: Option<QueueConsumer<StreamCommand>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("name", self.core.entry.name()).finish_non_exhaustive()
    }
}

impl Stream {
    /// An instance that serves `entry`. Called on the thread that has `seat`. A store that cannot be opened leaves the stream offline.
    #[must_use]
    pub fn new(
        context: ChildContext,
        server: Arc<JetStreamServer>,
        account: Arc<JetStreamAccount>,
        entry: Arc<StreamEntry>,
        seat: Seat,
    ) -> Self {
        let messages = Some(entry.inbox().consume());
        let commands = Some(entry.commands().recover());
        let mut core = StreamCore::open(server, account, entry, seat);
        let consumers = Consumers::recover(&mut core);
        Self { context, core, consumers, timer: None, messages, commands }
    }

    /// Sleeps until something is due.
    fn schedule(&mut self, ctx: &mut Context<Self>) {
        let deadlines = [self.core.deadline(), self.consumers.deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return };
        if let Some((planned, timer)) = self.timer {
            if planned <= deadline {
                return;
            }
            ctx.cancel_future(timer);
        }
        let sleep = deadline.saturating_sub(clock::now()).clamp(MIN_SLEEP, MAX_SLEEP);
        let timer = ctx.run_later(Duration::from_nanos(sleep.unsigned_abs()), Self::wake);
        self.timer = Some((deadline, timer));
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.timer = None;
        self.context.heartbeat().touch();
        let now = clock::now();
        let committed = self.core.tick(now);
        self.after_change(committed, ctx);
        self.consumers.tick(&mut self.core, now);
        self.send_requests(ctx);
        self.schedule(ctx);
    }

    /// Sends requests to other streams once their answers would arrive.
    fn send_requests(&mut self, ctx: &mut Context<Self>) {
        for (ticket, to, reply, body) in std::mem::take(&mut self.core.requests) {
            let visible = async move { ticket.wait().await }.into_actor(self);
            ctx.spawn(visible.map(move |(), actor, _| actor.core.send_request(&to, &reply, &body)));
        }
    }

    /// Answers publishers once their messages are durable, and tells consumers what came and went.
    fn after_change(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let removals = self.core.store.take_removals();
        if !removals.is_empty() {
            self.core.note_markers(&removals);
            self.consumers.removed(&mut self.core, &removals);
        }
        let Committed { replies, durability, appended } = committed;
        match durability {
            Durability::Reached => self.core.send(Ok(()), replies),
            Durability::Pending(ticket) => {
                let done = ticket.into_actor(self).map(move |outcome, actor, _| actor.core.send(outcome, replies));
                ctx.spawn(done);
            }
        }
        if appended > 0 {
            self.consumers.appended(&mut self.core, appended);
        }
        self.core.publish_usage(self.consumers.len());
    }

    fn obey(&mut self, command: &StreamCommand, ctx: &mut Context<Self>) {
        match command {
            StreamCommand::Api(StreamCall::Update, request) => {
                let outcome = self.consumers.check_update(&self.core, request);
                self.core.update(request, outcome, self.consumers.len());
                self.consumers.reconfigured(&mut self.core);
            }
            StreamCommand::Api(call, request) => self.core.answer(*call, request, self.consumers.len()),
            StreamCommand::Consumer(call, request) => self.consumers.answer(&mut self.core, call, request),
            StreamCommand::Info(answer) => answer.give(self.core.info(self.consumers.len())),
            StreamCommand::Destroy(answer) => {
                self.consumers.close(&mut self.core);
                answer.give(self.core.destroy());
            }
        }
        let committed = self.core.commit_changes();
        self.after_change(committed, ctx);
    }
}

impl Actor for Stream {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(ticket) = self.core.subscribe() {
            ctx.wait(async move { ticket.wait().await }.into_actor(self));
        }
        if let Some(messages) = self.messages.take() {
            ctx.add_stream(messages);
        }
        if let Some(commands) = self.commands.take() {
            ctx.add_stream(commands);
        }
        self.core.entry.set_recovered();
        self.schedule(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if !std::thread::panicking() {
            self.consumers.save(&mut self.core);
        }
    }
}

impl SupervisedActor for Stream {}

impl StreamHandler<Batch<InboxBatch>> for Stream {
    fn handle(&mut self, batch: Batch<InboxBatch>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        let now = clock::now();
        let (core, consumers) = (&mut self.core, &self.consumers);
        let (committed, others) = core.take_batch(&batch, now, &|subject| consumers.wants(subject));
        if self.core.entry.inbox().commit(batch).is_err() {
            return ctx.stop();
        }
        self.after_change(committed, ctx);
        for (client, message) in others {
            self.consumers.message(&mut self.core, client.as_ref(), &message, now);
        }
        self.consumers.flush(&mut self.core);
        self.schedule(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Batch<StreamCommand>> for Stream {
    fn handle(&mut self, batch: Batch<StreamCommand>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        for command in batch.iter() {
            self.obey(command, ctx);
        }
        self.consumers.flush(&mut self.core);
        if self.core.entry.commands().commit(batch).is_err() {
            return ctx.stop();
        }
        self.schedule(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}
