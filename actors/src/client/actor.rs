//! Life of a client connection.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix::{Actor, ActorContext, AsyncContext, Context, SpawnHandle, StreamHandler};
use bytes::BytesMut;
use tracing::{debug, error, info};
use troupe_codecs::client::{Batch, ClientDecoder, ConnectOptions, encoder};
use troupe_engine::auth::{ConnectionPermissions, Grant, Presented};
use troupe_engine::index::SubscriptionFacts;

use super::info::{ConnectionFacts, InfoOccasion, connection_info, info_line};
use super::registry::{Entry, Place};
use super::services::ClientServices;
use super::table::SubscriptionTable;
use super::usage::{Budgets, UserSeat};
use crate::connection::closed::MAX_SUBSCRIPTIONS;
use crate::connection::keepalive::PingDecision;
use crate::connection::writer::WriteLimit;
use crate::connection::{
    CloseReason, ClosedConnection, ClosedSubscription, ConnectionStatus, Keepalive, Outbound, ReadControl, ReadLimits,
    Reader, SharedReadLimits, reader,
};
use crate::metrics::ConnectionKind;
use crate::net::{ReadHalf, RemoteAddress, Transport};
use crate::router::{AccountView, ArbiterLocal, Barrier, ChangeSet, ClientSink, Subscription};

/// A connection whose transport is ready.
#[derive(Debug)]
pub struct Established {
    /// Connection id.
    pub cid: u64,
    /// When it was accepted.
    pub accepted: Instant,
    /// Address of the client.
    pub remote: RemoteAddress,
    /// Where its bytes go.
    pub transport: Transport,
    /// Bytes that were read already.
    pub first_bytes: BytesMut,
    /// What the connection showed so far, the nonce of its INFO included.
    pub presented: Presented,
    /// INFO still has to be sent.
    pub owes_info: bool,
    /// Its place among all connections.
    pub place: Place,
    /// What the monitor reads of it.
    pub status: Arc<ConnectionStatus>,
}

/// Settings of CONNECT that operations look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) verbose: bool,
    pub(super) pedantic: bool,
    pub(super) echo: bool,
    pub(super) headers: bool,
    pub(super) no_responders: bool,
    pub(super) protocol: i64,
}

impl Modes {
    pub(super) fn new(options: &ConnectOptions, server_takes_headers: bool) -> Self {
        Self {
            verbose: options.verbose,
            pedantic: options.pedantic,
            echo: options.echo,
            headers: options.headers && server_takes_headers,
            no_responders: options.no_responders,
            protocol: options.protocol,
        }
    }
}

/// A client connection. Fed by [`Reader`], answers through its [`ClientSink`].
#[derive(Debug)]
pub struct ClientActor {
    pub(super) services: Arc<ClientServices>,
    pub(super) local: Rc<ArbiterLocal>,
    pub(super) sink: Arc<ClientSink>,
    pub(super) status: Arc<ConnectionStatus>,
    pub(super) modes: Modes,
    /// The account it is bound to; `None` until it may enter.
    pub(super) account: Option<Arc<AccountView>>,
    pub(super) grant: Option<Box<Grant>>,
    pub(super) presented: Box<Presented>,
    pub(super) permissions: Option<Box<ConnectionPermissions>>,
    pub(super) subscriptions: SubscriptionTable,
    pub(super) changes: Option<Box<ChangeSet>>,
    pub(super) barrier: Arc<Barrier>,
    /// Rest of a batch, while the connection waits.
    pub(super) suspended: Option<Box<(Batch, usize)>>,
    pub(super) keepalive: Keepalive,
    pub(super) accepted: Instant,
    /// Limits of the reader; tighter ones of the account come with CONNECT.
    pub(super) read_limits: SharedReadLimits,
    pub(super) max_subscriptions: usize,
    /// Its place among the connections of its user, where those are limited together.
    pub(super) seat: Option<UserSeat>,
    /// What it publishes from, where its rate is limited.
    pub(super) budgets: Option<Box<Budgets>>,
    pub(super) has_ponged: bool,
    /// Version, language and name from CONNECT.
    pub(super) client_label: Option<Box<str>>,
    incoming: Option<Box<(ReadHalf, BytesMut)>>,
    owes_info: bool,
    is_registered: bool,
    place: Place,
    /// Options of the last CONNECT, which the next one changes.
    pub(super) connect_options: Option<Box<ConnectOptions>>,
    ping_timer: SpawnHandle,
    pub(super) has_connected: bool,
    /// When it must leave, where that is not scheduled yet.
    pub(super) owes_expiry: Option<SystemTime>,
    /// CONNECT was accepted and its first ping is not scheduled yet.
    pub(super) owes_first_ping: bool,
    /// The line that tells the end is written.
    is_end_logged: Cell<bool>,
}

impl ClientActor {
    /// The actor of an established connection.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, local: Rc<ArbiterLocal>, connection: Established) -> Self {
        let options = services.options();
        let (read, write) = connection.transport.split();
        let outbound = Outbound::new(write, options.limits.max_pending);
        let sink = ClientSink::new(connection.cid, connection.remote, outbound, local.num_publishers);
        sink.set_drops_when_slow(options.no_fast_producer_stall);
        sink.set_status(Arc::clone(&connection.status));
        Self {
            local,
            sink: Arc::new(sink),
            status: connection.status,
            modes: Modes::new(&ConnectOptions::default(), false),
            account: None,
            grant: None,
            presented: Box::new(connection.presented),
            permissions: None,
            subscriptions: SubscriptionTable::default(),
            changes: None,
            barrier: Arc::default(),
            suspended: None,
            keepalive: Keepalive::new(&options.timing, connection.accepted),
            accepted: connection.accepted,
            read_limits: ReadControl::new(ReadLimits {
                max_control_line: options.limits.max_control_line,
                max_payload: options.limits.max_payload,
                is_scattered: false,
            }),
            max_subscriptions: options.limits.max_subscriptions,
            seat: None,
            budgets: None,
            client_label: None,
            has_ponged: false,
            incoming: Some(Box::new((read, connection.first_bytes))),
            owes_info: connection.owes_info,
            is_registered: false,
            place: connection.place,
            connect_options: None,
            ping_timer: SpawnHandle::default(),
            has_connected: false,
            owes_expiry: None,
            owes_first_ping: false,
            is_end_logged: Cell::new(false),
            services,
        }
    }

    /// Largest message the connection may send, in bytes.
    #[inline]
    pub(super) fn max_payload(&self) -> usize {
        self.read_limits.get().max_payload
    }

    /// Sends bytes outside of a batch of operations.
    pub(super) fn send(&self, bytes: Vec<u8>) {
        self.sink.send(bytes);
    }

    /// Sends `-ERR`.
    pub(super) fn send_error(&self, text: &str) {
        tracing::trace!(conn = %self.sink.label(), "->> [-ERR {text}]");
        self.send_untraced_error(text);
    }

    fn send_untraced_error(&self, text: &str) {
        let mut bytes = Vec::with_capacity(text.len() + 10);
        encoder::error(&mut bytes, text);
        self.send(bytes);
    }

    /// Sends `-ERR` and closes once it is written.
    pub(super) fn fail(&self, text: &str, reason: CloseReason) {
        self.send_error(text);
        self.end(reason);
    }

    /// Closes once everything before is written.
    pub(super) fn end(&self, reason: CloseReason) {
        self.sink.close_after_flush(reason);
        self.log_end();
    }

    fn log_end(&self) {
        let Some(reason) = self.sink.close_reason().filter(|_| !self.is_end_logged.replace(true)) else { return };
        if reason == CloseReason::SlowConsumerPendingBytes {
            let limit = self.sink.outbound().max_pending();
            info!(conn = %self.sink.label(), "Slow Consumer Detected: MaxPending of {limit} Exceeded");
        }
        debug!(conn = %self.sink.label(), "Client connection closed: {}", reason.text());
    }

    /// Sends INFO as it is now, with what this connection knows of itself.
    pub(super) fn send_info(&self, occasion: InfoOccasion) {
        self.send(self.info(occasion));
    }

    /// The INFO line of this connection.
    pub(super) fn info(&self, occasion: InfoOccasion) -> Vec<u8> {
        let is_greeting = occasion == InfoOccasion::Greeting;
        let nonce = if is_greeting { &*self.presented.nonce } else { "" };
        let facts = ConnectionFacts { cid: self.sink.cid(), remote: Some(self.sink.remote()), nonce };
        let mut info = connection_info(&self.services, facts);
        info.max_payload = self.max_payload();
        if !is_greeting {
            // Only the first INFO leaves out that credentials are taken where none are needed.
            info.auth_required = self.services.authenticator().current().is_configured();
        }
        info.ldm |= occasion == InfoOccasion::LameDuck;
        if let Some(account) = self.account.as_ref().filter(|_| occasion == InfoOccasion::Accepted) {
            info.connect_info = true;
            info.remote_account = Some(account.name().to_string());
            info.acc_is_sys = self.services.options().system_account_name() == Some(&**account.name());
        }
        info_line(&info)
    }

    /// Sends INFO again to clients that understand it.
    pub(super) fn push_info(&self) {
        if self.modes.protocol >= 1 && self.has_ponged {
            self.send_info(InfoOccasion::Changed);
        }
    }

    fn start_writer(&self) {
        let sink = Arc::clone(&self.sink);
        let limit = WriteLimit::from(&self.services.options().timing);
        let guard = self.services.writer_guard();
        actix::spawn(async move {
            let _guard = guard;
            sink.write_all(limit).await;
        });
    }

    /// Pings after `delay`, then again and again.
    pub(super) fn schedule_ping(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.ping_timer);
        self.ping_timer = ctx.run_later(delay, |actor, ctx| {
            debug!(conn = %actor.sink.label(), "Client Ping Timer");
            match actor.keepalive.tick(Instant::now()) {
                PingDecision::Stale => {
                    debug!(conn = %actor.sink.label(), "Stale Client Connection - Closing");
                    actor.send_untraced_error("Stale Connection");
                    return actor.end(CloseReason::StaleConnection);
                }
                PingDecision::Ping => {
                    tracing::trace!(conn = %actor.sink.label(), "->> [PING]");
                    actor.send(encoder::PING.to_vec());
                }
                PingDecision::Skip => {}
            }
            actor.schedule_ping(actor.keepalive.interval(), ctx);
        });
    }

    /// Pings soon after CONNECT, so that the round trip time is known.
    pub(super) fn schedule_first_ping(&mut self, ctx: &mut Context<Self>) {
        self.schedule_expiry(ctx);
        if std::mem::take(&mut self.owes_first_ping) {
            let is_short_disabled = self.services.options().timing.disable_short_first_ping;
            self.schedule_ping(self.keepalive.first_delay(is_short_disabled), ctx);
        }
    }

    /// Closes the connection when its right to be there ends.
    pub(super) fn schedule_expiry(&mut self, ctx: &mut Context<Self>) {
        let Some(end) = self.owes_expiry.take() else { return };
        let delay = end.duration_since(SystemTime::now()).unwrap_or_default();
        ctx.run_later(delay, move |actor, _| {
            // A later CONNECT may have shown a token that lasts longer.
            let Some(grant) = &actor.grant else { return };
            if grant.expires.is_some_and(|current| current <= end) && actor.sink.close_reason().is_none() {
                let who = if grant.ends_with_account { "Account" } else { "User" };
                let text = format!("{who} Authentication Expired");
                debug!(conn = %actor.sink.label(), "{text}");
                actor.fail(&text, CloseReason::AuthenticationExpired);
            }
        });
    }

    fn schedule_auth_timeout(&self, ctx: &mut Context<Self>) {
        let limit = auth_timeout(&self.services.options());
        ctx.run_later(limit, |actor, _| {
            if actor.account.is_none() && actor.sink.close_reason().is_none() {
                actor.time_out_login();
            }
        });
    }

    /// Undoes everything the connection did in the server. Runs however the actor ends, after a panic too.
    fn leave(&mut self) {
        // Whoever ends in order has a reason by now.
        self.sink.close(CloseReason::InternalError);
        self.log_end();
        let closed = self.closed();
        self.tell_gone(&closed);
        self.unbind();
        if self.is_registered {
            self.services.registry.remove(self.sink.cid());
        }
        self.services.note_closed(closed);
    }

    /// What is remembered of the connection.
    fn closed(&self) -> ClosedConnection {
        ClosedConnection {
            cid: self.sink.cid(),
            kind: ConnectionKind::Client,
            remote: self.sink.remote(),
            status: Arc::clone(&self.status),
            traffic: self.sink.traffic().read(),
            pending: self.sink.outbound().pending(),
            stop: SystemTime::now(),
            reason: self.sink.close_reason().unwrap_or(CloseReason::InternalError),
            num_subscriptions: self.sink.num_subscriptions(),
            subscriptions: self.subscriptions.iter().take(MAX_SUBSCRIPTIONS).map(|open| remembered(open)).collect(),
        }
    }
}

/// Time a connection has for CONNECT, and again for its turn to have a password compared.
pub(super) fn auth_timeout(options: &troupe_engine::options::Options) -> Duration {
    let default = options.tls.as_ref().map_or(Duration::from_secs(2), |tls| tls.timeout + Duration::from_secs(1));
    options.auth.timeout.unwrap_or(default)
}

fn remembered(subscription: &Subscription) -> ClosedSubscription {
    ClosedSubscription {
        subject: subscription.subject().into(),
        queue: subscription.queue().unwrap_or_default().into(),
        sid: subscription.sid().into(),
        delivered: subscription.delivered(),
        max: subscription.max(),
    }
}

impl Drop for ClientActor {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Actor for ClientActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let authenticator = self.services.authenticator().current();
        if let Some(incoming) = self.incoming.take() {
            let (half, first) = *incoming;
            let mut decoder = ClientDecoder::default();
            if !authenticator.may_admit_implicit() {
                decoder.expect_connect();
            }
            let (limits, pool) = (Rc::clone(&self.read_limits), Rc::clone(&self.local.pool));
            ctx.add_stream(Reader::new(half, decoder, limits, first, pool, Arc::clone(&self.sink)));
        }
        self.start_writer();
        if self.owes_info {
            self.send_info(InfoOccasion::Greeting);
        }
        let (sink, status) = (Arc::clone(&self.sink), Arc::clone(&self.status));
        let entry = Entry { address: ctx.address(), sink, status };
        self.services.registry.insert(entry);
        self.is_registered = true;
        if self.services.is_full(&self.place) {
            self.send_error("maximum connections exceeded");
            error!(conn = %self.sink.label(), "maximum connections exceeded");
            return self.end(CloseReason::MaxConnectionsExceeded);
        }
        if authenticator.is_configured() {
            self.schedule_auth_timeout(ctx);
        } else {
            self.enter_without_credentials();
        }
        self.schedule_ping(self.keepalive.interval(), ctx);
    }
}

impl StreamHandler<io::Result<Batch>> for ClientActor {
    fn handle(&mut self, item: io::Result<Batch>, ctx: &mut Self::Context) {
        match item {
            Ok(batch) => self.process(batch, 0, ctx),
            Err(cause) if reader::is_end(&cause) => self.finished(ctx),
            Err(cause) => {
                reader::log_error(&self.sink.label(), &cause);
                self.sink.close(CloseReason::ReadError);
                ctx.stop();
            }
        }
    }

    /// The client sends no more. What it asked for before is still written: it may have closed its sending side only.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.sink.close_after_flush(CloseReason::ClientClosed);
        ctx.stop();
    }
}
