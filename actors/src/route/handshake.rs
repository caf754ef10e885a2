//! What two servers say before a route carries anything: INFO and CONNECT, names, compression.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use troupe_codecs::peer::{RouteConnect, RouteInfo};
use troupe_codecs::quote::quote;
use troupe_engine::auth::CertificateNames;
use troupe_engine::route::compression::{of_rtt, select};
use troupe_engine::route::{ClusterName, CompressionMode};

use super::info::{InfoFacts, info_line, own_connect, own_info};
use super::login::Login;
use super::pursuit::Pursuit;
use super::wire::{Said, Wire, connect_line};
use super::{RouteServices, Target};
use crate::connection::CloseReason;
use crate::net::{CompressionLevel, RemoteAddress};

/// Why a connection was not opened.
#[derive(Clone, Debug)]
pub struct HandshakeEnd {
    /// Told to the other server in `-ERR`.
    pub told: Option<String>,
    /// An error line in the log.
    pub logged: Option<String>,
    /// Why it closed.
    pub reason: CloseReason,
    /// It may be opened again.
    pub may_reconnect: bool,
}

impl HandshakeEnd {
    /// Closed without a word; `detail` is for the log and may be empty.
    pub(super) fn closed(reason: CloseReason, detail: String) -> Self {
        Self { told: None, logged: Some(detail).filter(|text| !text.is_empty()), reason, may_reconnect: true }
    }

    /// Told why, and logged.
    pub(super) fn told(text: impl Into<String>, reason: CloseReason) -> Self {
        let text = text.into();
        Self { told: Some(text.clone()), logged: Some(text), reason, may_reconnect: true }
    }

    /// The other server does not want the connection.
    pub(super) fn refused_by_peer(text: String) -> Self {
        Self::closed(CloseReason::ParseError, format!("Route Error {text}"))
    }

    /// Nothing came for too long; before CONNECT where that is due.
    pub(super) fn timed_out(is_login: bool) -> Self {
        if is_login {
            return Self::told("Authentication Timeout", CloseReason::AuthenticationTimeout);
        }
        Self { logged: None, ..Self::told("Stale Connection", CloseReason::StaleConnection) }
    }

    /// Something else came where CONNECT had to.
    pub(super) fn unauthorized() -> Self {
        let logged = Some("authentication error".to_owned());
        let told = Some("Authorization Violation".to_owned());
        Self { told, logged, reason: CloseReason::AuthenticationFailure, may_reconnect: true }
    }

    /// The login is wrong.
    pub(super) fn unauthorized_as(user: &str) -> Self {
        Self { logged: Some(unauthorized_text(user)), ..Self::unauthorized() }
    }

    /// Bytes that are no lines of a server.
    pub(super) fn unreadable(bytes: &[u8]) -> Self {
        let shown = quote(&bytes[..bytes.len().min(32)]);
        let logged = Some(format!("Router parser ERROR, state=0, i=0: proto='{shown}...'"));
        let told = Some("Unknown Protocol Operation".to_owned());
        Self { told, logged, reason: CloseReason::ProtocolViolation, may_reconnect: true }
    }
}

/// What the log says of a wrong login.
pub(super) fn unauthorized_text(user: &str) -> String {
    if user.is_empty() { "authentication error".to_owned() } else { format!("authentication error - User {user:?}") }
}

/// A connection on which both sides have said who they are.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) wire: Wire,
    pub(super) info: RouteInfo,
    pub(super) compression: CompressionMode,
    pub(super) level: Option<CompressionLevel>,
    pub(super) rtt: Duration,
    /// The one account it is for.
    pub(super) account: Option<String>,
}

/// One connection while it is opened.
pub(super) struct Handshake {
    pub(super) services: Arc<RouteServices>,
    pub(super) remote: RemoteAddress,
    pub(super) rid: u64,
    pub(super) begun: Instant,
    /// The same on the clock.
    pub(super) start: SystemTime,
    /// Where to, for a connection this server opens.
    pub(super) target: Option<Target>,
    /// Keeps others from opening the same connection meanwhile.
    pub(super) _pursuit: Option<Arc<Pursuit>>,
    /// The first INFO waits for that of the other server, because it tells the place of the connection.
    pub(super) owes_info: bool,
    /// Names in the other server's certificate.
    pub(super) names: CertificateNames,
    /// Who the other server says it is, where it opened the connection.
    pub(super) login: OnceCell<Login>,
}

impl Handshake {
    /// Does everything before the connection takes its place. On failure the wire comes back, to be told why.
    pub(super) async fn run(&self, mut wire: Wire) -> Result<Agreed, (Wire, HandshakeEnd)> {
        let opened = match &self.target {
            None => self.accept(&mut wire).await,
            Some(target) => self.solicit(&mut wire, target).await,
        };
        let info = match opened {
            Ok(info) => info,
            Err(end) => return Err((wire, end)),
        };
        self.agree(wire, info).await
    }

    async fn accept(&self, wire: &mut Wire) -> Result<RouteInfo, HandshakeEnd> {
        wire.send(&info_line(&own_info(&self.services, &InfoFacts::default()))).await?;
        let patience = self.services.patience();
        let json = wire.connect(self.services.login_patience()).await?;
        let remote_id = self.judge_connect(&json).await?;
        let Said::Info(json) = wire.next(patience).await? else {
            return Err(HandshakeEnd::closed(CloseReason::ProtocolViolation, String::new()));
        };
        let info = parse_info(&json)?;
        self.judge_info(&info, remote_id.as_deref())?;
        if info.server_name == self.services.parts.name {
            let text = format!("Remote server has a duplicate name: {:?}", info.server_name);
            return Err(HandshakeEnd::closed(CloseReason::DuplicateServerName, text));
        }
        Ok(info)
    }

    async fn solicit(&self, wire: &mut Wire, target: &Target) -> Result<RouteInfo, HandshakeEnd> {
        wire.send(&connect_line(&own_connect(&self.services, &target.url))).await?;
        tracing::debug!(conn = %self.label(), "Route connect msg sent");
        if !self.owes_info {
            let facts = InfoFacts { account: target.account.clone(), ..InfoFacts::default() };
            wire.send(&info_line(&own_info(&self.services, &facts))).await?;
        }
        let Said::Info(json) = wire.next(self.services.patience()).await? else {
            return Err(HandshakeEnd::unauthorized());
        };
        let info = parse_info(&json)?;
        self.judge_info(&info, None)?;
        Ok(info)
    }

    /// Judges CONNECT. Yields the other server's id where it names one.
    async fn judge_connect(&self, json: &[u8]) -> Result<Option<String>, HandshakeEnd> {
        let connect = RouteConnect::parse(json)
            .map_err(|cause| HandshakeEnd::closed(CloseReason::ProtocolViolation, cause.to_string()))?;
        if !connect.lang.is_empty() {
            return Err(HandshakeEnd::told("attempted to connect to route port", CloseReason::WrongPort));
        }
        let options = self.services.options();
        let cluster = &options.cluster;
        let login = Login::new(&connect.user, &connect.pass, self.names.clone());
        let is_admitted = login.fits(cluster, self.services.comparer.turn()).await;
        self.login.set(login).ok();
        if !is_admitted {
            return Err(HandshakeEnd::unauthorized_as(&connect.user));
        }
        if !connect.gateway.is_empty() {
            let text = format!("Rejecting connection from gateway {:?} on the Route port", connect.gateway);
            return Err(HandshakeEnd::told(text, CloseReason::WrongGateway));
        }
        let other = ClusterName { name: connect.cluster, is_dynamic: connect.cluster_dynamic };
        if !self.services.meet_name(&other, &connect.name) {
            let own = self.services.cluster().name;
            let text = format!("Rejecting connection, cluster name {:?} does not match {own:?}", other.name);
            return Err(HandshakeEnd::told(text, CloseReason::ClusterNameConflict));
        }
        Ok(Some(connect.name).filter(|name| !name.is_empty()))
    }

    fn judge_info(&self, info: &RouteInfo, connected: Option<&str>) -> Result<(), HandshakeEnd> {
        if info.server_id == self.services.parts.id {
            let end = HandshakeEnd::closed(CloseReason::DuplicateRoute, String::new());
            return Err(HandshakeEnd { may_reconnect: false, ..end });
        }
        let other = ClusterName { name: info.cluster.clone(), is_dynamic: info.cluster_dynamic };
        let id = connected.unwrap_or(&info.server_id);
        if !other.name.is_empty() && !self.services.meet_name(&other, id) {
            return Err(HandshakeEnd::closed(CloseReason::ClusterNameConflict, String::new()));
        }
        Ok(())
    }

    /// Agrees on compression.
    async fn agree(&self, wire: Wire, info: RouteInfo) -> Result<Agreed, (Wire, HandshakeEnd)> {
        let options = self.services.options();
        let own = options.cluster.compression.mode;
        let rtt = self.begun.elapsed();
        let own_account = self.target.as_ref().map(|target| target.account.clone());
        let account = own_account.unwrap_or_else(|| Some(info.route_account.clone())).filter(|name| !name.is_empty());
        if !own.needs_negotiation() {
            let says_nothing = info.compression.is_empty() || own == CompressionMode::NotSupported;
            let compression = if says_nothing { CompressionMode::NotSupported } else { CompressionMode::Off };
            return Ok(Agreed { wire, info, compression, level: None, rtt, account });
        }
        let compression = match select(own, &info.compression) {
            Ok(CompressionMode::S2Auto) => of_rtt(rtt, &options.cluster.compression.rtt_thresholds),
            Ok(mode) => mode,
            Err(text) => return Err((wire, HandshakeEnd::told(text, CloseReason::ProtocolViolation))),
        };
        match compression.level() {
            None => Ok(Agreed { wire, info, compression, level: None, rtt, account }),
            Some(level) => {
                let (wire, level) = self.switch(wire, compression, level, account.clone()).await?;
                self.finish_switch(wire, compression, level, rtt, account).await
            }
        }
    }

    /// Tells the mode and compresses from there on: the server that opened the connection says it before, the other after.
    async fn switch(
        &self,
        mut wire: Wire,
        mode: CompressionMode,
        level: troupe_codecs::s2::S2Level,
        account: Option<String>,
    ) -> Result<(Wire, CompressionLevel), (Wire, HandshakeEnd)> {
        let facts = InfoFacts { account, compression: Some(mode), ..InfoFacts::default() };
        let line = info_line(&own_info(&self.services, &facts));
        if self.target.is_some()
            && let Err(end) = wire.send(&line).await
        {
            return Err((wire, end));
        }
        let (mut wire, level) = wire.compress(level);
        if self.target.is_none()
            && let Err(end) = wire.send(&line).await
        {
            return Err((wire, end));
        }
        Ok((wire, level))
    }

    async fn finish_switch(
        &self,
        mut wire: Wire,
        compression: CompressionMode,
        level: CompressionLevel,
        rtt: Duration,
        account: Option<String>,
    ) -> Result<Agreed, (Wire, HandshakeEnd)> {
        let said = wire.next(self.services.patience()).await;
        let info = said.and_then(|said| match said {
            Said::Info(json) => parse_info(&json),
            Said::Connect(_) => Err(HandshakeEnd::closed(CloseReason::ProtocolViolation, String::new())),
        });
        match info {
            Ok(info) => {
                let told = Some(info.route_account.clone()).filter(|name| !name.is_empty() && self.target.is_none());
                let account = told.or(account);
                Ok(Agreed { wire, info, compression, level: Some(level), rtt, account })
            }
            Err(end) => Err((wire, end)),
        }
    }

    pub(super) fn label(&self) -> String {
        format!("{} - rid:{}", self.remote, self.rid)
    }
}

fn parse_info(json: &[u8]) -> Result<RouteInfo, HandshakeEnd> {
    RouteInfo::parse(json).map_err(|cause| HandshakeEnd::closed(CloseReason::ProtocolViolation, cause.to_string()))
}
