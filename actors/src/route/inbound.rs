//! The loop over the operations of one read.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use bytes::Bytes;
use tracing::{debug, error};
use troupe_codecs::client::{Span, encoder};
use troupe_codecs::peer::{InterestOp, PeerMessage, PeerOp, RouteBatch, RouteFault, RouteInfo};
use troupe_codecs::quote::quote;
use troupe_codecs::subject::{is_literal, is_subscribable, num_tokens};
use troupe_engine::index::snapshot::MAX_PATTERN_TOKENS;

use super::PeerActor;
use super::events::RouteEvent;
use super::info::info_line;
use crate::connection::reader::while_open;
use crate::connection::{CloseReason, PayloadTrace};
use crate::router::halves::{Asked, is_measured};
use crate::router::subscription::PeerInterest;
use crate::router::{AccountView, Message, Origin, Publisher, Stalled, Ticket};

/// Longest time a route stops reading for a full destination: every client of the other server waits behind it.
const MAX_STALL: Duration = Duration::from_millis(10);
/// A list of operations with more room than this is not kept.
const MAX_KEPT_OPS: usize = 16 * 1024;
/// Most bytes of a line that the log shows.
const MAX_SHOWN_LINE: usize = 256;
/// Replies of stored messages, which carry the subject that the receiver is to see.
const JETSTREAM_ACK: &[u8] = b"$JS.ACK.";
/// Dots in such a reply before anything that may contain an `@`.
const ACK_DOTS: usize = 8;

impl PeerActor {
    /// Handles the operations of `batch` from number `from` on, up to the point where the connection has to wait.
    pub(super) fn process(&mut self, batch: RouteBatch, from: usize, ctx: &mut Context<Self>) {
        let now = Instant::now();
        self.keepalive.heard(now);
        let local = Rc::clone(&self.local);
        let mut publisher = local.publisher.borrow_mut();
        publisher.discard_unfinished();
        publisher.begin(self.account.as_deref());
        if publisher.is_tracing() {
            publisher.set_payload_trace(PayloadTrace::new(&self.services.options()));
        }
        let mut current: Option<Arc<AccountView>> = self.account.clone();
        let mut traffic = (0, 0);
        let mut is_active = false;
        let mut next = from;
        while let Some(op) = batch.ops.get(next).filter(|_| self.sink.close_reason().is_none()) {
            // Whoever gets the message may answer at once, to a subject the other server has asked for just now. A PONG tells it
            // that what it said before is in force.
            if matches!(op, PeerOp::Message(_) | PeerOp::Ping) && self.interest.has_changes() {
                break;
            }
            next += 1;
            match op {
                PeerOp::Message(message) => {
                    traffic.0 += 1;
                    traffic.1 += message.payload.len() as u64;
                    self.deliver(message, &batch.bytes, &mut current, &mut publisher);
                }
                other => {
                    is_active |= matches!(other, PeerOp::Interest(_) | PeerOp::NoInterest(_));
                    self.handle_op(other, &batch.bytes, &mut publisher);
                }
            }
            if publisher.is_long() {
                break;
            }
        }
        if self.services.parts.faults.checkpoint_of("route", self.sink.cid(), "mid-batch").must_stop() {
            self.end(CloseReason::InternalError);
        }
        let stalled = publisher.flush(Some(&self.sink));
        drop(publisher);
        if is_active || traffic.0 > 0 {
            self.status.active(now);
        }
        if traffic.0 > 0 {
            self.sink.traffic().received(traffic.0, traffic.1);
        }
        self.proceed(batch, next, stalled, ctx);
    }

    fn handle_op(&mut self, op: &PeerOp, bytes: &Bytes, publisher: &mut Publisher) {
        if publisher.is_tracing() {
            self.trace(op, bytes);
        }
        match op {
            PeerOp::Message(_) | PeerOp::Ignored => {}
            PeerOp::Interest(op) => self.begin_interest(op, bytes),
            PeerOp::NoInterest(op) => {
                let account = self.account.as_ref().map_or(op.account.of(bytes), |account| account.name().as_bytes());
                self.interest.end(account, (op.subject.of(bytes), op.queue.of(bytes), op.origin.of(bytes)));
            }
            PeerOp::Ping => {
                tracing::trace!(conn = %self.sink.label(), "->> [PONG]");
                publisher.reply(&self.sink, encoder::PONG);
            }
            PeerOp::Pong => self.pong(),
            PeerOp::Info(json) => self.take_info(json.of(bytes)),
            PeerOp::Connect(_) => self.end(CloseReason::ProtocolViolation),
            PeerOp::Err(text) => {
                error!(conn = %self.sink.label(), "Route Error {}", String::from_utf8_lossy(text.of(bytes)));
                self.end(CloseReason::ParseError);
            }
        }
    }

    /// The account of a line.
    fn account(&mut self, name: Span, bytes: &Bytes) -> Option<Arc<AccountView>> {
        if let Some(account) = &self.account {
            return Some(Arc::clone(account));
        }
        let name = name.of(bytes);
        if let Some(known) = self.accounts.get(name) {
            return Some(Arc::clone(known));
        }
        let account = std::str::from_utf8(name).ok().and_then(|name| self.services.account_of(name));
        let Some(account) = account else {
            // Not remembered: the account may come with a reload, and names are the other server's to choose.
            debug!(conn = %self.sink.label(), "Unknown account {}", quote(name));
            return None;
        };
        self.accounts.insert(name.into(), Arc::clone(&account));
        Some(account)
    }

    #[inline]
    fn deliver(
        &mut self,
        message: &PeerMessage,
        bytes: &Bytes,
        current: &mut Option<Arc<AccountView>>,
        publisher: &mut Publisher,
    ) {
        let is_current = |current: &Arc<AccountView>| {
            message.account.is_empty() || current.name().as_bytes() == message.account.of(bytes)
        };
        if !current.as_ref().is_some_and(is_current) {
            let Some(account) = self.account(message.account, bytes) else { return };
            publisher.begin(Some(&account));
            *current = Some(account);
        }
        let Some(account) = current else { return };
        if publisher.is_tracing() {
            self.trace_message(message, bytes);
        }
        let reply = message.reply.of(bytes);
        if is_measured(reply) {
            self.measure(account, reply);
        }
        let (reply, shown) = split_ack(reply);
        let routed = Message {
            subject: message.subject.of(bytes),
            shown_subject: shown,
            reply,
            sizes: message.sizes.of(bytes),
            payload: &bytes[message.payload.start as usize..message.payload.end as usize + 2],
            header_len: message.header_len as usize,
            has_headers: message.has_headers,
            has_crlf: true,
            is_imported: false,
            verbatim_tail: (message.is_verbatim && shown.is_none()).then(|| message.verbatim_tail().of(bytes)),
            buffer: Some(bytes),
        };
        if routed.header_len > 0
            && account.may_trace(routed.headers())
            && self.deliver_asking(account, (message, bytes), &routed, publisher)
        {
            return;
        }
        publisher.publish_routed(self.origin(account), &routed, message.queue_names(bytes));
    }

    /// The other server measures how long the answer takes that is given here.
    #[cold]
    fn measure(&self, account: &AccountView, reply: &[u8]) {
        let options = self.services.options();
        let system = options.system_account_name().and_then(|name| self.services.accounts().get(name));
        if let Some(system) = system {
            let (server, cluster) = (self.services.parts.name.clone(), self.services.cluster().name);
            account.exchange().measured().begin(reply, Asked::now(system, server, cluster));
        }
    }

    /// Who publishes what the other server sends in `account`.
    #[inline]
    pub(super) fn origin<'a>(&'a self, account: &'a Arc<AccountView>) -> Origin<'a> {
        Origin { sink: Some(&self.sink), account, echo: true, no_responders: false }
    }

    fn begin_interest(&mut self, op: &InterestOp, bytes: &Bytes) {
        let Some(account) = self.account(op.account, bytes) else { return };
        let (subject, queue) = (op.subject.of(bytes), op.queue.of(bytes));
        let label = self.sink.label();
        if self.services.permissions().is_some_and(|permissions| !permissions.allows_subscribe(subject, None)) {
            return debug!(conn = %label, "Can not export {}, ignoring remote subscription request", quote(subject));
        }
        let is_too_deep = !is_literal(subject) && num_tokens(subject) > MAX_PATTERN_TOKENS;
        if !is_subscribable(subject) || is_too_deep {
            error!(conn = %label, "Could not insert subscription: invalid subject {}", quote(subject));
            // The other server may know patterns that are too deep here, and would close the route for this.
            if !is_too_deep {
                self.send_error("Invalid Subscription");
            }
            return;
        }
        // It was told before the other server knew that the account moves.
        if self.account.is_none() && self.services.is_adopted(account.name()) {
            return;
        }
        if !queue.is_empty() && op.weight == 0 {
            // A group without members gets nothing.
            return self.interest.end(account.name().as_bytes(), (subject, queue, op.origin.of(bytes)));
        }
        let interest = PeerInterest { subject, queue, weight: op.weight, origin: op.origin.of(bytes) };
        self.interest.begin(&account, &self.link, interest);
    }

    /// Hands changed interest to the Router; the ticket opens when it is visible.
    pub(super) fn send_changes(&mut self) -> Option<Ticket> {
        let mut ticket = None;
        for mut changes in self.interest.take_changes() {
            let own = self.barrier.issue();
            changes.removed.iter().for_each(|subscription| _ = subscription.close());
            changes.barrier = Some(own.clone());
            if !self.services.parts.router.send(changes) {
                error!(conn = %self.sink.label(), "the router takes no more changes");
                self.sink.close(CloseReason::InternalError);
                return None;
            }
            ticket = Some(own);
        }
        ticket
    }

    /// Goes on with the batch, or waits for what stands in the way.
    fn proceed(&mut self, mut batch: RouteBatch, next: usize, stalled: Option<Stalled>, ctx: &mut Context<Self>) {
        let ticket = self.send_changes();
        let is_closing = self.sink.close_reason().is_some();
        let is_done = next >= batch.ops.len() || is_closing;
        if is_done && !is_closing {
            self.report_fault(&batch);
        }
        if is_done && batch.ops.capacity() <= MAX_KEPT_OPS {
            self.spare_ops.set(std::mem::take(&mut batch.ops));
        }
        if is_done && ticket.is_none() && stalled.is_none() {
            return;
        }
        if !is_done {
            self.suspended = Some(Box::new((batch, next)));
        }
        let sink = Arc::clone(&self.sink);
        let waiting = async move {
            tokio::task::yield_now().await;
            if let Some(ticket) = ticket {
                while_open(ticket.wait(), &*sink).await;
            }
            if let Some(stalled) = stalled {
                stalled.wait_drained(MAX_STALL).await;
            }
        };
        ctx.wait(waiting.into_actor(self).map(|(), actor, ctx| {
            if let Some(suspended) = actor.suspended.take().filter(|_| actor.sink.close_reason().is_none()) {
                let (batch, next) = *suspended;
                actor.process(batch, next, ctx);
            }
        }));
    }

    fn report_fault(&self, batch: &RouteBatch) {
        let Some(fault) = batch.fault else { return };
        let rest = batch.bytes.get(batch.fault_at..).unwrap_or_default();
        let shown = quote(&rest[..rest.len().min(32)]);
        let label = self.sink.label();
        match fault {
            RouteFault::UnknownOperation => {
                self.send_error("Unknown Protocol Operation");
                error!(conn = %label, "Router parser ERROR, state=0, i={}: proto='{shown}...'", batch.fault_at);
            }
            RouteFault::LineTooLong => error!(conn = %label, "maximum control line exceeded"),
            RouteFault::PayloadTooLarge(size) => error!(conn = %label, "maximum payload exceeded: {size}"),
            RouteFault::BadArguments => error!(conn = %label, "{}", bad_arguments(rest)),
        }
        self.end(CloseReason::ProtocolViolation);
    }

    /// INFO after the first one: news of this server or of another one.
    fn take_info(&mut self, json: &[u8]) {
        let mut info = match RouteInfo::parse(json) {
            Ok(info) => info,
            Err(cause) => {
                error!(conn = %self.sink.label(), "{cause}");
                return self.end(CloseReason::ProtocolViolation);
            }
        };
        if !info.route_acc_add_reqid.is_empty() {
            if info.route_account.is_empty() {
                return self.services.confirm_move(&info.route_acc_add_reqid);
            }
            let account = std::mem::take(&mut info.route_account);
            if self.services.parts.accounts.get(&account).is_none() {
                return error!("Error looking up account {account:?}: account missing");
            }
            self.services.adopt_move(&account, self.sink.cid());
            self.release(&account, None);
            return self.send(info_line(&info));
        }
        if !info.gateway.is_empty() {
            let (gateway, remote) = (&info.gateway, &self.remote_id);
            return error!(
                "Received information about gateway {gateway:?} from {remote}, but gateway is not configured"
            );
        }
        if info.server_id != self.remote_id {
            return self
                .services
                .events
                .tell(RouteEvent::Gossip { info: Box::new(info), has_no_pool: self.added.has_no_pool });
        }
        if info.ldm {
            let remote = self.remote_id.clone();
            self.services.with_registry(|registry| registry.table.forget_connect_urls(&remote));
            self.services.advertise();
        } else {
            self.take_rules(&info);
        }
    }

    #[cold]
    fn trace(&self, op: &PeerOp, bytes: &Bytes) {
        let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
        let interest = |verb: &str, op: &InterestOp| {
            let weight = if op.weight > 0 { op.weight.to_string() } else { String::new() };
            let parts = [text(op.origin), text(op.account), text(op.subject), text(op.queue), weight];
            let parts = parts.iter().filter(|part| !part.is_empty()).map(String::as_str);
            std::iter::once(verb).chain(parts).collect::<Vec<_>>().join(" ")
        };
        let line = match op {
            PeerOp::Interest(op) => interest(if op.origin.is_empty() { "RS+" } else { "LS+" }, op),
            PeerOp::NoInterest(op) => interest(if op.origin.is_empty() { "RS-" } else { "LS-" }, op),
            PeerOp::Ping => "PING".to_owned(),
            PeerOp::Pong => "PONG".to_owned(),
            _ => return,
        };
        tracing::trace!(conn = %self.sink.label(), "<<- [{line}]");
    }

    #[cold]
    fn trace_message(&self, message: &PeerMessage, bytes: &Bytes) {
        let text = |span: Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
        let mark = match (message.queues.is_empty(), message.reply.is_empty()) {
            (true, _) => "",
            (false, true) => "|",
            (false, false) => "+",
        };
        let verb = if message.has_headers { "HMSG" } else { "RMSG" };
        let parts = [
            verb.to_owned(),
            if self.link.names_account() { text(message.account) } else { String::new() },
            text(message.subject),
            mark.to_owned(),
            text(message.reply),
            text(message.queues),
            text(message.sizes),
        ];
        let line: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
        tracing::trace!(conn = %self.sink.label(), "<<- [{}]", line.join(" "));
        let style = PayloadTrace::new(&self.services.options());
        if let Some(line) = style.line(message.payload.of(bytes), message.header_len as usize) {
            tracing::trace!(conn = %self.sink.label(), "<<- {line}");
        }
    }
}

/// Divides a reply of a stored message from the subject that its receiver is to see.
fn split_ack(reply: &[u8]) -> (&[u8], Option<&[u8]>) {
    if !reply.starts_with(JETSTREAM_ACK) {
        return (reply, None);
    }
    let Some(start) = memchr::memchr_iter(b'.', reply).nth(ACK_DOTS - 1) else { return (reply, None) };
    match memchr::memchr(b'@', &reply[start..]) {
        Some(offset) => (&reply[..start + offset], Some(&reply[start + offset + 1..])),
        None => (reply, None),
    }
}

/// What the log says of a line whose arguments are wrong: nats-server names the reader it has for the verb.
fn bad_arguments(rest: &[u8]) -> String {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = &line[..line.len().min(MAX_SHOWN_LINE)];
    let shown = quote(line.strip_suffix(b"\r").unwrap_or(line));
    let (verb, arguments) = shown.trim_matches('"').split_once(' ').unwrap_or_default();
    match verb.to_ascii_uppercase().as_str() {
        "RS+" => format!("processRemoteSub Parse Error: 'R {arguments}'"),
        "LS+" => format!("processRemoteSub Parse Error: 'L {arguments}'"),
        "RS-" | "LS-" | "UNSUB" => format!("processRemoteUnsub parse error: '{arguments}'"),
        "HMSG" => format!("processRoutedHeaderMsgArgs Parse Error: '[{arguments}]'"),
        "PUB" => format!("processPub Bad or Missing Size: \"{arguments}\""),
        "LMSG" => format!("processRoutedOriginClusterMsgArgs Parse Error: '[{arguments}]'"),
        _ => format!("processRoutedMsgArgs Parse Error: '[{arguments}]'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_wrong_arguments_are_told_as_nats_server_does() {
        for (line, text) in [
            (&b"RS+ $G\r\nPING\r\n"[..], "processRemoteSub Parse Error: 'R $G'"),
            (b"LS+ $G a\r\n", "processRemoteSub Parse Error: 'L $G a'"),
            (b"RS- $G\r\n", "processRemoteUnsub parse error: '$G'"),
            (b"RMSG $G in\r\n", "processRoutedMsgArgs Parse Error: '[$G in]'"),
            (b"HMSG $G in 12\r\n", "processRoutedHeaderMsgArgs Parse Error: '[$G in 12]'"),
            (b"LMSG $G in 2\r\n", "processRoutedOriginClusterMsgArgs Parse Error: '[$G in 2]'"),
        ] {
            assert_eq!(bad_arguments(line), text);
        }
    }

    #[test]
    fn the_subject_behind_an_ack_reply_is_found() {
        let ack = b"$JS.ACK.S.C.1.2.3.4.5";
        assert_eq!(split_ack(b"$JS.ACK.S.C.1.2.3.4.5@orders.new"), (&ack[..], Some(&b"orders.new"[..])));
        assert_eq!(split_ack(ack), (&ack[..], None));
        assert_eq!(split_ack(b"_INBOX.a@b"), (&b"_INBOX.a@b"[..], None));
        assert_eq!(split_ack(b"$JS.ACK.a@b.c.1.2.3.4.5@x"), (&b"$JS.ACK.a@b.c.1.2.3.4.5"[..], Some(&b"x"[..])));
    }
}
