//! From a socket to a started actor.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::AsyncWriteExt;
use tracing::{debug, error, info};
use troupe_codecs::client::encoder;
use troupe_engine::auth::CertificateNames;
use troupe_engine::options::RouteUrl;
use troupe_engine::route::{Added, Candidate, Registration};

use super::events::RouteEvent;
use super::handshake::{Agreed, Handshake, HandshakeEnd};
use super::info::{InfoFacts, PROTOCOL, info_line, is_alike, joined, own_info};
use super::peer::Established;
use super::pursuit::Pursuit;
use super::registry::{PeerEntry, RemoteRules};
use super::wire::Wire;
use super::{PeerActor, RouteServices};
use crate::connection::writer::WriteLimit;
use crate::connection::{CloseReason, ConnectionStatus, Outbound};
use crate::net::{AcceptedSocket, ConnectionFactory, PlainSocket, RemoteAddress, Transport, WriteHalf};
use crate::router::trace::start::ROUTER;
use crate::router::{ArbiterLocal, ClientSink, PeerLink, PeerScope, arbiter_local};

/// How much more than a client a server may have pending: the publishers of a whole server wait behind it.
const PENDING_FACTOR: usize = 4;
/// Time for the last words of a connection that is not opened.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Time the kernel has to deliver what a connection that ended has left. Where the network was cut, what is older than the next connection
/// would else arrive after what is newer.
const PARTING: Duration = Duration::from_secs(1);

/// A server to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub url: RouteUrl,
    /// It is configured.
    pub is_explicit: bool,
    /// How the news that led there may be passed on.
    pub gossip_mode: u8,
    /// The one account the connection is for.
    pub account: Option<String>,
    /// Connections in a row that came to nothing.
    pub failures: u32,
}

/// Spreads sockets over the connection arbiters and opens a route on each.
#[derive(Clone, Debug)]
pub struct RouteFactory {
    services: Arc<RouteServices>,
}

impl RouteFactory {
    /// A factory of routes.
    #[must_use]
    pub fn new(services: Arc<RouteServices>) -> Self {
        Self { services }
    }

    /// Opens a route over a socket this server connected to `target`.
    pub(super) fn solicited(&self, socket: AcceptedSocket, target: Target, pursuit: Arc<Pursuit>) {
        self.open(socket, Some((target, pursuit)));
    }

    fn open(&self, socket: AcceptedSocket, solicited: Option<(Target, Arc<Pursuit>)>) {
        let (target, pursuit) = solicited.unzip();
        let number = self.services.next_arbiter();
        let seat = self.services.parts.seats.connection(number);
        let services = Arc::clone(&self.services);
        self.services.parts.arbiters[number].handle().spawn_fn(move || {
            let options = services.options();
            let local = arbiter_local(seat, &services.parts.router, options.disable_sublist_cache);
            let owes_info = target.as_ref().is_some_and(|target| {
                let cluster = &options.cluster;
                cluster.compression.mode.needs_negotiation() || target.account.is_none() && cluster.pool_size >= 1
            });
            let remote = socket.remote();
            let rid = services.parts.advert.next_id();
            let (begun, start) = (Instant::now(), SystemTime::now());
            let (names, login) = (CertificateNames::default(), OnceCell::new());
            let handshake =
                Handshake { services, remote, rid, begun, start, target, _pursuit: pursuit, owes_info, names, login };
            match socket.register() {
                Err(cause) => {
                    let text = format!("cannot serve {remote}: {cause}");
                    give_up(&handshake, &HandshakeEnd::closed(CloseReason::ReadError, text), None);
                }
                Ok(socket) => _ = actix::spawn(open(handshake, local, socket)),
            }
        });
    }
}

impl ConnectionFactory for RouteFactory {
    fn accepted(&self, socket: AcceptedSocket) {
        if !self.services.is_closing() {
            self.open(socket, None);
        }
    }
}

async fn open(mut handshake: Handshake, local: std::rc::Rc<ArbiterLocal>, socket: PlainSocket) {
    let label = handshake.label();
    let transport = match secure(&mut handshake, socket).await {
        Ok(transport) => transport,
        Err(end) => return give_up(&handshake, &end, None),
    };
    info!(conn = %label, "Route connection created");
    let wire = Wire::new(transport, handshake.services.options().limits.max_payload);
    match handshake.run(wire).await {
        Ok(agreed) => join(handshake, local, agreed).await,
        Err((wire, end)) => {
            say_last_words(wire, &end).await;
            give_up(&handshake, &end, None);
        }
    }
}

/// Shakes hands where routes are under TLS.
async fn secure(handshake: &mut Handshake, socket: PlainSocket) -> Result<Transport, HandshakeEnd> {
    let Some(tls) = handshake.services.tls() else { return Ok(Transport::from(socket)) };
    let label = handshake.label();
    debug!(conn = %label, "Starting TLS route {} handshake", if handshake.target.is_some() { "client" } else { "server" });
    let result = match &handshake.target {
        None => tls.server.handshake(socket).await,
        Some(target) => tls.client.handshake(socket, &target.url.host).await,
    };
    match result {
        Ok(accepted) => {
            debug!(conn = %label, "TLS handshake complete");
            let session = &accepted.session;
            debug!(conn = %label, "TLS version {}, cipher suite {}", session.version, session.cipher_suite);
            handshake.names = session.peer.first().map(crate::net::tls::PeerCertificate::names).unwrap_or_default();
            Ok(accepted.transport)
        }
        Err(cause) => {
            if let Some(detail) = cause.detail() {
                debug!(conn = %label, "{detail}");
            }
            let text = format!("TLS route handshake error: {cause}");
            Err(HandshakeEnd::closed(CloseReason::TlsHandshakeFailure, text))
        }
    }
}

async fn say_last_words(mut wire: Wire, end: &HandshakeEnd) {
    let Some(text) = &end.told else { return };
    let mut line = Vec::new();
    encoder::error(&mut line, text);
    let saying = async {
        wire.send(&line).await.ok();
        wire.write.shutdown().await.ok();
    };
    tokio::time::timeout(LAST_WORDS, saying).await.ok();
}

/// Logs why a connection was not opened, and has it tried again where that makes sense.
fn give_up(handshake: &Handshake, end: &HandshakeEnd, remote: Option<&str>) {
    let label = handshake.label();
    if let Some(text) = &end.logged {
        error!(conn = %label, "{text}");
    }
    let remote = remote.map(|name| format!(" - Remote: {name}")).unwrap_or_default();
    info!(conn = %label, "Router connection closed: {}{remote}", end.reason.text());
    if let Some(target) = handshake.target.clone().filter(|_| end.may_reconnect && !handshake.services.is_closing()) {
        let target = Target { failures: target.failures.saturating_add(1), ..target };
        handshake.services.events.tell(RouteEvent::Dial { target, is_reconnect: true });
    }
}

fn sink(handshake: &Handshake, write: WriteHalf, num_publishers: usize, takes_headers: bool) -> Arc<ClientSink> {
    let options = handshake.services.options();
    let max_pending = options.limits.max_pending.saturating_mul(PENDING_FACTOR);
    let outbound = Outbound::new(write, max_pending).forgetting_after(PARTING);
    let sink = ClientSink::route(handshake.rid, handshake.remote, outbound, num_publishers);
    sink.set_takes_headers(takes_headers && !options.no_header_support);
    Arc::new(sink)
}

/// Gives the connection its place and starts its actor.
async fn join(handshake: Handshake, local: std::rc::Rc<ArbiterLocal>, agreed: Agreed) {
    let services = Arc::clone(&handshake.services);
    let Agreed { wire, mut info, compression, level, rtt, account } = agreed;
    let Wire { read, write, mut decoder, plain, packed, unpacker, .. } = wire;
    let sink = sink(&handshake, write, local.num_publishers, info.headers);
    let candidate = candidate(&handshake, &mut info, account.clone());
    let view = account.as_ref().and_then(|name| services.account_of(name));
    if account.is_some() && view.is_none() {
        let name = account.unwrap_or_default();
        let text = format!("Unable to lookup account {name:?}: account missing");
        return refuse(&handshake, &sink, &info.server_name, HandshakeEnd::told(text, CloseReason::MissingAccount))
            .await;
    }
    let status = Arc::new(ConnectionStatus::new(handshake.begun, handshake.start, None));
    status.set_rtt(rtt);
    let entry = PeerEntry {
        sink: Arc::clone(&sink),
        address: None,
        compression: compression.text(),
        status: Arc::clone(&status),
        rules: RemoteRules::of(&info),
    };
    let url = candidate.url.clone();
    let registration = services.with_registry(|registry| registry.register(candidate, entry));
    let added = match registration {
        Registration::Added(added) => added,
        Registration::Duplicate { may_reconnect } => {
            debug!(conn = %sink.label(), "Detected duplicate remote route {:?}", info.server_id);
            let end = HandshakeEnd::closed(CloseReason::DuplicateRoute, String::new());
            return refuse(&handshake, &sink, &info.server_name, HandshakeEnd { may_reconnect, ..end }).await;
        }
        Registration::Refused { text, may_reconnect } => {
            let end = HandshakeEnd::told(text, CloseReason::ProtocolViolation);
            return refuse(&handshake, &sink, &info.server_name, HandshakeEnd { may_reconnect, ..end }).await;
        }
    };
    if let Some(replaced) = added.replaced {
        debug!(conn = %sink.label(), "Detected duplicate remote route {:?}", info.server_id);
        services.end_replaced(replaced).await;
    }
    if handshake.owes_info {
        let gossip_mode = handshake.target.as_ref().map_or(0, |target| target.gossip_mode);
        let facts = InfoFacts {
            account: account.clone(),
            pool_idx: added.pool_idx,
            compression: Some(compression),
            gossip_mode,
        };
        sink.send(info_line(&own_info(&services, &facts)));
    }
    decoder.set_has_account(account.is_none());
    decoder.set_max_line(super::wire::MAX_LINE);
    pass_on(&services, &info, &added.gossip);
    let scope = scope(account.as_deref(), &added);
    let link =
        Arc::new(PeerLink::new(Arc::clone(&sink), scope).named(ROUTER, &info.server_name, info.proto >= PROTOCOL));
    let established = Established {
        sink,
        link,
        info,
        url,
        read,
        decoder,
        plain,
        packed,
        unpacker,
        compression,
        level,
        rtt,
        status,
        account: view,
        added,
        target: handshake.target,
        login: handshake.login.into_inner(),
        begun: handshake.begun,
    };
    let group = services.parts.group.clone();
    group.start(handshake.rid, |_| PeerActor::new(services, local, established));
}

/// What a connection carries.
fn scope(account: Option<&str>, added: &Added) -> PeerScope {
    match account {
        Some(account) => PeerScope::Account(account.into()),
        None if added.has_no_pool => PeerScope::All,
        None => PeerScope::Pool { index: added.pool_idx },
    }
}

async fn refuse(handshake: &Handshake, sink: &ClientSink, remote: &str, end: HandshakeEnd) {
    if let Some(text) = &end.told {
        let mut line = Vec::new();
        encoder::error(&mut line, text);
        sink.send(line);
    }
    sink.close_after_flush(end.reason);
    let limit = WriteLimit { deadline: LAST_WORDS, is_for_all: true };
    let flushing = crate::connection::writer::write_all(sink.outbound(), limit);
    tokio::time::timeout(LAST_WORDS, flushing).await.ok();
    give_up(handshake, &end, Some(remote));
}

/// What the table has to know; notes in `info` where the other server is reached.
fn candidate(handshake: &Handshake, info: &mut troupe_codecs::peer::RouteInfo, account: Option<String>) -> Candidate {
    if info.ip.is_empty() {
        let host = match handshake.remote {
            RemoteAddress::Ip(address) => address.ip().to_string(),
            RemoteAddress::Unix => info.host.clone(),
        };
        info.ip = format!("nats-route://{}/", joined(&host, info.port));
    }
    let told = || RouteUrl::parse(&format!("nats-route://{}/", joined(&info.host, info.port)));
    let target = handshake.target.as_ref();
    let url = target.map(|target| target.url.clone()).or_else(told).unwrap_or_else(|| RouteUrl {
        scheme: "nats-route".to_owned(),
        user: None,
        password: None,
        host: info.host.clone(),
        port: Some(info.port),
    });
    info.nonce.clear();
    info.route_account = account.clone().unwrap_or_default();
    Candidate {
        rid: handshake.rid,
        remote_id: info.server_id.clone(),
        remote_name: info.server_name.clone(),
        did_solicit: target.is_some(),
        is_explicit: target.is_some_and(|target| target.is_explicit),
        url,
        account,
        remote_pool_size: info.route_pool_size,
        remote_pool_idx: info.route_pool_idx,
        gossip_mode: target.map_or(0, |target| target.gossip_mode),
        info_gossip_mode: info.gossip_mode,
        connect_urls: info.connect_urls.clone(),
        // A server of another kind closes what is opened for a place that is taken, whoever opened it.
        prevails: target.is_none()
            && (!is_alike(&handshake.services, info) || info.server_id < handshake.services.parts.id),
    }
}

/// Tells other servers of the one behind a new connection.
fn pass_on(services: &RouteServices, info: &troupe_codecs::peer::RouteInfo, gossip: &[troupe_engine::route::GossipTo]) {
    for to in gossip {
        let told = troupe_codecs::peer::RouteInfo { gossip_mode: to.mode, ..info.clone() };
        let sink = services.with_registry(|registry| registry.get(to.rid).map(|entry| Arc::clone(&entry.sink)));
        if let Some(sink) = sink {
            sink.send(info_line(&told));
        }
    }
}
