//! TLS of a listener: certificates, handshakes, who the peer is, and certificates that change on disk.

pub mod client;
pub mod error;
pub mod handshake;
pub mod ocsp;
pub mod peer;
pub mod pem;
pub mod rate_limit;
mod resolver;
pub mod server;
pub mod suites;
mod verifier;
pub mod watch;

pub use client::TlsClient;
pub use error::TlsConfigError;
pub use handshake::{HandshakeError, TlsAccepted, TlsSession};
pub use ocsp::{OcspCache, PeerNews, StapleError, Stapling, keep_stapled};
pub use peer::PeerCertificate;
pub use rate_limit::ConnectionRateLimit;
pub use server::{TlsAcceptorHandle, TlsServer};
pub use watch::{WATCH_INTERVAL, watch_certificates};

#[cfg(test)]
mod certificates_for_tests;
