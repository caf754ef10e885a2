//! Typed options: what the configuration file, the environment and the flags add up to.
//!
//! `src/config` produces one [`Options`]; every actor reads it behind an `Arc`. A reload produces a
//! second one, and `diff` says what changed and whether the change can be applied live.

pub mod account_list;
pub mod accounts;
pub mod auth;
pub mod cluster;
pub mod diff;
#[cfg(test)]
mod diff_test;
pub mod jetstream;
mod jetstream_diff;
pub mod limits;
pub mod listen;
pub mod logging;
pub mod monitor;
pub mod ocsp;
pub mod rate;
pub mod route_url;
pub mod tls;
pub mod tokens;
pub mod trust;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use account_list::AccountList;
pub use accounts::{
    AccountLimits, AccountOptions, DEFAULT_RESPONSE_THRESHOLD, ExportKind, ExportOptions, ImportKind, ImportOptions,
    LatencyOptions, ResponseType, Sampling, TraceOptions,
};
pub use auth::{
    AuthOptions, CalloutOptions, ConnectionType, Credential, Permissions, ResponsePermission, Secret,
    SubjectPermission, UserOptions,
};
pub use cluster::{ClusterOptions, CompressionOptions};
pub use jetstream::{BatchLimits, JetStreamOptions, StoreCipher, SyncInterval};
pub use jetstream_diff::friendly_bytes;
pub use limits::{LameDuckOptions, LimitOptions, TimingOptions, WriteTimeoutPolicy};
pub use listen::{ListenAddress, ListenOptions};
pub use logging::{LogFormat, LoggingOptions};
pub use monitor::{MonitorAuth, MonitorOptions};
pub use ocsp::{OcspCacheOptions, OcspMode, OcspOptions, OcspPeerOptions};
pub use rate::{Rate, RateOptions, UserLimitOptions};
pub use route_url::RouteUrl;
pub use tls::{CertificatePair, HandshakeFirst, TlsOptions, TlsVersion};
pub use tokens::AccountTokens;
pub use trust::TrustOptions;

/// What an account may have of JetStream.
pub use troupe_codecs::api::account::JetStreamLimits as AccountJetStream;

use crate::subject::Mappings;

/// Name of the account that holds every user without an account of its own.
pub const GLOBAL_ACCOUNT: &str = "$G";
/// Name of the account that is created for the system when none is configured.
pub const DEFAULT_SYSTEM_ACCOUNT: &str = "$SYS";

/// Everything the server can be told. `Options::default()` is nats-server's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Configured name; the server id is used when absent.
    pub server_name: Option<String>,
    /// Free tags, lower case, in configured order.
    pub server_tags: Vec<String>,
    /// Free key-value pairs shown in varz.
    pub server_metadata: BTreeMap<String, String>,
    /// File the options were read from; a reload needs one.
    pub config_file: Option<PathBuf>,
    /// `sha256:<hex>` of the parsed file.
    pub config_digest: Option<String>,
    /// Client listeners.
    pub listen: ListenOptions,
    /// HTTP monitor.
    pub monitor: MonitorOptions,
    /// Sizes and counts.
    pub limits: LimitOptions,
    /// Pings, deadlines.
    pub timing: TimingOptions,
    /// Lame duck mode.
    pub lame_duck: LameDuckOptions,
    /// Where log lines go and how they look.
    pub logging: LoggingOptions,
    /// Who may enter through the client listener.
    pub auth: AuthOptions,
    /// Accounts from the configuration file, `$G` and the default system account not included.
    pub accounts: AccountList,
    /// Operator mode; its accounts are in [`Options::accounts`], too.
    pub trust: Option<TrustOptions>,
    /// Mappings of the global account.
    pub mappings: Mappings,
    /// Name of the system account; `None` means `$SYS` is created.
    pub system_account: Option<String>,
    /// Do not create a system account.
    pub no_system_account: bool,
    /// TLS of the client listener.
    pub tls: Option<TlsOptions>,
    /// The client port takes TLS and plain connections.
    pub allow_non_tls: bool,
    /// Pick up changed certificate files without a signal. On by default (see [`Options::watches_certificates`]).
    pub tls_watch_disabled: bool,
    /// Staples of the server's certificates; `None` staples those that say they must be.
    pub ocsp: Option<OcspOptions>,
    /// Where answers about clients' certificates are kept.
    pub ocsp_cache: Option<OcspCacheOptions>,
    /// The cluster this server belongs to.
    pub cluster: ClusterOptions,
    /// File that receives the process id.
    pub pid_file: Option<PathBuf>,
    /// Directory that receives the ports file.
    pub ports_file_dir: Option<PathBuf>,
    /// Headers are not offered to clients.
    pub no_header_support: bool,
    /// Matches are not cached.
    pub disable_sublist_cache: bool,
    /// A fast producer is not stalled; messages to a slow consumer are dropped instead.
    pub no_fast_producer_stall: bool,
    /// INFO always carries a nonce.
    pub always_enable_nonce: bool,
    /// Failed connection attempts between two log lines, first connection.
    pub connect_error_reports: u32,
    /// Failed connection attempts between two log lines, reconnect.
    pub reconnect_error_reports: u32,
    /// JetStream.
    pub jetstream: JetStreamOptions,
    /// Experiments by name.
    pub feature_flags: BTreeMap<String, bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server_name: None,
            server_tags: Vec::new(),
            server_metadata: BTreeMap::new(),
            config_file: None,
            config_digest: None,
            listen: ListenOptions::default(),
            monitor: MonitorOptions::default(),
            limits: LimitOptions::default(),
            timing: TimingOptions::default(),
            lame_duck: LameDuckOptions::default(),
            logging: LoggingOptions::default(),
            auth: AuthOptions::default(),
            accounts: AccountList::default(),
            trust: None,
            mappings: Mappings::default(),
            system_account: None,
            no_system_account: false,
            tls: None,
            allow_non_tls: false,
            tls_watch_disabled: false,
            ocsp: None,
            ocsp_cache: None,
            cluster: ClusterOptions::default(),
            pid_file: None,
            ports_file_dir: None,
            no_header_support: false,
            disable_sublist_cache: false,
            no_fast_producer_stall: false,
            always_enable_nonce: false,
            connect_error_reports: 3600,
            reconnect_error_reports: 1,
            jetstream: JetStreamOptions::default(),
            feature_flags: BTreeMap::new(),
        }
    }
}

impl Options {
    /// Whether changed certificate files are picked up without a signal.
    #[must_use]
    pub fn watches_certificates(&self) -> bool {
        !self.tls_watch_disabled
    }

    /// Name of the system account, if there is one.
    #[must_use]
    pub fn system_account_name(&self) -> Option<&str> {
        match (&self.system_account, self.no_system_account) {
            (Some(name), _) => Some(name),
            (None, true) => None,
            (None, false) => Some(DEFAULT_SYSTEM_ACCOUNT),
        }
    }
}
