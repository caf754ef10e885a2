//! The actor of one stream.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, SpawnHandle, StreamHandler, WrapFuture};
use futures_util::StreamExt;
use tokio_stream::wrappers::WatchStream;
use troupe_store::Durability;

use super::commit::Committed;
use super::core::StreamCore;
use crate::jetstream::account::JetStreamAccount;
use crate::jetstream::clock;
use crate::jetstream::consumer::{Consumers, Written};
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

/// Longest time a slow client keeps consumers waiting.
const MAX_STALL: Duration = Duration::from_millis(20);

/// Somebody listens who did not, or no more.
struct InterestChanged;

/// The actor of one stream: takes its messages and commands in batches.
pub struct Stream {
    context: ChildContext,
    core: StreamCore,
    consumers: Consumers,
    timer: Option<(i64, SpawnHandle)>,
    /// It comes back to its consumers by itself.
    is_going_on: bool,
    /// It follows who listens.
    is_watching: bool,
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
        Self { context, core, consumers, timer: None, is_going_on: false, is_watching: false, messages, commands }
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
        self.serve(ctx);
    }

    /// Sends requests to other streams once their answers would arrive.
    fn send_requests(&mut self, ctx: &mut Context<Self>) {
        for (ticket, request, reply) in std::mem::take(&mut self.core.requests) {
            let visible = async move { ticket.wait().await }.into_actor(self);
            ctx.spawn(visible.map(move |(), actor, _| actor.core.send_request(&request, &reply)));
        }
    }

    /// Lets consumers deliver, and does what follows: messages nobody needs any more leave, states get on the disk.
    fn serve(&mut self, ctx: &mut Context<Self>) {
        self.consumers.flush(&mut self.core);
        let committed = self.core.commit_changes();
        self.after_change(committed, ctx);
        for (ticket, waiting) in self.consumers.take_writing() {
            let written = ticket.into_actor(self);
            ctx.spawn(written.map(move |outcome, actor, ctx| {
                actor.consumers.send_written(&mut actor.core, &outcome, &waiting);
                // What was let go of may leave the stream, and make room for more.
                if matches!(waiting, Written::Letters(_)) {
                    actor.serve(ctx);
                }
            }));
        }
        self.watch_interest(ctx);
        self.go_on(ctx);
        self.schedule(ctx);
        self.core.store.lay_down();
    }

    /// Comes back to consumers that have more to deliver, after others had their turn and a slow client some time.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if !self.consumers.has_more() || self.is_going_on {
            return;
        }
        self.is_going_on = true;
        let stalled = self.consumers.take_stalled();
        let wait = async move {
            match stalled {
                Some(stalled) => stalled.wait_drained(MAX_STALL).await,
                None => tokio::task::yield_now().await,
            }
        };
        ctx.spawn(wait.into_actor(self).map(|(), actor, ctx| {
            actor.is_going_on = false;
            actor.serve(ctx);
        }));
    }

    /// Follows who listens, from when a consumer first pushes.
    fn watch_interest(&mut self, ctx: &mut Context<Self>) {
        if self.is_watching || !self.consumers.watches_interest() {
            return;
        }
        self.is_watching = true;
        let changes = WatchStream::new(self.core.account.view().follow());
        ctx.add_stream(changes.map(|_| InterestChanged));
    }

    /// Answers publishers once their messages are durable, and tells consumers what came and went.
    fn after_change(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        let Committed { answers, durability, mut appended } = committed;
        let removals = self.core.store.take_removals();
        let purged = std::mem::take(&mut self.core.purged);
        if !removals.is_empty() {
            appended += self.core.note_markers(&removals);
            self.consumers.removed(&mut self.core, &removals, !purged.is_empty());
        }
        self.consumers.purged(&mut self.core, &purged);
        self.core.publish_usage();
        self.consumers.publish_number(&self.core);
        match durability {
            Durability::Reached => {
                self.core.send(Ok(()), &answers);
                if appended > 0 {
                    self.consumers.appended(&mut self.core);
                }
            }
            Durability::Pending(ticket) => {
                let done = ticket.into_actor(self).map(move |outcome, actor, ctx| {
                    actor.core.send(outcome, &answers);
                    // Nobody is woken by a message that could still be lost, or before its publisher knows of it.
                    if appended > 0 {
                        actor.consumers.appended(&mut actor.core);
                        actor.serve(ctx);
                    }
                });
                ctx.spawn(done);
            }
        }
    }

    fn obey(&mut self, command: &StreamCommand, ctx: &mut Context<Self>) {
        match command {
            StreamCommand::Api(StreamCall::Update, request) => {
                let wanted = self.core.wanted_config(request);
                let wanted = wanted.and_then(|wanted| {
                    self.consumers.check_update(&self.core, &wanted)?;
                    Ok(wanted)
                });
                self.core.update(request, wanted, self.consumers.num_shown());
                self.consumers.reconfigured(&mut self.core);
            }
            StreamCommand::Api(StreamCall::Snapshot, request) => {
                self.core.answer_snapshot(request, &self.consumers);
            }
            StreamCommand::Api(call, request) => self.core.answer(*call, request, self.consumers.num_shown()),
            StreamCommand::Consumer(call, request) => self.consumers.answer(&mut self.core, call, request),
            StreamCommand::Info(answer) => answer.give(self.core.info(self.consumers.num_shown())),
            StreamCommand::Consumers(from, answer) => answer.give(self.consumers.page(&mut self.core, *from)),
            StreamCommand::Knows(consumer, answer) => answer.give(self.consumers.knows(consumer)),
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
            self.core.close();
        }
    }
}

impl SupervisedActor for Stream {}

impl StreamHandler<Batch<InboxBatch>> for Stream {
    fn handle(&mut self, batch: Batch<InboxBatch>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        let now = clock::now();
        let (committed, others) = self.core.take_batch(&batch, now);
        if self.core.entry.inbox().commit(batch).is_err() {
            return ctx.stop();
        }
        self.after_change(committed, ctx);
        self.consumers.messages(&mut self.core, &others, now);
        self.serve(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<InterestChanged> for Stream {
    fn handle(&mut self, _: InterestChanged, ctx: &mut Self::Context) {
        self.consumers.interest_changed(&mut self.core);
        self.serve(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Batch<StreamCommand>> for Stream {
    fn handle(&mut self, batch: Batch<StreamCommand>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        for command in batch.iter() {
            self.obey(command, ctx);
        }
        if self.core.entry.commands().commit(batch).is_err() {
            return ctx.stop();
        }
        self.serve(ctx);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}
