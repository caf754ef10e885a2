//! The loop of the system account's services.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, StreamHandler, WrapFuture};
use bytes::Bytes;
use tokio::sync::oneshot;
use troupe_codecs::header;
use troupe_codecs::report::{Layout, render};
use troupe_codecs::system::encoding;
use troupe_codecs::system::trace::ACCEPT_ENCODING;

use super::SystemServices;
use super::claims::{self, ClaimsAnswer, ClaimsKind, ClaimsRequest};
use super::lookup::Lookup;
use super::news::SILENCE_TICK;
use super::requests::{Request, found_prefix, merge_subject};
use super::user;
use crate::client::ClientEvent;
use crate::queue::Batch;
use crate::router::replies::GivenUp;
use crate::router::{AccountView, ArbiterLocal, Content, InboxBatch, InboxMessage, ServerMessage, arbiter_local};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Time until the first look at the tokens of other servers: routes stand by then.
const FIRST_PACK: Duration = Duration::from_secs(1);
/// Messages with tokens of another server that are merged at once.
const MAX_SHOWN: usize = 16 << 10;
const PACK: &[u8] = b"$SYS.REQ.CLAIMS.PACK";
/// Time between two looks at replies that are waited for.
const REPLY_TICK: Duration = Duration::from_millis(250);
/// First time between two events with the numbers of the server; doubled up to [`STATSZ_INTERVAL`].
const FIRST_STATSZ: Duration = Duration::from_millis(250);
/// Time between two events with the numbers of the server.
const STATSZ_INTERVAL: Duration = Duration::from_secs(10);
/// Time between two events with the connections of an account, where they do not change.
const CONNECTIONS_INTERVAL: Duration = Duration::from_secs(30);

/// Answers requests in the system account and tells what happens.
#[derive(Debug)]
pub struct System {
    pub(super) services: Arc<SystemServices>,
    pub(super) local: Rc<ArbiterLocal>,
    context: ChildContext,
    /// Generations of accounts at the last look at their replies.
    looked_at: Vec<(u32, u64)>,
    /// Tokens that another server shows, until it has shown all of them.
    shown: Vec<Bytes>,
    /// Ends when the newest request about tokens is answered.
    last_claims: Option<oneshot::Receiver<()>>,
}

impl System {
    /// An instance.
    #[must_use]
    pub fn new(services: Arc<SystemServices>, context: ChildContext) -> Self {
        let clients = services.reporter.services();
        let local = arbiter_local(services.seats.services(), &clients.router, clients.options().disable_sublist_cache);
        Self { services, local, context, looked_at: Vec::new(), shown: Vec::new(), last_claims: None }
    }

    /// Publishes a document in the system account, where somebody listens.
    pub(super) fn tell<T: serde::Serialize>(&self, subject: &str, document: &T) {
        self.publish(
            &self.services.account,
            subject.as_bytes(),
            &render(document, Layout::Compact).unwrap_or_default(),
        );
    }

    pub(super) fn publish(&self, account: &Arc<AccountView>, subject: &[u8], payload: &[u8]) {
        self.local.server_batch(account).publish(&ServerMessage::plain(subject, payload));
    }

    fn answer(&mut self, batch: &InboxBatch, message: &InboxMessage, ctx: &mut Context<Self>) {
        let Some(request) = self.services.requests.get(message.tag as usize) else { return };
        match *request {
            Request::Claims(ClaimsKind::Merge) => self.take_shown(message.shared_payload(), ctx),
            Request::Claims(kind) => {
                let asking = self.services.control.claims(claims::request(kind, message));
                self.publish_claims(message.shared_reply(), asking, ctx);
            }
            Request::Found => {
                let id = message.subject().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
                self.services.lookups.take(id, message.payload());
            }
            Request::News(kind) => self.hear(kind, message),
            _ if message.reply().is_empty() => {}
            request => self.answer_one(request, batch, message, ctx),
        }
    }

    /// Answers a request that wants one answer.
    fn answer_one(&self, request: Request, batch: &InboxBatch, message: &InboxMessage, ctx: &mut Context<Self>) {
        let message = message.clone();
        let encoding = request.is_packable().then(|| wanted_encoding(&message)).flatten();
        let to = ReplyTo { subject: message.shared_reply(), encoding };
        let services = Arc::clone(&self.services);
        let body = match request {
            Request::Server(report) => {
                return self.reply_later(to, ctx, async move { services.server_report(report, &message).await });
            }
            Request::Account(report) => {
                return self.reply_later(to, ctx, async move { services.account_report(report, &message).await });
            }
            Request::Reload => match services.reload_refusal(&message) {
                Ok(()) => {
                    let reloading = services.control.reload();
                    return self.reply_later(to, ctx, async move { Some(services.reload_answer(reloading.await)) });
                }
                Err(answer) => answer,
            },
            // They do not come here.
            Request::Claims(_) | Request::Found | Request::News(_) => return,
            Request::AllAccounts => services.all_accounts(&message),
            Request::User => user::info(&services, batch.client()),
            Request::Subscribers => Some(services.num_subscribers(batch, &message)),
            Request::Kick => services.kick(&message),
            Request::LameDuck => services.lame_duck(&message),
        };
        if let Some(body) = body {
            self.reply(&to, body);
        }
    }

    /// Answers once there is something to say of tokens, and the requests before it are answered: they are served in order, too,
    /// so that nothing waits for that.
    fn publish_claims(&mut self, reply: Bytes, asking: claims::Claims, ctx: &mut Context<Self>) {
        let (is_answered, answered) = oneshot::channel::<()>();
        let before = self.last_claims.replace(answered);
        let asking = async move {
            let answer = asking.await;
            if let Some(before) = before {
                // It is told by its sender's end.
                before.await.ok();
            }
            answer
        };
        ctx.spawn(asking.into_actor(self).map(move |answer, actor, _| {
            let bodies = actor.services.claims_bodies(answer);
            let account = &actor.services.account;
            bodies.iter().filter(|_| !reply.is_empty()).for_each(|body| actor.publish(account, &reply, body));
            drop(is_answered);
        }));
    }

    /// Takes tokens that another server shows. All of them are merged at once when it is done, or pauses.
    fn take_shown(&mut self, lines: Bytes, ctx: &mut Context<Self>) {
        let is_last = lines.is_empty();
        if !is_last {
            self.shown.push(lines);
        }
        if is_last || self.shown.len() >= MAX_SHOWN {
            self.merge_shown(ctx);
        }
    }

    fn merge_shown(&mut self, ctx: &mut Context<Self>) {
        if !self.shown.is_empty() {
            let lines = std::mem::take(&mut self.shown);
            let merging = self.services.control.claims(ClaimsRequest::Merge { lines });
            ctx.spawn(merging.into_actor(self).map(|_, _, _| {}));
        }
    }

    /// Asks other servers for tokens that this one does not have.
    fn ask_for_claims(&self, ctx: &mut Context<Self>) {
        let asking = self.services.control.claims(ClaimsRequest::Digest);
        ctx.spawn(asking.into_actor(self).map(|answer, actor, _| {
            let ClaimsAnswer::Digest(digest) = answer else { return };
            let reply = merge_subject(&actor.services.reporter.server_id());
            let mut batch = actor.local.server_batch(&actor.services.account);
            batch.publish_abroad(&ServerMessage { reply: reply.as_bytes(), ..ServerMessage::plain(PACK, &digest) });
        }));
    }

    /// Asks the other servers for an account.
    fn send_lookup(&self, lookup: &Lookup) {
        let to = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", lookup.account);
        let prefix = found_prefix(&self.services.reporter.server_id());
        let reply = [prefix.as_bytes(), &lookup.id].concat();
        let message = ServerMessage { reply: &reply, ..ServerMessage::plain(to.as_bytes(), b"") };
        let num_servers = self.local.server_batch(&self.services.account).publish_abroad(&message);
        self.services.lookups.sent(&lookup.id, num_servers);
    }

    /// Answers, in the encoding that the requester wants.
    fn reply(&self, to: &ReplyTo, body: Vec<u8>) {
        let (headers, body) = encoding::encode(to.encoding.as_deref().unwrap_or_default(), body);
        let content = Content::Parts(&headers, &body);
        let message = ServerMessage { to: &to.subject, shown_subject: None, reply: b"", content };
        self.local.server_batch(&self.services.account).publish(&message);
    }

    /// Answers once the body is there.
    fn reply_later(&self, to: ReplyTo, ctx: &mut Context<Self>, body: impl Future<Output = Option<Vec<u8>>> + 'static) {
        ctx.spawn(body.into_actor(self).map(move |body, actor, _| {
            if let Some(body) = body {
                actor.reply(&to, body);
            }
        }));
    }

    /// Gives up on replies of services that are overdue or that nobody listens for.
    fn look_at_replies(&mut self) {
        let now = Instant::now();
        for account in self.services.reporter.services().accounts.all() {
            account.exchange().halves().forget_old(now);
            account.exchange().measured().forget_old(now);
            let replies = account.exchange().replies();
            if replies.is_empty() {
                continue;
            }
            let looked_at = self.looked_at.clone();
            let changed = |account: &AccountView| !looked_at.contains(&(account.id(), account.generation()));
            let given_up = replies.give_up(now, |response| {
                changed(&response.requester) && !response.requester.has_interest(&response.to)
            });
            for (response, why) in given_up {
                let Some(measurement) = response.measurement.as_ref().filter(|measurement| measurement.is_open())
                else {
                    continue;
                };
                let (subject, metric) = match why {
                    GivenUp::Overdue => measurement.overdue(),
                    GivenUp::Lost => measurement.lost(),
                };
                self.publish(&account, subject.as_bytes(), &metric);
            }
        }
        let accounts = self.services.reporter.services().accounts.all();
        self.looked_at = accounts.iter().map(|account| (account.id(), account.generation())).collect();
    }

    fn schedule_statsz(&self, delay: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(delay, move |actor, ctx| {
            actor.tell_statsz();
            actor.schedule_statsz((delay * 2).min(STATSZ_INTERVAL), ctx);
        });
    }
}

/// Where an answer goes.
#[derive(Clone, Debug)]
struct ReplyTo {
    subject: Bytes,
    /// How it is to be compressed.
    encoding: Option<String>,
}

fn wanted_encoding(message: &InboxMessage) -> Option<String> {
    let wanted = header::get(message.headers(), ACCEPT_ENCODING)?;
    Some(String::from_utf8_lossy(wanted).into_owned())
}

impl Actor for System {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(self.services.inbox.consume());
        ctx.add_stream(self.services.reporter.services().events.consume());
        ctx.run_interval(REPLY_TICK, |actor, ctx| {
            actor.look_at_replies();
            actor.merge_shown(ctx);
        });
        ctx.run_interval(CONNECTIONS_INTERVAL, |actor, _| actor.tell_all_connections());
        ctx.run_interval(SILENCE_TICK, |actor, _| actor.services.forget_silent());
        self.schedule_statsz(FIRST_STATSZ, ctx);
        ctx.add_stream(self.services.lookups.consume());
        if let Some(interval) = self.services.claims_interval() {
            ctx.run_later(FIRST_PACK, |actor, ctx| actor.ask_for_claims(ctx));
            ctx.run_interval(interval, |actor, ctx| actor.ask_for_claims(ctx));
        }
    }
}

impl SupervisedActor for System {}

impl StreamHandler<Batch<InboxBatch>> for System {
    fn handle(&mut self, batch: Batch<InboxBatch>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        for messages in batch.iter() {
            for message in messages.iter() {
                self.answer(messages, &message, ctx);
            }
        }
        if self.services.inbox.commit(batch).is_err() {
            ctx.stop();
        }
    }

    /// Its successor, or nobody, takes over.
    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl StreamHandler<Batch<ClientEvent>> for System {
    fn handle(&mut self, batch: Batch<ClientEvent>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        batch.iter().for_each(|event| self.tell_event(event));
        if self.services.reporter.services().events.commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl StreamHandler<Batch<Lookup>> for System {
    fn handle(&mut self, batch: Batch<Lookup>, ctx: &mut Self::Context) {
        batch.iter().for_each(|lookup| self.send_lookup(lookup));
        if self.services.lookups.commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
