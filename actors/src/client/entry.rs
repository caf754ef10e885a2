//! From an accepted socket to a connection actor: PROXY header, INFO, TLS, in the order nats-server has them.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout_at;
use tracing::{debug, error, trace, warn};
use troupe_codecs::client::encoder;
use troupe_engine::auth::Presented;
use troupe_engine::options::{ConnectionType, HandshakeFirst};

use super::actor::Established;
use super::info::{ConnectionFacts, connection_info, info_line};
use super::registry::Place;
use super::{ClientActor, ClientEvent, ClientServices};
use crate::connection::{CloseReason, ClosedConnection, ConnectionStatus, TlsFacts, Traffic};
use crate::metrics::ConnectionKind;
use crate::net::tls::rate_limit::THROTTLED;
use crate::net::tls::{HandshakeError, TlsAcceptorHandle, TlsServer, TlsSession};
use crate::net::{
    AcceptedSocket, ConnectionFactory, FirstByte, PROXY_TIMEOUT, PlainSocket, RemoteAddress, Transport, first_byte,
    read_proxy_preamble,
};
use crate::router::local::SeatPlan;
use crate::router::{ArbiterLocal, arbiter_local};
use crate::supervisor::ArbiterSlot;

/// Time over which refused handshakes are counted before they are told.
const REFUSAL_REPORT: Duration = Duration::from_secs(1);

/// Spreads accepted sockets over the connection arbiters and starts an actor for each.
#[derive(Clone, Debug)]
pub struct ClientFactory {
    services: Arc<ClientServices>,
    arbiters: Arc<[ArbiterSlot]>,
    seats: SeatPlan,
    next: Arc<AtomicUsize>,
}

impl ClientFactory {
    /// A factory over `arbiters`, of which there is at least one, and whose publishers have the first of `seats`.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, arbiters: Arc<[ArbiterSlot]>, seats: SeatPlan) -> Self {
        Self { services, arbiters, seats, next: Arc::default() }
    }
}

impl ConnectionFactory for ClientFactory {
    fn accepted(&self, socket: AcceptedSocket) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.arbiters.len();
        let seat = self.seats.connection(number);
        let services = Arc::clone(&self.services);
        self.arbiters[number].handle().spawn_fn(move || {
            let local = arbiter_local(seat, &services.router, services.options().disable_sublist_cache);
            let remote = socket.remote();
            match socket.register() {
                Err(cause) => error!("cannot serve {remote}: {cause}"),
                Ok(socket) => Entrance::new(services, local, remote).open(socket),
            }
        });
    }
}

/// A connection on its way in.
struct Entrance {
    services: Arc<ClientServices>,
    local: Rc<ArbiterLocal>,
    cid: u64,
    accepted: Instant,
    start: SystemTime,
    tls: Option<TlsFacts>,
    remote: RemoteAddress,
    presented: Presented,
    first_bytes: BytesMut,
    place: Place,
}

/// Why a connection did not come in. It is logged already.
struct TurnedAway;

impl Entrance {
    fn new(services: Arc<ClientServices>, local: Rc<ArbiterLocal>, remote: RemoteAddress) -> Self {
        let mut presented = Presented::new(ConnectionType::Standard);
        if services.authenticator().current().nonce_required() {
            presented.nonce = troupe_engine::id::nonce();
        }
        let cid = services.next_cid();
        let place = services.registry.occupy();
        let (accepted, start) = (Instant::now(), SystemTime::now());
        let first_bytes = BytesMut::new();
        Self { services, local, cid, accepted, start, tls: None, remote, presented, first_bytes, place }
    }

    /// Starts the actor, at once where nothing has to be waited for.
    fn open(mut self, socket: PlainSocket) {
        debug!(conn = %self.label(), "Client connection created");
        let options = self.services.options();
        let tls = self.services.tls().filter(|_| !matches!(self.remote, RemoteAddress::Unix));
        if tls.is_none() && !options.listen.proxy_protocol {
            return self.start(Transport::from(socket), true);
        }
        actix::spawn(async move {
            let has_proxy = options.listen.proxy_protocol;
            if let Ok((transport, owes_info)) = self.negotiate(socket, tls, has_proxy).await {
                self.start(transport, owes_info);
            }
        });
    }

    fn start(self, transport: Transport, owes_info: bool) {
        let connection = Established {
            cid: self.cid,
            accepted: self.accepted,
            remote: self.remote,
            transport,
            first_bytes: self.first_bytes,
            presented: self.presented,
            owes_info,
            place: self.place,
            status: Arc::new(ConnectionStatus::new(self.accepted, self.start, self.tls)),
        };
        let group = self.services.group.clone();
        group.start(self.cid, |_| ClientActor::new(self.services, self.local, connection));
    }

    /// Does what comes before the protocol. Yields the transport, and whether INFO is still to be sent.
    async fn negotiate(
        &mut self,
        mut socket: PlainSocket,
        tls: Option<TlsAcceptorHandle>,
        has_proxy: bool,
    ) -> Result<(Transport, bool), TurnedAway> {
        let handshake_first = tls.as_ref().map_or(HandshakeFirst::No, |tls| tls.load().options().handshake_first);
        if handshake_first == HandshakeFirst::No {
            self.greet(&mut socket, has_proxy).await?;
        }
        if self.services.is_full(&self.place) {
            return Err(self.turn_away(&mut socket, "maximum connections exceeded", true).await);
        }
        let skips_info = match handshake_first {
            HandshakeFirst::No => false,
            HandshakeFirst::Yes => true,
            HandshakeFirst::After(delay) => {
                let is_silent = matches!(first_byte(&socket, delay).await, Ok(FirstByte::Nothing) | Err(_));
                if is_silent {
                    self.greet(&mut socket, has_proxy).await?;
                }
                !is_silent
            }
        };
        if has_proxy {
            self.read_proxy(&mut socket).await?;
        }
        let Some(tls) = tls else { return Ok((Transport::from(socket), false)) };
        if self.services.options().allow_non_tls {
            let limit = tls.load().options().timeout;
            if !matches!(first_byte(&socket, limit).await, Ok(FirstByte::Tls)) {
                return Ok((Transport::from(socket), false));
            }
        }
        let transport = self.shake_hands(socket, &tls, skips_info).await?;
        Ok((transport, skips_info))
    }

    /// Sends INFO in clear.
    async fn greet(&self, socket: &mut PlainSocket, has_proxy: bool) -> Result<(), TurnedAway> {
        let remote = (!has_proxy).then_some(self.remote);
        let facts = ConnectionFacts { cid: self.cid, remote, nonce: &self.presented.nonce };
        let line = info_line(&connection_info(&self.services, facts));
        socket.write_all(&line).await.map_err(|_| TurnedAway)
    }

    /// Sends `-ERR` in clear and closes: the server takes no more connections, for now. `is_told` puts a line into the log.
    async fn turn_away(&self, socket: &mut PlainSocket, text: &str, is_told: bool) -> TurnedAway {
        trace!(conn = %self.label(), "->> [-ERR {text}]");
        if is_told {
            error!(conn = %self.label(), "{text}");
        }
        let mut line = Vec::new();
        encoder::error(&mut line, text);
        socket.write_all(&line).await.ok();
        // Bytes left unread would have the system cut the connection before the client reads the line.
        socket.discard_arrived();
        self.end(CloseReason::MaxConnectionsExceeded)
    }

    /// Tells the log and the monitor why the connection did not come in.
    fn end(&self, reason: CloseReason) -> TurnedAway {
        debug!(conn = %self.label(), "Client connection closed: {}", reason.text());
        self.services.note_closed(ClosedConnection {
            cid: self.cid,
            kind: ConnectionKind::Client,
            remote: self.remote,
            status: Arc::new(ConnectionStatus::new(self.accepted, self.start, None)),
            traffic: Traffic::default(),
            pending: 0,
            stop: SystemTime::now(),
            reason,
            num_subscriptions: 0,
            subscriptions: Vec::new(),
        });
        TurnedAway
    }

    async fn read_proxy(&mut self, socket: &mut PlainSocket) -> Result<(), TurnedAway> {
        match read_proxy_preamble(socket, PROXY_TIMEOUT).await {
            Ok(preamble) => {
                self.remote = preamble.source.unwrap_or(self.remote);
                self.first_bytes.extend_from_slice(&preamble.leftover);
                Ok(())
            }
            Err(cause) => {
                let label = self.label();
                warn!(conn = %label, "Error reading PROXY protocol header from {}: {cause}", self.remote);
                Err(self.end(CloseReason::ProtocolViolation))
            }
        }
    }

    async fn shake_hands(
        &mut self,
        mut socket: PlainSocket,
        tls: &TlsAcceptorHandle,
        is_first: bool,
    ) -> Result<Transport, TurnedAway> {
        if !self.services.admits_handshake(Instant::now()) {
            report_refusals(&self.services);
            return Err(self.turn_away(&mut socket, THROTTLED, false).await);
        }
        debug!(conn = %self.label(), "Starting TLS client connection handshake");
        let server = tls.load();
        let deadline = Instant::now() + server.options().timeout;
        let timeout_text = socket.timeout_text();
        let accepted = match server.handshake(socket).await {
            Ok(accepted) => {
                let judged = timeout_at(deadline.into(), self.judge_certificates(&server, &accepted.session)).await;
                judged.unwrap_or(Err(HandshakeError::Timeout(timeout_text))).map(|()| accepted)
            }
            Err(cause) => Err(cause),
        };
        match accepted {
            Ok(accepted) => {
                let own = accepted.session.peer.first();
                self.presented.certificate = own.map(|certificate| Arc::new(certificate.names()));
                debug!(conn = %self.label(), "TLS handshake complete");
                let session = &accepted.session;
                debug!(conn = %self.label(), "TLS version {}, cipher suite {}", session.version, session.cipher_suite);
                self.tls = Some(TlsFacts { session: accepted.session, is_first });
                Ok(accepted.transport)
            }
            Err(cause) => {
                self.log_handshake_error(&cause);
                Err(self.end(CloseReason::TlsHandshakeFailure))
            }
        }
    }

    /// Has authorities asked about the client's certificates, where that is configured.
    async fn judge_certificates(&self, server: &TlsServer, session: &TlsSession) -> Result<(), HandshakeError> {
        let Some(check) = server.peer_check() else { return Ok(()) };
        // Where there is a check, there is a cache.
        let cache = self.services.ocsp_cache();
        let (Some(peer), Some(cache)) = (session.peer.first(), cache) else { return Err(HandshakeError::Revoked) };
        let news = check.judge(&session.peer, &cache).await;
        let events = &self.services.events;
        for (link, reason) in news.invalid {
            events.tell(|| ClientEvent::CertificateInvalid { peer: peer.clone(), link, reason });
        }
        if news.is_valid {
            return Ok(());
        }
        let reason = HandshakeError::Revoked.to_string();
        events.tell(|| ClientEvent::CertificateRefused { peer: peer.clone(), reason });
        Err(HandshakeError::Revoked)
    }

    fn log_handshake_error(&self, cause: &HandshakeError) {
        let label = self.label();
        if let Some(detail) = cause.detail() {
            debug!(conn = %label, "{detail}");
        }
        if cause.is_debug() {
            debug!(conn = %label, "TLS handshake error: {cause}");
        } else {
            error!(conn = %label, "TLS handshake error: {cause}");
        }
    }

    fn label(&self) -> String {
        format!("{} - cid:{}", self.remote, self.cid)
    }
}

/// Tells once per second how many handshakes were refused.
fn report_refusals(services: &Arc<ClientServices>) {
    if !services.claim_refusal_report() {
        return;
    }
    let services = Arc::clone(services);
    actix::spawn(async move {
        tokio::time::sleep(REFUSAL_REPORT).await;
        warn!("Rejected {} connections due to TLS rate limiting", services.finish_refusal_report());
    });
}
