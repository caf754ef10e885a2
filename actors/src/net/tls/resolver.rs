//! Which certificate a client gets.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

use super::ocsp::Staple;

/// A certificate of the listener.
#[derive(Debug)]
pub(super) enum Served {
    /// As it is.
    Plain(Arc<CertifiedKey>),
    /// With a staple.
    Stapled(Arc<Staple>),
}

impl Served {
    /// What it is chosen by.
    fn plain(&self) -> &CertifiedKey {
        match self {
            Self::Plain(key) => key,
            Self::Stapled(staple) => staple.plain(),
        }
    }

    /// What a client gets; nothing where it would have to be stapled and cannot.
    fn key(&self) -> Option<Arc<CertifiedKey>> {
        match self {
            Self::Plain(key) => Some(Arc::clone(key)),
            Self::Stapled(staple) => staple.key(),
        }
    }

    fn is_valid_for(&self, name: &ServerName<'_>) -> bool {
        let Ok(certificate) = self.plain().end_entity_cert() else { return false };
        ParsedCertificate::try_from(certificate).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
    }
}

/// Chooses as Go does: the first certificate that is valid for the name the client asks for and that the client can
/// verify; else the first.
#[derive(Debug)]
pub(super) struct CertificateChoice {
    certificates: Vec<Served>,
}

impl CertificateChoice {
    pub(super) fn new(certificates: Vec<Served>) -> Self {
        Self { certificates }
    }

    /// Those that are stapled.
    pub(super) fn staples(&self) -> impl Iterator<Item = &Arc<Staple>> {
        self.certificates.iter().filter_map(|certificate| match certificate {
            Served::Stapled(staple) => Some(staple),
            Served::Plain(_) => None,
        })
    }
}

impl CertificateChoice {
    /// The staple of the certificate that a client gets.
    pub(super) fn staple_for(&self, hello: &ClientHello<'_>) -> Option<&Arc<Staple>> {
        match self.choose(hello)? {
            Served::Stapled(staple) => Some(staple),
            Served::Plain(_) => None,
        }
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Option<&Served> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let usable = |served: &&Served| served.plain().key.choose_scheme(hello.signature_schemes()).is_some();
        let fits = |served: &&Served| name.as_ref().is_none_or(|name| served.is_valid_for(name));
        let chosen = self.certificates.iter().filter(usable).find(fits);
        chosen.or_else(|| self.certificates.first())
    }
}

impl ResolvesServerCert for CertificateChoice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(&hello)?.key()
    }
}
