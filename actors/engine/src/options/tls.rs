//! TLS of a listener.

use std::path::PathBuf;
use std::time::Duration;

use super::OcspPeerOptions;

/// A certificate chain and its key, both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePair {
    /// Chain, leaf first.
    pub cert_file: PathBuf,
    /// Private key.
    pub key_file: PathBuf,
}

/// Lowest protocol version accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Who speaks first on a TLS listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandshakeFirst {
    /// INFO in clear, then the handshake.
    #[default]
    No,
    /// The handshake, then INFO.
    Yes,
    /// Wait this long for a handshake, then send INFO in clear.
    After(Duration),
}

impl HandshakeFirst {
    /// What `auto` stands for.
    pub const AUTO: Self = Self::After(Duration::from_millis(50));
}

/// One `tls {}` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Server certificates; the first that fits the client's SNI is used.
    pub certificates: Vec<CertificatePair>,
    /// Authorities for client certificates.
    pub ca_file: Option<PathBuf>,
    /// Clients must show a certificate.
    pub verify: bool,
    /// Certificates of servers this one connects to are not checked.
    pub insecure: bool,
    /// The certificate of another server must name one of the configured addresses.
    pub checks_known_urls: bool,
    /// The certificate names the user; implies `verify`.
    pub verify_and_map: bool,
    /// Lower-case hex SHA-256 of accepted SubjectPublicKeyInfo; empty accepts all.
    pub pinned_certs: Vec<String>,
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Go names of cipher suites, in order of preference; empty is the library's choice.
    pub cipher_suites: Vec<String>,
    /// Go names of key exchange groups, in order of preference; empty is the library's choice.
    pub curve_preferences: Vec<String>,
    /// Time for the handshake.
    pub timeout: Duration,
    /// Who speaks first.
    pub handshake_first: HandshakeFirst,
    /// Most handshakes per second; zero is unlimited.
    pub connection_rate_limit: u32,
    /// Certificates of clients are asked about.
    pub ocsp_peer: OcspPeerOptions,
}

/// Time for the handshake when none is configured.
pub const DEFAULT_TLS_TIMEOUT: Duration = Duration::from_secs(2);

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            ca_file: None,
            verify: false,
            insecure: false,
            checks_known_urls: false,
            verify_and_map: false,
            pinned_certs: Vec::new(),
            min_version: TlsVersion::default(),
            cipher_suites: Vec::new(),
            curve_preferences: Vec::new(),
            timeout: DEFAULT_TLS_TIMEOUT,
            handshake_first: HandshakeFirst::No,
            connection_rate_limit: 0,
            ocsp_peer: OcspPeerOptions::default(),
        }
    }
}
