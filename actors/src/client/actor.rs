//! Life of a client connection.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};
use bytes::BytesMut;
use tracing::{debug, error, info};
use troupe_codecs::client::{Batch, ClientDecoder, ConnectOptions, encoder};
use troupe_engine::auth::{ConnectionPermissions, Grant, Presented};

use super::info::{ConnectionFacts, connection_info, info_line};
use super::local::ArbiterLocal;
use super::registry::Entry;
use super::services::ClientServices;
use super::table::SubscriptionTable;
use crate::connection::keepalive::PingDecision;
use crate::connection::writer::{WriterEnd, write_all};
use crate::connection::{CloseReason, Keepalive, Outbound, OutboundBatch, Reader};
use crate::net::{ReadHalf, RemoteAddress, Transport};
use crate::router::{AccountView, Barrier, ChangeSet, ClientSink};

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
    pub(super) max_payload: usize,
    pub(super) max_subscriptions: usize,
    pub(super) has_ponged: bool,
    /// Version, language and name from CONNECT.
    pub(super) client_label: Option<Box<str>>,
    incoming: Option<Box<(ReadHalf, BytesMut)>>,
    owes_info: bool,
    is_registered: bool,
}

impl ClientActor {
    /// The actor of an established connection.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, local: Rc<ArbiterLocal>, connection: Established) -> Self {
        let options = services.options();
        let (read, write) = connection.transport.split();
        let outbound = Outbound::new(write, options.limits.max_pending);
        let sink = ClientSink::new(connection.cid, connection.remote, outbound, local.num_arbiters);
        sink.set_drops_when_slow(options.no_fast_producer_stall);
        Self {
            local,
            sink: Arc::new(sink),
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
            max_payload: options.limits.max_payload,
            max_subscriptions: options.limits.max_subscriptions,
            client_label: None,
            has_ponged: false,
            incoming: Some(Box::new((read, connection.first_bytes))),
            owes_info: connection.owes_info,
            is_registered: false,
            services,
        }
    }

    /// Sends bytes outside of a batch of operations.
    pub(super) fn send(&self, bytes: Vec<u8>) {
        self.sink.push(&mut OutboundBatch { chunks: Vec::new(), current: bytes });
    }

    /// Sends `-ERR`.
    pub(super) fn send_error(&self, text: &str) {
        tracing::trace!(conn = %self.sink.label(), "->> [-ERR {text}]");
        let mut bytes = Vec::with_capacity(text.len() + 10);
        encoder::error(&mut bytes, text);
        self.send(bytes);
    }

    /// Sends `-ERR` and closes once it is written.
    pub(super) fn fail(&self, text: &str, reason: CloseReason) {
        self.send_error(text);
        self.sink.close_after_flush(reason);
    }

    /// Sends INFO as it is now, with what this connection knows of itself.
    pub(super) fn send_info(&self) {
        self.send(self.info());
    }

    /// The INFO line of this connection.
    pub(super) fn info(&self) -> Vec<u8> {
        let facts =
            ConnectionFacts { cid: self.sink.cid(), remote: Some(self.sink.remote()), nonce: &self.presented.nonce };
        let mut info = connection_info(&self.services, facts);
        info.max_payload = self.max_payload;
        if self.has_ponged {
            info.connect_info = true;
            if let Some(account) = &self.account {
                info.remote_account = Some(account.name().to_string());
                info.acc_is_sys = self.services.options().system_account_name() == Some(&**account.name());
            }
        }
        info_line(&info)
    }

    /// Sends INFO again to clients that understand it.
    pub(super) fn push_info(&self) {
        if self.modes.protocol >= 1 && self.has_ponged {
            self.send_info();
        }
    }

    fn start_writer(&self) {
        let sink = Arc::clone(&self.sink);
        let deadline = self.services.options().timing.write_deadline;
        let guard = self.services.writer_guard();
        actix::spawn(async move {
            let _guard = guard;
            match write_all(sink.outbound(), deadline).await {
                WriterEnd::Done => {}
                WriterEnd::Failed(cause) => {
                    debug!(conn = %sink.label(), "Error flushing: {cause}");
                    sink.close(CloseReason::WriteError);
                }
                WriterEnd::Deadline { chunks, bytes } => {
                    info!(
                        conn = %sink.label(),
                        "Slow Consumer Detected: WriteDeadline of {deadline:?} exceeded with {chunks} chunks of {bytes} total bytes."
                    );
                    sink.close(CloseReason::SlowConsumerWriteDeadline);
                }
            }
        });
    }

    /// Pings after `delay`, then again and again.
    pub(super) fn schedule_ping(&self, delay: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(delay, |actor, ctx| match actor.keepalive.tick(Instant::now()) {
            PingDecision::Stale => {
                debug!(conn = %actor.sink.label(), "Stale Client Connection - Closing");
                actor.fail("Stale Connection", CloseReason::StaleConnection);
            }
            decision => {
                if decision == PingDecision::Ping {
                    tracing::trace!(conn = %actor.sink.label(), "->> [PING]");
                    actor.send(encoder::PING.to_vec());
                }
                actor.schedule_ping(actor.keepalive.interval(), ctx);
            }
        });
    }

    fn schedule_auth_timeout(&self, ctx: &mut Context<Self>) {
        let limit = auth_timeout(&self.services.options());
        ctx.run_later(limit, |actor, _| {
            if actor.account.is_none() {
                actor.fail("Authentication Timeout", CloseReason::AuthenticationTimeout);
            }
        });
    }

    /// Undoes everything the connection did in the server. Runs however the actor ends, after a panic too.
    fn leave(&mut self) {
        self.sink.close(CloseReason::ClientClosed);
        let reason = self.sink.close_reason().unwrap_or(CloseReason::ClientClosed);
        if reason == CloseReason::SlowConsumerPendingBytes {
            let limit = self.sink.outbound().max_pending();
            info!(conn = %self.sink.label(), "Slow Consumer Detected: MaxPending of {limit} Exceeded");
        }
        debug!(conn = %self.sink.label(), "Client connection closed: {}", reason.text());
        self.unbind();
        if self.is_registered {
            self.services.registry.remove(self.sink.cid());
        }
    }
}

/// Time a connection has for CONNECT.
fn auth_timeout(options: &troupe_engine::options::Options) -> Duration {
    let default = options.tls.as_ref().map_or(Duration::from_secs(2), |tls| tls.timeout + Duration::from_secs(1));
    options.auth.timeout.unwrap_or(default)
}

impl Drop for ClientActor {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Actor for ClientActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let options = self.services.options();
        debug!(conn = %self.sink.label(), "Client connection created");
        if let Some(incoming) = self.incoming.take() {
            let (half, first) = *incoming;
            let decoder = ClientDecoder::new(options.limits.max_control_line, options.limits.max_payload);
            ctx.add_stream(Reader::new(half, decoder, first, Rc::clone(&self.local.pool), Arc::clone(&self.sink)));
        }
        self.start_writer();
        if self.owes_info {
            self.send_info();
        }
        let entry = Entry { address: ctx.address(), sink: Arc::clone(&self.sink) };
        let count = self.services.registry.insert(entry);
        self.is_registered = true;
        if i64::try_from(count).unwrap_or(i64::MAX) > options.limits.max_connections {
            error!(conn = %self.sink.label(), "maximum connections exceeded");
            return self.fail("maximum connections exceeded", CloseReason::MaxConnectionsExceeded);
        }
        if self.services.authenticator().current().is_configured() {
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
            Err(cause) => {
                debug!(conn = %self.sink.label(), "read error: {cause}");
                self.sink.close(CloseReason::ReadError);
                ctx.stop();
            }
        }
    }
}
