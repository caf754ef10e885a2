//! What the monitor reads of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use troupe_engine::auth::TokenFacts;

use super::counters::Traffic;
use crate::net::tls::TlsSession;

/// Facts of one connection that other threads may read at any time. Its actor writes them: once for a batch, or when
/// something rare happens.
#[derive(Debug)]
pub struct ConnectionStatus {
    start: SystemTime,
    accepted: Instant,
    /// Nanoseconds from `accepted`.
    last_activity: AtomicU64,
    /// Nanoseconds; zero is unknown.
    rtt: AtomicU64,
    stalls: AtomicU64,
    profile: ArcSwapOption<Profile>,
    tls: Option<Box<TlsFacts>>,
}

/// The TLS side of a connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// What the handshake agreed on.
    pub session: TlsSession,
    /// It came before INFO.
    pub is_first: bool,
}

/// Who a connection is: what it said, and what the server makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Name.
    pub name: Box<str>,
    /// Language of the client library.
    pub lang: Box<str>,
    /// Version of the client library.
    pub version: Box<str>,
    /// User name, public key, or a stand-in for a token. Also of a connection that was not let in.
    pub user: Option<Box<str>>,
    /// Account, once it is let in.
    pub account: Option<Arc<str>>,
    /// Public key of the trusted proxy it came through.
    pub proxy_key: Option<Arc<str>>,
    /// What its token says of it.
    pub token: Option<Arc<TokenFacts>>,
    /// Key that issued its token; its account where it proved itself by a key of the configuration.
    pub issuer_key: Option<Box<str>>,
    /// When it must leave.
    pub expires: Option<SystemTime>,
    /// Its traffic when it entered the account: what came before belongs to another one.
    pub traffic_before: Traffic,
}

impl Profile {
    /// Readable name of its account.
    #[must_use]
    pub fn account_name(&self) -> &str {
        match &self.token {
            Some(token) => &token.account_name,
            None => self.account.as_deref().unwrap_or_default(),
        }
    }
}

impl ConnectionStatus {
    /// Facts of a connection accepted at `accepted`, which was at `start` of the clock.
    #[must_use]
    pub fn new(accepted: Instant, start: SystemTime, tls: Option<TlsFacts>) -> Self {
        Self {
            start,
            accepted,
            last_activity: AtomicU64::new(0),
            rtt: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            profile: ArcSwapOption::empty(),
            tls: tls.map(Box::new),
        }
    }

    /// When it was accepted.
    #[must_use]
    pub fn start(&self) -> SystemTime {
        self.start
    }

    /// When it last published, subscribed or unsubscribed, or said CONNECT.
    #[must_use]
    pub fn last_activity(&self) -> SystemTime {
        self.start + Duration::from_nanos(self.last_activity.load(Ordering::Relaxed))
    }

    /// Notes activity.
    pub fn active(&self, now: Instant) {
        let since = now.saturating_duration_since(self.accepted).as_nanos();
        self.last_activity.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Round trip time; zero while it is not known.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt.load(Ordering::Relaxed))
    }

    /// Notes the round trip time.
    pub fn set_rtt(&self, rtt: Duration) {
        self.rtt.store(u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Times it had to wait for a full destination.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// Notes that it has to wait for a full destination.
    pub fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    /// Who it is, once it has said something.
    #[must_use]
    pub fn profile(&self) -> Option<Arc<Profile>> {
        self.profile.load_full()
    }

    /// Notes who it is.
    pub fn set_profile(&self, profile: Profile) {
        self.profile.store(Some(Arc::new(profile)));
    }

    /// Its TLS side.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }
}
