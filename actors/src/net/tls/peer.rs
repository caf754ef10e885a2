//! The certificate a client showed.

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use troupe_engine::auth::{CertificateNames, RelativeName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// A certificate of the client's chain. It is parsed when asked: few connections ever are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    der: CertificateDer<'static>,
}

impl PeerCertificate {
    /// The certificate in this DER.
    #[must_use]
    pub fn new(der: CertificateDer<'static>) -> Self {
        Self { der }
    }

    /// Subject as shown in connz (`tls_peer_certs.subject`).
    #[must_use]
    pub fn subject(&self) -> String {
        self.names().subject_text()
    }

    /// Who issued it, in the same form.
    #[must_use]
    pub fn issuer(&self) -> String {
        let subject = self.parse().map(|certificate| relative_names(certificate.issuer())).unwrap_or_default();
        CertificateNames { subject, ..Default::default() }.subject_text()
    }

    /// SHA-256 of the certificate in base64, as in events about it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.der))
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

    /// Names in the certificate, to look a user up by.
    #[must_use]
    pub fn names(&self) -> CertificateNames {
        let Some(certificate) = self.parse() else { return CertificateNames::default() };
        let mut names = CertificateNames { subject: relative_names(certificate.subject()), ..Default::default() };
        let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return names };
        for name in &alternatives.value.general_names {
            match name {
                GeneralName::RFC822Name(text) => names.emails.push((*text).to_owned()),
                GeneralName::DNSName(text) => names.dns_names.push((*text).to_owned()),
                GeneralName::URI(text) => names.uris.push((*text).to_owned()),
                _ => {}
            }
        }
        names
    }

    /// The handshake parsed it already with another library, so this fails only where the two disagree.
    fn parse(&self) -> Option<X509Certificate<'_>> {
        X509Certificate::from_der(&self.der).ok().map(|(_, certificate)| certificate)
    }
}

fn relative_names(subject: &X509Name<'_>) -> Vec<RelativeName> {
    let sets = subject.iter_rdn().map(|set| {
        let attributes = set.iter();
        attributes.map(|a| (a.attr_type().to_id_string(), a.attr_value().data.to_vec())).collect()
    });
    sets.collect()
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
