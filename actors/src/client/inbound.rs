//! The loop over the operations of one read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use bytes::Bytes;
use tracing::error;
use troupe_codecs::client::fault::{Stop, Unreadable};
use troupe_codecs::client::{Batch, ClientOp, ProtocolFault, encoder};
use troupe_codecs::quote::quote;

use super::ClientActor;
use super::actor::auth_timeout;
use super::info::InfoOccasion;
use super::login::{Login, Wait};
use super::trace;
use crate::connection::reader::while_open;
use crate::connection::{CloseReason, PayloadTrace, ReadLimits};
use crate::router::{Publisher, Stalled, Ticket};

/// Longest time a publisher stops reading for a full destination.
const MAX_STALL: Duration = Duration::from_millis(50);

/// Longest time until a publisher that is over its rate looks again whether it may go on.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// What comes after an operation.
pub(super) enum Flow {
    /// The next one.
    Continue,
    /// The same one, once the changes sent to the Router are visible.
    AfterBarrier,
    /// The next one, once other connections had their turn.
    AfterOthers,
    /// The same one, once there is something in the budgets to publish from.
    AfterPause(Duration),
    /// The next one, once it is decided who enters.
    AfterLogin(Box<Wait>),
    /// Nothing: the connection is closing.
    Stop,
}

impl ClientActor {
    /// Handles the operations of `batch` from number `from` on, up to the point where the connection has to wait.
    pub(super) fn process(&mut self, batch: Batch, from: usize, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.keepalive.heard(now);
        let local = Rc::clone(&self.local);
        let is_sampled = local.takes_sample();
        let mut publisher = local.publisher.borrow_mut();
        publisher.discard_unfinished();
        publisher.begin(self.account.as_deref());
        let is_tracing = publisher.is_tracing();
        if is_tracing {
            publisher.set_payload_trace(PayloadTrace::new(&self.services.options()));
        }
        let mut traffic = (0, 0);
        let mut next = from;
        let mut flow = Flow::Continue;
        while let Some(op) = batch.ops.get(next) {
            if is_tracing && !self.must_wait_for(op) {
                trace::inbound(self, op, &batch.bytes);
            }
            flow = self.handle_op(op, &batch.bytes, &mut publisher, &mut traffic);
            match flow {
                Flow::Continue if publisher.is_long() => {
                    next += 1;
                    flow = Flow::AfterOthers;
                    break;
                }
                Flow::Continue => next += 1,
                Flow::AfterBarrier | Flow::AfterOthers | Flow::AfterPause(_) => break,
                Flow::AfterLogin(_) | Flow::Stop => {
                    next += 1;
                    break;
                }
            }
        }
        if self.must_stop_at("mid-batch") {
            flow = self.stop(CloseReason::InternalError, &mut publisher);
        }
        // Whoever has the answer finds what was asked counted.
        if traffic.0 > 0 {
            self.sink.traffic().received(traffic.0, traffic.1);
        }
        if traffic.0 > 0 || self.changes.is_some() {
            self.status.active(now);
        }
        let stalled = publisher.flush(Some(&self.sink));
        self.note_scattered(publisher.is_scattered());
        drop(publisher);
        if is_sampled && traffic.0 > 0 {
            self.services.counters.publish_latency.record(now.elapsed());
        }
        if stalled.is_some() {
            self.status.count_stall();
            self.services.counters.count_stall();
        }
        self.proceed(batch, next, flow, stalled, ctx);
    }

    /// Has the reader read more at once while what comes goes out in little pieces.
    fn note_scattered(&self, is_scattered: bool) {
        let limits = self.read_limits.get();
        if limits.is_scattered != is_scattered {
            self.read_limits.set(ReadLimits { is_scattered, ..limits });
        }
    }

    /// Whether this operation must not run before the changes sent to the Router are visible.
    #[inline]
    fn must_wait_for(&self, op: &ClientOp) -> bool {
        self.changes.is_some() && matches!(op, ClientOp::Publish(_) | ClientOp::Ping | ClientOp::Connect(_))
    }

    #[inline]
    fn handle_op(&mut self, op: &ClientOp, bytes: &Bytes, publisher: &mut Publisher, traffic: &mut (u64, u64)) -> Flow {
        if self.must_wait_for(op) {
            return Flow::AfterBarrier;
        }
        if self.must_stop_at("op") {
            return self.stop(CloseReason::InternalError, publisher);
        }
        if self.account.is_none() && !matches!(op, ClientOp::Connect(_)) && !self.enter_implicitly(publisher) {
            return Flow::Stop;
        }
        match op {
            ClientOp::Publish(op) => {
                if let Some(budgets) = &self.budgets
                    && let Err(wait) = budgets.take(op.payload.len(), Instant::now())
                {
                    return Flow::AfterPause(wait);
                }
                traffic.0 += 1;
                traffic.1 += op.payload.len() as u64;
                let flow = self.publish(op, bytes, publisher);
                if self.must_stop_at("mid-publish") {
                    return self.stop(CloseReason::InternalError, publisher);
                }
                return flow;
            }
            ClientOp::Ping => self.ping(publisher),
            ClientOp::Pong => {
                self.keepalive.pong(Instant::now());
                self.note_rtt();
            }
            ClientOp::Subscribe(op) => self.subscribe(op, bytes, publisher),
            ClientOp::Unsubscribe(op) => self.unsubscribe(op, bytes, publisher),
            ClientOp::Connect(json) => return self.connect(json.of(bytes), publisher),
            ClientOp::Info(json) => {
                if let Err(cause) = serde_json::from_slice::<troupe_codecs::client::ServerInfo>(json.of(bytes)) {
                    error!(conn = %self.sink.label(), "{cause}");
                    return self.stop(CloseReason::ProtocolViolation, publisher);
                }
            }
            ClientOp::Ok => {}
            ClientOp::Err(text) => {
                error!(conn = %self.sink.label(), "Client Error {}", String::from_utf8_lossy(text.of(bytes)));
                return self.stop(CloseReason::ParseError, publisher);
            }
        }
        Flow::Continue
    }

    /// Closes after what was queued is written, the answers of this batch included, with no further operation.
    pub(super) fn stop(&self, reason: CloseReason, publisher: &mut Publisher) -> Flow {
        publisher.flush_reply(&self.sink);
        self.end(reason);
        Flow::Stop
    }

    /// Passes a point where an injected fault may strike. Nothing without the `fault-injection` feature.
    #[inline(always)]
    fn must_stop_at(&self, point: &str) -> bool {
        self.services.faults.checkpoint_of("client", self.sink.cid(), point).must_stop()
    }

    /// Tells the monitor the round trip time.
    pub(super) fn note_rtt(&self) {
        if let Some(rtt) = self.keepalive.rtt() {
            self.status.set_rtt(rtt);
        }
    }

    fn ping(&mut self, publisher: &mut Publisher) {
        tracing::trace!(conn = %self.sink.label(), "->> [PONG]");
        publisher.reply(&self.sink, encoder::PONG);
        if !self.has_ponged {
            self.has_ponged = true;
            if self.modes.protocol >= 1 {
                // One write for both: a client whose connect ends with the PONG must not see INFO change afterwards.
                publisher.reply(&self.sink, &self.info(InfoOccasion::Accepted));
            }
        }
    }

    /// Goes on with the batch, or waits for what stands in the way.
    fn proceed(&mut self, batch: Batch, next: usize, flow: Flow, stalled: Option<Stalled>, ctx: &mut Context<Self>) {
        self.schedule_first_ping(ctx);
        let ticket = self.send_changes();
        let is_closing = matches!(flow, Flow::Stop) || self.sink.close_reason().is_some();
        let is_done = next >= batch.ops.len() || is_closing;
        if is_done && !is_closing {
            self.report_fault(&batch);
        }
        // The writers of this arbiter are many then, and wait for their turn.
        let yields = matches!(flow, Flow::AfterOthers) || self.read_limits.get().is_scattered;
        let mut pause = None;
        let login = match flow {
            Flow::AfterLogin(login) => Some(login),
            Flow::AfterPause(wait) => {
                pause = Some(wait);
                None
            }
            _ => None,
        };
        let must_wait = yields || login.is_some() || ticket.is_some() || stalled.is_some();
        if is_done && login.is_none() {
            self.local.pool.put_ops(batch.ops);
            self.local.pool.put_bytes(batch.bytes);
        } else {
            self.suspended = Some(Box::new((batch, next)));
        }
        if must_wait {
            self.wait(ticket, stalled, login, ctx);
        } else if let Some(pause) = pause.filter(|_| !is_closing) {
            self.pause(pause, ctx);
        } else if let Some(suspended) = self.suspended.take() {
            let (batch, next) = *suspended;
            self.process(batch, next, ctx);
        }
    }

    /// Reads no more for a while: the client has published faster than it may. Everything else goes on meanwhile.
    fn pause(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        self.read_limits.pause();
        ctx.run_later(pause.min(MAX_PAUSE), |actor, ctx| {
            actor.read_limits.resume();
            actor.resume(ctx);
        });
    }

    /// Goes on where it had to wait, unless the connection is closing.
    fn resume(&mut self, ctx: &mut Context<Self>) {
        if let Some(suspended) = self.suspended.take().filter(|_| self.sink.close_reason().is_none()) {
            let (batch, next) = *suspended;
            self.process(batch, next, ctx);
        }
    }

    fn wait(
        &mut self,
        ticket: Option<Ticket>,
        stalled: Option<Stalled>,
        login: Option<Box<Wait>>,
        ctx: &mut Context<Self>,
    ) {
        let sink = Arc::clone(&self.sink);
        let patience = auth_timeout(&self.services.options());
        let login = login.map(|wait| Login {
            wait: *wait,
            authenticator: self.services.authenticator().clone(),
            asker: self.asker(),
            presented: (*self.presented).clone(),
        });
        let waiting = async move {
            tokio::task::yield_now().await;
            if let Some(ticket) = ticket {
                while_open(ticket.wait(), &*sink).await;
            }
            if let Some(stalled) = stalled {
                stalled.wait_drained(MAX_STALL).await;
            }
            match login {
                Some(login) => Some(login.end(patience, &sink).await),
                None => None,
            }
        };
        ctx.wait(waiting.into_actor(self).map(|login, actor, ctx| {
            if let Some(outcome) = login {
                actor.finish_login(outcome);
                actor.schedule_first_ping(ctx);
            }
            actor.resume(ctx);
        }));
    }

    /// Hands collected subscription changes to the Router; the ticket opens when they are visible.
    pub(super) fn send_changes(&mut self) -> Option<Ticket> {
        let mut changes = self.changes.take()?;
        let ticket = self.barrier.issue();
        changes.barrier = Some(ticket.clone());
        if self.services.router.send(*changes) {
            return Some(ticket);
        }
        error!(conn = %self.sink.label(), "the router takes no more changes");
        self.sink.close(CloseReason::InternalError);
        None
    }

    /// Answers bytes that cannot be read.
    fn report_fault(&mut self, batch: &Batch) {
        let Some(fault) = batch.fault else { return };
        let sink = Arc::clone(&self.sink);
        let label = sink.label();
        let unreadable = Unreadable::new(batch.bytes.get(batch.fault_at..).unwrap_or_default());
        let line = unreadable.line().filter(|_| fault != ProtocolFault::ControlLineExceeded);
        if let Some((verb, arguments)) = line {
            tracing::trace!(conn = %label, "<<- [{verb} {}]", String::from_utf8_lossy(arguments));
        }
        let is_line_wrong = matches!(fault, ProtocolFault::PayloadExceeded(_) | ProtocolFault::BadArguments);
        if is_line_wrong && unreadable.is_header_publish() && !self.modes.headers {
            error!(conn = %label, "message headers not supported");
            return self.end(CloseReason::ProtocolViolation);
        }
        match fault {
            ProtocolFault::UnknownOperation => {
                self.send_error("Unknown Protocol Operation");
                let Stop { state, at } = unreadable.stop();
                let (place, snippet) = (batch.fault_at + at, quote(unreadable.snippet(at)));
                error!(conn = %label, "Client parser ERROR, state={state}, i={place}: proto='{snippet}...'");
                self.end(CloseReason::ProtocolViolation);
            }
            ProtocolFault::ControlLineExceeded => {
                self.fail("maximum control line exceeded", CloseReason::MaxControlLineExceeded);
                error!(conn = %label, "maximum control line exceeded");
            }
            ProtocolFault::PayloadExceeded(size) => {
                self.trace_unread(&unreadable, batch.bytes.get(batch.fault_at..).unwrap_or_default());
                self.refuse_payload(size as usize);
            }
            ProtocolFault::BadArguments => {
                let arguments = line.map(|(_, arguments)| arguments).unwrap_or_default();
                error!(conn = %label, "{}: {}", unreadable.complaint(), quote(arguments));
                self.end(CloseReason::ProtocolViolation);
            }
            ProtocolFault::ConnectExpected => self.refuse_implicit(),
        }
    }

    /// Closes for a message that is too large.
    pub(super) fn refuse_payload(&self, size: usize) {
        error!(conn = %self.sink.label(), "maximum payload exceeded: {size} vs {}", self.max_payload());
        self.fail("Maximum Payload Violation", CloseReason::MaxPayloadExceeded);
    }
}
