//! Life of a connection to another server.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};
use bytes::BytesMut;
use tracing::{debug, error, info};
use troupe_codecs::client::encoder;
use troupe_codecs::peer::{RouteBatch, RouteDecoder, RouteInfo};
use troupe_codecs::s2::S2Decoder;
use troupe_engine::options::{Options, RouteUrl};
use troupe_engine::route::{Added, CompressionMode};

use super::events::RouteEvent;
use super::interest::RemoteInterest;
use super::login::Login;
use super::reader::{PeerReader, SpareOps};
use super::{RouteServices, Target};
use crate::connection::keepalive::PingDecision;
use crate::connection::writer::WriteLimit;
use crate::connection::{CloseReason, ConnectionStatus, Keepalive, reader};
use crate::net::{CompressionLevel, ReadHalf};
use crate::router::{AccountView, ArbiterLocal, Barrier, ClientSink, PeerLink};

/// Time to the first ping.
const FIRST_PING: Duration = Duration::from_secs(1);

/// A connection that has its place.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) sink: Arc<ClientSink>,
    pub(super) link: Arc<PeerLink>,
    pub(super) info: RouteInfo,
    pub(super) url: RouteUrl,
    pub(super) read: ReadHalf,
    pub(super) decoder: RouteDecoder,
    pub(super) plain: BytesMut,
    pub(super) packed: BytesMut,
    pub(super) unpacker: Option<S2Decoder>,
    pub(super) compression: CompressionMode,
    pub(super) level: Option<CompressionLevel>,
    pub(super) rtt: Duration,
    pub(super) status: Arc<ConnectionStatus>,
    pub(super) account: Option<Arc<AccountView>>,
    pub(super) added: Added,
    pub(super) target: Option<Target>,
    pub(super) login: Option<Login>,
    pub(super) begun: Instant,
}

/// A connection to another server. Fed by [`PeerReader`], answers through its sink.
pub struct PeerActor {
    pub(super) services: Arc<RouteServices>,
    pub(super) local: Rc<ArbiterLocal>,
    pub(super) sink: Arc<ClientSink>,
    pub(super) link: Arc<PeerLink>,
    /// Id of the other server.
    pub(super) remote_id: String,
    remote_name: String,
    url: RouteUrl,
    /// The one account it is for.
    pub(super) account: Option<Arc<AccountView>>,
    pub(super) interest: RemoteInterest,
    /// Accounts looked up so far.
    pub(super) accounts: HashMap<Box<[u8]>, Arc<AccountView>, ahash::RandomState>,
    pub(super) barrier: Arc<Barrier>,
    pub(super) suspended: Option<Box<(RouteBatch, usize)>>,
    pub(super) keepalive: Keepalive,
    pub(super) compression: CompressionMode,
    pub(super) level: Option<CompressionLevel>,
    /// What the monitor reads.
    pub(super) status: Arc<ConnectionStatus>,
    /// Options at the last look.
    pub(super) options: Arc<Options>,
    pub(super) added: Added,
    target: Option<Target>,
    /// The other server has answered a ping: the connection works.
    has_answered: bool,
    /// Who the other server says it is, where it opened the connection.
    pub(super) login: Option<Login>,
    /// The next connection of the pool waits for the first PONG.
    pub(super) owes_next: bool,
    incoming: Option<Box<PeerReader>>,
    pub(super) spare_ops: SpareOps,
    is_end_logged: Cell<bool>,
}

impl std::fmt::Debug for PeerActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerActor")
            .field("remote", &self.remote_name)
            .field("added", &self.added)
            .finish_non_exhaustive()
    }
}

impl PeerActor {
    /// The actor of a connection that has its place.
    pub(super) fn new(services: Arc<RouteServices>, local: Rc<ArbiterLocal>, established: Established) -> Self {
        let Established { sink, link, info, url, read, decoder, plain, packed, unpacker, level, rtt, .. } = established;
        let mut keepalive = Keepalive::new(&services.timing(), established.begun);
        keepalive.set_initial_rtt(rtt);
        let spare_ops = SpareOps::default();
        let reader = PeerReader {
            half: read,
            decoder,
            plain,
            packed,
            unpacker,
            spare_ops: Rc::clone(&spare_ops),
            sink: Arc::clone(&sink),
            is_exhausted: false,
        };
        Self {
            local,
            link,
            remote_id: info.server_id,
            remote_name: info.server_name,
            url,
            account: established.account,
            interest: RemoteInterest::new(Arc::clone(&sink)),
            accounts: HashMap::default(),
            barrier: Arc::default(),
            suspended: None,
            keepalive,
            compression: established.compression,
            level,
            status: established.status,
            options: services.options(),
            owes_next: established.added.wants_next,
            added: established.added,
            target: established.target,
            has_answered: false,
            login: established.login,
            incoming: Some(Box::new(reader)),
            spare_ops,
            is_end_logged: Cell::new(false),
            sink,
            services,
        }
    }

    /// Sends bytes outside of a batch.
    pub(super) fn send(&self, bytes: Vec<u8>) {
        self.sink.send(bytes);
    }

    /// Sends `-ERR`.
    pub(super) fn send_error(&self, text: &str) {
        tracing::trace!(conn = %self.sink.label(), "->> [-ERR {text}]");
        let mut bytes = Vec::new();
        encoder::error(&mut bytes, text);
        self.send(bytes);
    }

    /// Closes once everything before is written.
    pub(super) fn end(&self, reason: CloseReason) {
        self.sink.close_after_flush(reason);
        self.log_end();
    }

    fn log_end(&self) {
        let Some(reason) = self.sink.close_reason().filter(|_| !self.is_end_logged.replace(true)) else { return };
        info!(conn = %self.sink.label(), "Router connection closed: {} - Remote: {}", reason.text(), self.remote_name);
    }

    fn start_writer(&self) {
        let sink = Arc::clone(&self.sink);
        // The writer is patient as long as the other server takes anything, which is what nats-server does by default.
        let limit = WriteLimit::from(&self.services.timing());
        actix::spawn(async move { sink.write_all(limit).await });
    }

    /// Pings after `delay`, then again and again: a route is never taken for alive only because it is busy.
    fn schedule_ping(&self, delay: Duration, ctx: &mut Context<Self>) {
        ctx.run_later(delay, |actor, ctx| {
            debug!(conn = %actor.sink.label(), "Router Ping Timer");
            match actor.keepalive.tick_patiently(Instant::now()) {
                PingDecision::Stale => {
                    debug!(conn = %actor.sink.label(), "Stale Client Connection - Closing");
                    actor.send_error("Stale Connection");
                    return actor.end(CloseReason::StaleConnection);
                }
                PingDecision::Ping | PingDecision::Skip => actor.ping(),
            }
            actor.schedule_ping(actor.keepalive.interval(), ctx);
        });
    }

    fn ping(&self) {
        tracing::trace!(conn = %self.sink.label(), "->> [PING]");
        self.send(encoder::PING.to_vec());
    }

    /// A PONG came: the round trip time is known, and the next connection of the pool may be opened.
    pub(super) fn pong(&mut self) {
        self.keepalive.pong(Instant::now());
        self.has_answered = true;
        if let Some(rtt) = self.keepalive.rtt() {
            self.status.set_rtt(rtt);
        }
        self.adapt_compression();
        if !std::mem::take(&mut self.owes_next) {
            return;
        }
        if let Some(target) = self.target.clone() {
            let target = Target { failures: 0, ..target };
            self.services.events.tell(RouteEvent::Dial { target, is_reconnect: false });
        }
    }

    /// Undoes everything the connection did in the server. Runs however the actor ends, after a panic too.
    fn leave(&mut self) {
        // Whoever ends in order has a reason by now.
        self.sink.close(CloseReason::InternalError);
        self.log_end();
        self.services.count_end(self.sink.close_reason());
        self.services.parts.router.leave(Arc::clone(&self.link));
        self.interest.end_all();
        for changes in self.interest.take_changes() {
            changes.removed.iter().for_each(|subscription| _ = subscription.close());
            if !self.services.parts.router.send(changes) {
                error!(conn = %self.sink.label(), "the router takes no more changes");
            }
        }
        let removed = self.services.with_registry(|registry| registry.remove(self.sink.cid()));
        self.services.ended.notify_waiters();
        let Some(removed) = removed else { return };
        if removed.was_last {
            self.services.advertise();
        }
        if self.services.is_closing() || !removed.member.reconnects() || self.remote_id == self.services.parts.id {
            return;
        }
        let failures = self.target.as_ref().map_or(0, |target| target.failures);
        let target = Target {
            url: if removed.member.did_solicit { removed.member.url } else { self.url.clone() },
            is_explicit: removed.member.is_explicit,
            gossip_mode: 0,
            account: removed.member.account,
            failures: if self.has_answered { 0 } else { failures.saturating_add(1) },
        };
        debug!("Attempting reconnect for solicited route {:?}", target.url.to_string());
        if removed.was_last && removed.member.has_no_pool {
            // It may come back as one that knows pools, and then has connections for single accounts.
            let pinned = self.services.with_registry(|registry| registry.table.pinned().to_vec());
            for account in pinned {
                let target = Target { account: Some(account), ..target.clone() };
                self.services.events.tell(RouteEvent::Dial { target, is_reconnect: true });
            }
        }
        self.services.events.tell(RouteEvent::Dial { target, is_reconnect: true });
    }
}

impl Drop for PeerActor {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Actor for PeerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_writer();
        let rid = self.sink.cid();
        self.services.with_registry(|registry| registry.set_address(rid, ctx.address()));
        match &self.account {
            Some(account) => {
                let name = account.name();
                debug!(conn = %self.sink.label(), "Registering remote route {:?} for account {name:?}", self.remote_id);
            }
            None => debug!(conn = %self.sink.label(), "Registering remote route {:?}", self.remote_id),
        }
        self.link.set_announced(self.services.permissions());
        if !self.services.parts.router.join(Arc::clone(&self.link)) {
            error!(conn = %self.sink.label(), "the router takes no more changes");
            return self.end(CloseReason::InternalError);
        }
        if self.added.is_first {
            self.services.advertise();
        }
        if self.owes_next {
            self.ping();
        }
        if let Some(reader) = self.incoming.take() {
            ctx.add_stream(*reader);
        }
        self.schedule_ping(FIRST_PING, ctx);
    }
}

impl StreamHandler<io::Result<RouteBatch>> for PeerActor {
    fn handle(&mut self, item: io::Result<RouteBatch>, ctx: &mut Self::Context) {
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

    /// The other server sends no more: it is gone.
    fn finished(&mut self, ctx: &mut Self::Context) {
        self.sink.close(CloseReason::ClientClosed);
        ctx.stop();
    }
}
