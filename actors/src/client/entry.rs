//! From an accepted socket to a connection actor: PROXY header, INFO, TLS, in the order nats-server has them.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tracing::{debug, error, warn};
use troupe_codecs::client::encoder;
use troupe_engine::auth::Presented;
use troupe_engine::options::{ConnectionType, HandshakeFirst};

use super::actor::Established;
use super::info::{ConnectionFacts, connection_info, info_line};
use super::local::{ArbiterLocal, arbiter_local};
use super::{ClientActor, ClientServices};
use crate::auth::certificate_names;
use crate::connection::CloseReason;
use crate::net::tls::{HandshakeError, TlsAcceptorHandle};
use crate::net::{
    AcceptedSocket, ConnectionFactory, FirstByte, PROXY_TIMEOUT, PlainSocket, RemoteAddress, Transport, first_byte,
    read_proxy_preamble,
};
use crate::supervisor::ArbiterSlot;

/// Spreads accepted sockets over the connection arbiters and starts an actor for each.
#[derive(Clone, Debug)]
pub struct ClientFactory {
    services: Arc<ClientServices>,
    arbiters: Arc<[ArbiterSlot]>,
    next: Arc<AtomicUsize>,
}

impl ClientFactory {
    /// A factory over `arbiters`, of which there is at least one.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, arbiters: Arc<[ArbiterSlot]>) -> Self {
        Self { services, arbiters, next: Arc::default() }
    }
}

impl ConnectionFactory for ClientFactory {
    fn accepted(&self, socket: AcceptedSocket) {
        let num_arbiters = self.arbiters.len();
        let number = self.next.fetch_add(1, Ordering::Relaxed) % num_arbiters;
        let services = Arc::clone(&self.services);
        self.arbiters[number].handle().spawn_fn(move || {
            let local = arbiter_local(&services, number, num_arbiters);
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
    remote: RemoteAddress,
    presented: Presented,
    first_bytes: BytesMut,
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
        Self { services, local, cid, accepted: Instant::now(), remote, presented, first_bytes: BytesMut::new() }
    }

    /// Starts the actor, at once where nothing has to be waited for.
    fn open(mut self, socket: PlainSocket) {
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
        let skips_info = match handshake_first {
            HandshakeFirst::No => false,
            HandshakeFirst::Yes => true,
            HandshakeFirst::After(delay) => {
                !matches!(first_byte(&socket, delay).await, Ok(FirstByte::Nothing) | Err(_))
            }
        };
        if !skips_info {
            let facts = ConnectionFacts {
                cid: self.cid,
                remote: (!has_proxy).then_some(self.remote),
                nonce: &self.presented.nonce,
            };
            let line = info_line(&connection_info(&self.services, facts));
            socket.write_all(&line).await.map_err(|_| TurnedAway)?;
        }
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
        let transport = self.shake_hands(socket, &tls).await?;
        Ok((transport, skips_info))
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
                debug!(conn = %label, "Client connection closed: {}", CloseReason::ProtocolViolation.text());
                Err(TurnedAway)
            }
        }
    }

    async fn shake_hands(&mut self, mut socket: PlainSocket, tls: &TlsAcceptorHandle) -> Result<Transport, TurnedAway> {
        if !self.services.admits_handshake(Instant::now()) {
            let mut line = Vec::new();
            encoder::error(&mut line, "Connection throttling is active. Please try again later.");
            socket.write_all(&line).await.ok();
            return Err(TurnedAway);
        }
        debug!(conn = %self.label(), "Starting TLS client connection handshake");
        match tls.load().handshake(socket).await {
            Ok(accepted) => {
                let leaf = accepted.session.peer.first();
                let names = leaf.and_then(|leaf| certificate_names(leaf.der()).ok());
                self.presented.certificate = names.map(Arc::new);
                debug!(conn = %self.label(), "TLS handshake complete");
                let session = &accepted.session;
                debug!(conn = %self.label(), "TLS version {}, cipher suite {}", session.version, session.cipher_suite);
                Ok(accepted.transport)
            }
            Err(cause) => {
                self.log_handshake_error(&cause);
                Err(TurnedAway)
            }
        }
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
        debug!(conn = %label, "Client connection closed: {}", CloseReason::TlsHandshakeFailure.text());
    }

    fn label(&self) -> String {
        format!("{} - cid:{}", self.remote, self.cid)
    }
}
