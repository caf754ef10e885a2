//! Asking authorities about certificates: the server's own, which are stapled, and those of clients.

use std::path::PathBuf;
use std::time::Duration;

/// Which of the server's certificates are shown with a staple.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OcspMode {
    /// Those that say that they must be; a revoked one is still shown.
    #[default]
    Auto,
    /// All. The server ends when one is revoked.
    Always,
    /// Those that say that they must be. The server ends when one is revoked.
    Must,
    /// None.
    Never,
}

/// The `ocsp` setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OcspOptions {
    /// Which certificates.
    pub mode: OcspMode,
    /// Whom to ask, instead of those the certificate names.
    pub urls: Vec<String>,
}

/// The `ocsp_peer` block: clients whose certificates were revoked are not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspPeerOptions {
    /// Certificates of clients are asked about.
    pub verify: bool,
    /// Time for one answer.
    pub ca_timeout: Duration,
    /// How far the clock of the authority may be away from the server's.
    pub allowed_clockskew: Duration,
    /// What is wrong is logged, and nobody is refused.
    pub warn_only: bool,
    /// A certificate that its authority does not know is good.
    pub unknown_is_good: bool,
    /// Without an answer a certificate is good, unless it was known as revoked.
    pub allow_when_ca_unreachable: bool,
    /// Age up to which an answer counts that does not say when there will be another.
    pub cache_ttl_when_next_update_unset: Duration,
}

impl Default for OcspPeerOptions {
    fn default() -> Self {
        Self {
            verify: false,
            ca_timeout: Duration::from_secs(2),
            allowed_clockskew: Duration::from_secs(30),
            warn_only: false,
            unknown_is_good: false,
            allow_when_ca_unreachable: false,
            cache_ttl_when_next_update_unset: Duration::from_secs(3600),
        }
    }
}

/// The `ocsp_cache` block: where answers about clients' certificates are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspCacheOptions {
    /// They are kept in memory and in a file; else nowhere.
    pub is_local: bool,
    /// Directory of the file.
    pub local_store: PathBuf,
    /// That a certificate is revoked is never forgotten.
    pub preserve_revoked: bool,
    /// Time between two writes of the file.
    pub save_interval: Duration,
}

impl Default for OcspCacheOptions {
    fn default() -> Self {
        Self {
            is_local: true,
            local_store: PathBuf::from("_rc_"),
            preserve_revoked: false,
            save_interval: Duration::from_secs(300),
        }
    }
}
