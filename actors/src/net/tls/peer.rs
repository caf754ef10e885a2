//! The certificate a client showed.

use std::fmt::Write;

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::{self, NameCandidate};

/// A certificate of the client's chain. It is parsed when asked: few connections ever are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    der: CertificateDer<'static>,
}

impl PeerCertificate {
    pub(super) fn new(der: CertificateDer<'static>) -> Self {
        Self { der }
    }

    /// Subject as shown in connz (`tls_peer_certs.subject`).
    #[must_use]
    pub fn subject(&self) -> String {
        self.parse().map_or_else(String::new, |certificate| names::full_text(certificate.subject()))
    }

    /// Lower-case hex SHA-256 of the SubjectPublicKeyInfo, as in `pinned_certs` and connz (`spki_sha256`).
    #[must_use]
    pub fn spki_sha256(&self) -> String {
        self.parse().map_or_else(String::new, |certificate| sha256_hex(certificate.public_key().raw))
    }

    /// Lower-case hex SHA-256 of the certificate, as in connz (`cert_sha256`).
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(&self.der)
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Names to look the user up by, in order.
    #[must_use]
    pub fn names(&self) -> Vec<NameCandidate> {
        self.parse().map_or_else(Vec::new, |certificate| names::candidates(&certificate))
    }

    /// The handshake parsed it already with another library, so this fails only where the two disagree.
    fn parse(&self) -> Option<X509Certificate<'_>> {
        X509Certificate::from_der(&self.der).ok().map(|(_, certificate)| certificate)
    }
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
#[path = "peer_test.rs"]
mod tests;
