//! Connections on their way into `/connz`: filtered and sorted as they are, shown once their page is known.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use troupe_codecs::report::connz::{ProxyInfo, TlsPeerCert};
use troupe_codecs::report::{ConnInfo, ConnSort, Timestamp, rtt_text, uptime_text};
use troupe_engine::options::GLOBAL_ACCOUNT;

use crate::client::registry::Entry;
use crate::connection::{ClosedConnection, ConnectionStatus, Profile, Traffic};
use crate::metrics::ConnectionKind;
use crate::net::RemoteAddress;

/// One connection.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// It is.
    Open(Entry),
    /// It was.
    Closed(Arc<ClosedConnection>),
}

impl Row {
    pub(super) fn cid(&self) -> u64 {
        match self {
            Self::Open(entry) => entry.sink.cid(),
            Self::Closed(closed) => closed.cid,
        }
    }

    /// What it is, in a word.
    pub(super) fn kind(&self) -> &'static str {
        kind_text(match self {
            Self::Open(_) => ConnectionKind::Client,
            Self::Closed(closed) => closed.kind,
        })
    }

    pub(super) fn status(&self) -> &ConnectionStatus {
        match self {
            Self::Open(entry) => &entry.status,
            Self::Closed(closed) => &closed.status,
        }
    }

    pub(super) fn remote(&self) -> RemoteAddress {
        match self {
            Self::Open(entry) => entry.sink.remote(),
            Self::Closed(closed) => closed.remote,
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        match self {
            Self::Open(entry) => entry.sink.traffic().read(),
            Self::Closed(closed) => closed.traffic,
        }
    }

    pub(super) fn pending(&self) -> u64 {
        match self {
            Self::Open(entry) => entry.sink.outbound().pending() as u64,
            Self::Closed(closed) => closed.pending as u64,
        }
    }

    pub(super) fn num_subscriptions(&self) -> u32 {
        match self {
            Self::Open(entry) => entry.sink.num_subscriptions(),
            Self::Closed(closed) => closed.num_subscriptions,
        }
    }

    pub(super) fn stop(&self) -> Option<SystemTime> {
        match self {
            Self::Open(_) => None,
            Self::Closed(closed) => Some(closed.stop),
        }
    }

    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Open(_) => "",
            Self::Closed(closed) => closed.reason.text(),
        }
    }

    pub(super) fn profile(&self) -> Option<Arc<Profile>> {
        self.status().profile()
    }

    /// Account it is, or was, bound to.
    pub(super) fn account(&self) -> Option<Arc<str>> {
        self.profile().and_then(|profile| profile.account.clone())
    }

    pub(super) fn is_of_account(&self, name: &str) -> bool {
        self.profile().is_some_and(|profile| profile.account.as_deref() == Some(name))
    }

    pub(super) fn is_of_user(&self, user: &str) -> bool {
        self.profile().is_some_and(|profile| profile.user.as_deref() == Some(user))
    }

    /// MQTT clients have ids of their own; there are none yet.
    pub(super) fn is_mqtt_client(&self, _id: &str) -> bool {
        false
    }

    /// Number the order goes by; texts have an order of their own.
    fn key(&self, order: ConnSort, now: SystemTime) -> u64 {
        let status = self.status();
        match order {
            ConnSort::Cid | ConnSort::Start | ConnSort::Reason => self.cid(),
            ConnSort::Subs => u64::from(self.num_subscriptions()),
            ConnSort::Pending => self.pending(),
            ConnSort::MsgsTo => self.traffic().out_msgs,
            ConnSort::MsgsFrom => self.traffic().in_msgs,
            ConnSort::BytesTo => self.traffic().out_bytes,
            ConnSort::BytesFrom => self.traffic().in_bytes,
            ConnSort::Last => nanoseconds(between(SystemTime::UNIX_EPOCH, status.last_activity())),
            ConnSort::Idle => nanoseconds(between(status.last_activity(), now)),
            ConnSort::Uptime => nanoseconds(between(status.start(), self.stop().unwrap_or(now))),
            ConnSort::Stop => nanoseconds(between(SystemTime::UNIX_EPOCH, self.stop().unwrap_or(now))),
            ConnSort::Rtt => nanoseconds(status.rtt()),
        }
    }

    /// What everybody may see of it.
    pub(super) fn info(&self, now: SystemTime) -> ConnInfo {
        let (status, traffic, remote) = (self.status(), self.traffic(), self.remote());
        let profile = self.profile().unwrap_or_default();
        let end = self.stop().unwrap_or(now);
        let tls = status.tls();
        let proxy = profile.proxy_key.as_ref().map(|key| ProxyInfo { key: key.to_string() });
        ConnInfo {
            cid: self.cid(),
            kind: self.kind(),
            protocol: "nats",
            ip: remote.ip().map(|ip| ip.to_string()).unwrap_or_default(),
            port: remote.port(),
            start: Timestamp(status.start()),
            last_activity: Timestamp(status.last_activity()),
            stop: self.stop().map(Timestamp),
            reason: self.reason(),
            rtt: rtt_text(status.rtt()),
            uptime: uptime_text(between(status.start(), end)),
            idle: uptime_text(between(status.last_activity(), end)),
            pending_bytes: self.pending(),
            in_msgs: traffic.in_msgs,
            out_msgs: traffic.out_msgs,
            in_bytes: traffic.in_bytes,
            out_bytes: traffic.out_bytes,
            stalls: status.stalls(),
            subscriptions: self.num_subscriptions(),
            name: profile.name.to_string(),
            lang: profile.lang.to_string(),
            version: profile.version.to_string(),
            tls_version: tls.map_or("", |tls| tls.session.version),
            tls_cipher_suite: tls.map_or("", |tls| tls.session.cipher_suite),
            tls_peer_certs: Vec::new(),
            tls_first: tls.is_some_and(|tls| tls.is_first),
            authorized_user: String::new(),
            account: String::new(),
            subscriptions_list: Vec::new(),
            subscriptions_list_detail: Vec::new(),
            jwt: String::new(),
            issuer_key: String::new(),
            name_tag: String::new(),
            tags: Vec::new(),
            mqtt_client: String::new(),
            proxy,
        }
    }

    /// Adds who it is.
    pub(super) fn add_identity(&self, info: &mut ConnInfo) {
        let Some(profile) = self.profile() else { return };
        info.authorized_user = profile.user.as_deref().unwrap_or_default().to_owned();
        if let Some(account) = &profile.account {
            let is_global = **account == *GLOBAL_ACCOUNT;
            if !is_global {
                info.account = account.to_string();
            }
            // nats-server forgets the global account of those that are gone.
            if !is_global || matches!(self, Self::Open(_)) {
                info.name_tag = profile.account_name().to_owned();
            }
        }
        info.issuer_key = profile.issuer_key.as_deref().unwrap_or_default().to_owned();
        if let Some(token) = &profile.token {
            info.tags.clone_from(&token.tags);
            if !token.is_bearer {
                info.jwt.clone_from(&token.text);
            }
        }
        let certificates = self.status().tls().map(|tls| tls.session.peer.as_slice()).unwrap_or_default();
        let shown = certificates.iter().map(|certificate| TlsPeerCert {
            subject: certificate.subject(),
            spki_sha256: certificate.spki_sha256(),
            cert_sha256: certificate.sha256(),
        });
        info.tls_peer_certs = shown.collect();
    }
}

fn kind_text(kind: ConnectionKind) -> &'static str {
    match kind {
        ConnectionKind::Client => "Client",
        ConnectionKind::Route => "Router",
        ConnectionKind::Gateway => "Gateway",
        ConnectionKind::Leaf => "Leafnode",
    }
}

/// Puts rows in order. Ties are in the order of connection ids.
pub(super) fn sort_rows(rows: &mut [Row], order: ConnSort, now: SystemTime) {
    match order {
        ConnSort::Cid | ConnSort::Start => rows.sort_by_key(Row::cid),
        ConnSort::Reason => rows.sort_by_key(|row| (row.reason(), row.cid())),
        ConnSort::Uptime => rows.sort_by_cached_key(|row| (row.key(order, now), row.cid())),
        _ => rows.sort_by_cached_key(|row| (Reverse(row.key(order, now)), row.cid())),
    }
}

pub(super) fn between(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
