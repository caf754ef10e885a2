//! What can be wrong with a `tls {}` block.

use std::path::PathBuf;

use thiserror::Error;

/// A TLS configuration that cannot be used. The texts are nats-server's (Go's `crypto/tls`) where it has one.
#[derive(Debug, Error)]
pub enum TlsConfigError {
    /// No certificate is configured.
    #[error("missing 'cert_file' in TLS configuration")]
    NoCertificate,
    /// A certificate or key file cannot be used.
    #[error("error parsing X509 certificate/key pair: {0}")]
    Pair(#[source] PairError),
    /// The authorities file cannot be read.
    #[error(transparent)]
    ReadAuthorities(FileError),
    /// The authorities file holds no certificate.
    #[error("failed to parse root ca certificate")]
    Authorities,
    /// The system's authorities are asked for (`verify` without `ca_file`) and there are none.
    #[error("client certificates cannot be verified: no 'ca_file' and no certificate authorities on this system")]
    NoSystemAuthorities,
    /// A cipher suite that does not exist.
    #[error("unrecognized cipher {0}")]
    UnknownCipher(String),
    /// A key exchange group that does not exist.
    #[error("unrecognized curve preference {0}")]
    UnknownCurve(String),
    /// Every configured value of this list exists but none is supported.
    #[error("none of the configured {option} is supported: {}", .names.join(", "))]
    NoneSupported {
        /// `cipher_suites` or `curve_preferences`.
        option: &'static str,
        /// Configured values.
        names: Vec<String>,
    },
    /// A certificate cannot be stapled.
    #[error("{0}")]
    Staple(String),
    /// Certificates of connections between servers would have to be stapled.
    #[error(
        "staples of connections between servers are not supported, because the TLS library has none on the side that connects: \
         a certificate of the cluster that says it must be stapled needs \"ocsp: false\""
    )]
    PeerStaples,
    /// The TLS library refuses the combination.
    #[error("error configuring TLS: {0}")]
    Library(String),
}

/// A certificate file or key file that cannot be used.
#[derive(Debug, Error)]
pub enum PairError {
    /// Unreadable.
    #[error(transparent)]
    Read(FileError),
    /// Read, but not what it should be.
    #[error("tls: {0}")]
    Content(String),
}

/// A file that cannot be read, worded as Go does.
#[derive(Debug, Error)]
#[error("{step} {}: {}", .path.display(), super::super::os_text(.source))]
pub struct FileError {
    /// `open` or `read`.
    pub step: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Cause.
    pub source: std::io::Error,
}
