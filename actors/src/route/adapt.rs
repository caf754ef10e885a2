//! What a running connection takes over: reloaded options, other rights of either side, the round trip time.

use std::sync::Arc;

use tracing::error;
use troupe_codecs::peer::{RouteInfo, SubjectLists};
use troupe_engine::auth::CompiledPermissions;
use troupe_engine::options::{Options, Permissions, SubjectPermission};
use troupe_engine::route::CompressionMode;
use troupe_engine::route::compression::of_rtt;

use super::PeerActor;
use super::handshake::unauthorized_text;
use super::info::{InfoFacts, info_line, own_info};
use super::login::Login;
use super::registry::RemoteRules;
use crate::connection::CloseReason;
use crate::router::Announcement;

/// Whether the login of another server fits reloaded options.
pub(super) struct Judgement {
    old: Arc<Options>,
    fits: bool,
}

impl PeerActor {
    /// Sends INFO as it is now.
    pub(super) fn push_info(&self) {
        let account = self.account.as_ref().map(|account| account.name().to_string());
        let facts = InfoFacts { account, pool_idx: self.added.pool_idx, ..InfoFacts::default() };
        let mut info = own_info(&self.services, &facts);
        info.nonce.clear();
        self.send(info_line(&info));
    }

    /// Takes over reloaded options. Where the other server's login may not fit any more it is judged first, by what is
    /// returned; [`Self::judged`] goes on.
    pub(super) fn reload(&mut self) -> Option<impl Future<Output = Judgement> + use<>> {
        let options = self.services.options();
        let old = std::mem::replace(&mut self.options, Arc::clone(&options));
        let (was, is) = (&old.cluster, &options.cluster);
        let is_same = was.username == is.username && was.password == is.password;
        let judged = self.login.clone().filter(|_| !is_same && !self.is_solicited());
        let Some(login) = judged else {
            self.take_over(&old);
            return None;
        };
        let comparer = self.services.comparer.clone();
        Some(async move {
            let fits = login.fits(&options.cluster, comparer.patient_turn()).await;
            Judgement { old, fits }
        })
    }

    /// The other server's login was compared with that of reloaded options.
    pub(super) fn judged(&mut self, judgement: &Judgement) {
        if judgement.fits {
            return self.take_over(&judgement.old);
        }
        error!(conn = %self.sink.label(), "{}", unauthorized_text(self.login.as_ref().map_or("", Login::user)));
        self.send_error("Authorization Violation");
        self.end(CloseReason::AuthenticationFailure);
    }

    fn take_over(&mut self, old: &Options) {
        let options = Arc::clone(&self.options);
        self.keepalive.set_timing(&self.services.timing());
        if old.cluster.permissions != options.cluster.permissions {
            self.change_rights();
        }
        if old.cluster.compression != options.cluster.compression {
            self.change_compression(options.cluster.compression.mode);
        }
    }

    /// Whether this server leads to the other one, which has nothing to show then.
    fn is_solicited(&self) -> bool {
        let rid = self.sink.cid();
        self.services.with_registry(|registry| registry.table.get(rid).is_some_and(|own| own.did_solicit))
    }

    fn change_rights(&mut self) {
        let now = self.services.permissions();
        self.announce(self.link.announced(), now.clone(), true);
        if let Some(now) = now {
            self.interest.retain(|subject| now.allows_subscribe(subject, None));
            self.send_changes();
        }
        self.push_info();
    }

    fn announce(&self, before: Option<Arc<CompiledPermissions>>, now: Option<Arc<CompiledPermissions>>, is_own: bool) {
        let link = Arc::clone(&self.link);
        if !self.services.parts.router.announce(Announcement { link, before, now, is_own }) {
            error!(conn = %self.sink.label(), "the router takes no more changes");
        }
    }

    /// The other server tells of its rights: interest it takes now, and did not before, is told again.
    pub(super) fn take_rules(&self, info: &RouteInfo) {
        let rules = RemoteRules::of(info);
        let rid = self.sink.cid();
        let before = self.services.with_registry(|registry| {
            let before = registry.get(rid).map(|entry| entry.rules.clone())?;
            registry.update(rid, |entry| entry.rules = rules.clone());
            Some(before)
        });
        if let Some(before) = before.filter(|before| before.export != rules.export) {
            self.announce(taken(before.export), taken(rules.export), false);
        }
    }

    /// Takes an account off this connection, and asks the other server to do so where it has to be told here.
    pub(super) fn release(&mut self, account: &str, request: Option<&str>) {
        self.interest.end_account(account.as_bytes());
        self.send_changes();
        if let Some(request) = request {
            let size = self.services.options().cluster.pool_size.max(0);
            let info = RouteInfo {
                route_pool_size: size,
                route_account: account.to_owned(),
                route_acc_add_reqid: request.to_owned(),
                ..RouteInfo::default()
            };
            self.send(info_line(&info));
        }
    }

    /// A mode that has to be agreed on again takes a new connection; another level is used from now on.
    fn change_compression(&mut self, mode: CompressionMode) {
        if self.compression == CompressionMode::NotSupported || self.compression == mode {
            return;
        }
        if self.compression == CompressionMode::Off || mode.level().is_none() {
            return self.end(CloseReason::ClientClosed);
        }
        if mode == CompressionMode::S2Auto { self.adapt_compression() } else { self.set_compression(mode) }
    }

    /// Follows the round trip time, where that decides.
    pub(super) fn adapt_compression(&mut self) {
        let compression = &self.options.cluster.compression;
        if compression.mode != CompressionMode::S2Auto {
            return;
        }
        if let Some(rtt) = self.keepalive.rtt() {
            self.set_compression(of_rtt(rtt, &compression.rtt_thresholds));
        }
    }

    fn set_compression(&mut self, mode: CompressionMode) {
        let (Some(level), Some(chosen)) = (&self.level, mode.level()) else { return };
        if self.compression == mode {
            return;
        }
        level.set(chosen);
        self.compression = mode;
        let rid = self.sink.cid();
        self.services.with_registry(|registry| registry.update(rid, |entry| entry.compression = mode.text()));
    }
}

/// What the other server takes interest in, as rights to publish; everything where it says nothing.
fn taken(export: Option<SubjectLists>) -> Option<Arc<CompiledPermissions>> {
    let SubjectLists { allow, deny } = export?;
    let publish = Some(SubjectPermission { allow: Some(allow).filter(|allow| !allow.is_empty()), deny });
    Some(Arc::new(CompiledPermissions::compile(&Permissions { publish, ..Permissions::default() })))
}
