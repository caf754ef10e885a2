//! Which certificate a client gets.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

/// Chooses as Go does: the first certificate that is valid for the name the client asks for and that the client can
/// verify; else the first.
#[derive(Debug)]
pub(super) struct CertificateChoice {
    certificates: Vec<Arc<CertifiedKey>>,
}

impl CertificateChoice {
    pub(super) fn new(certificates: Vec<CertifiedKey>) -> Self {
        Self { certificates: certificates.into_iter().map(Arc::new).collect() }
    }
}

impl ResolvesServerCert for CertificateChoice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let fits = |key: &&Arc<CertifiedKey>| name.as_ref().is_none_or(|name| is_valid_for(key, name));
        let chosen = self.certificates.iter().filter(usable).find(fits);
        chosen.or_else(|| self.certificates.first()).cloned()
    }
}

fn is_valid_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let Ok(certificate) = key.end_entity_cert() else { return false };
    ParsedCertificate::try_from(certificate).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}
