//! The cluster: its listener, its other servers, how the connections between them behave.

use std::time::Duration;

use super::{Permissions, RouteUrl, Secret, TlsOptions, WriteTimeoutPolicy};
use crate::route::CompressionMode;

/// Connections of a pool, when none are configured.
pub const DEFAULT_POOL_SIZE: i64 = 3;
/// Longest time between two pings of a route.
pub const MAX_ROUTE_PING_INTERVAL: Duration = Duration::from_secs(30);

/// Compression of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressionOptions {
    /// What is wanted.
    pub mode: CompressionMode,
    /// Round trip times up to which a level is used, for [`CompressionMode::S2Auto`]: uncompressed, fast, better. Beyond the
    /// last one it is the best. Zero leaves a level out.
    pub rtt_thresholds: Vec<Duration>,
}

/// Round trip times between the levels, when none are configured.
pub const DEFAULT_RTT_THRESHOLDS: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(100)];

impl Default for CompressionOptions {
    fn default() -> Self {
        Self { mode: CompressionMode::Accept, rtt_thresholds: DEFAULT_RTT_THRESHOLDS.to_vec() }
    }
}

/// The `cluster {}` block. `port` zero means that there is no cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterOptions {
    /// Name; one is made up when absent.
    pub name: Option<String>,
    /// Host or address to listen on.
    pub host: String,
    /// Port; `-1` picks a free one, `0` is no cluster.
    pub port: i32,
    /// User name other servers must show, and this one shows to servers it is told of by others.
    pub username: Option<String>,
    /// Password with it.
    pub password: Option<Secret>,
    /// Time for CONNECT.
    pub auth_timeout: Option<Duration>,
    /// TLS of all routes.
    pub tls: Option<TlsOptions>,
    /// `host[:port]` told to other servers instead of the listen address.
    pub advertise: Option<String>,
    /// Other servers' clients are not told where to reach this one.
    pub no_advertise: bool,
    /// Attempts to reach a server others told of, after the first one.
    pub connect_retries: u32,
    /// The time between attempts doubles.
    pub connect_backoff: bool,
    /// What is taken from other servers (`publish`) and what they may subscribe to (`subscribe`).
    pub permissions: Option<Permissions>,
    /// Connections to each server; negative is one without a pool.
    pub pool_size: i64,
    /// Accounts with a connection of their own.
    pub pinned_accounts: Vec<String>,
    /// Compression.
    pub compression: CompressionOptions,
    /// Time between pings.
    pub ping_interval: Option<Duration>,
    /// Unanswered pings that make a route stale.
    pub max_pings_out: Option<u32>,
    /// Longest time one flush may take.
    pub write_deadline: Option<Duration>,
    /// What happens when it passed.
    pub write_timeout: WriteTimeoutPolicy,
    /// Servers to connect to.
    pub routes: Vec<RouteUrl>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            name: None,
            host: "0.0.0.0".to_owned(),
            port: 0,
            username: None,
            password: None,
            auth_timeout: None,
            tls: None,
            advertise: None,
            no_advertise: false,
            connect_retries: 0,
            connect_backoff: false,
            permissions: None,
            pool_size: DEFAULT_POOL_SIZE,
            pinned_accounts: Vec::new(),
            compression: CompressionOptions::default(),
            ping_interval: None,
            max_pings_out: None,
            write_deadline: None,
            write_timeout: WriteTimeoutPolicy::Default,
            routes: Vec::new(),
        }
    }
}

impl ClusterOptions {
    /// Whether the server is part of a cluster.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.port != 0
    }

    /// Time an accepted route has for CONNECT: as configured, or 2 s, or the time for the TLS handshake and one second more.
    #[must_use]
    pub fn auth_timeout(&self) -> Duration {
        let default = || self.tls.as_ref().map_or(Duration::from_secs(2), |tls| tls.timeout + Duration::from_secs(1));
        self.auth_timeout.unwrap_or_else(default)
    }
}
