//! Checking of client certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use super::pem::trusted_authorities;
use super::{TlsAcceptorHandle, TlsConfigError};

/// Accepts what the library's verifier accepts, and, as Go does, a certificate that itself stands in the file of
/// authorities. OpenSSL marks self-signed certificates as authorities unless told otherwise, and the library's verifier
/// refuses those as clients.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chains: Arc<dyn ClientCertVerifier>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ClientVerifier {
    /// A verifier for the authorities in `ca_file`, or those of the system.
    pub(super) fn build(
        ca_file: Option<&Path>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsConfigError> {
        let trusted = trusted_authorities(ca_file)?;
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(trusted.iter().cloned());
        if added == 0 {
            return Err(TlsConfigError::Authorities);
        }
        let chains = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let chains = chains.map_err(|cause| TlsConfigError::Library(cause.to_string()))?;
        Ok(Arc::new(Self { chains, trusted }))
    }
}

/// Checks what is left to check of a certificate that is trusted as it is.
fn check_trusted(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<ClientCertVerified, Error> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, parsed) = parsed.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let now = i64::try_from(now.as_secs()).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
    if !now.is_some_and(|now| parsed.validity().is_valid_at(now)) {
        return Err(CertificateError::Expired.into());
    }
    let usage = parsed.extended_key_usage().map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    match usage.is_none_or(|usage| usage.value.client_auth || usage.value.any) {
        true => Ok(ClientCertVerified::assertion()),
        false => Err(CertificateError::InvalidPurpose.into()),
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.trusted.contains(end_entity) {
            true => check_trusted(end_entity, now),
            false => self.chains.verify_client_cert(end_entity, intermediates, now).map_err(|cause| match cause {
                // Signed by an authority of the same name: to Go, and to the client, that is another authority.
                Error::InvalidCertificate(CertificateError::BadSignature) => CertificateError::UnknownIssuer.into(),
                cause => cause,
            }),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chains.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Asks for certificates while authorities are asked about those who show them, whatever a reload makes of that.
#[derive(Debug)]
pub(super) struct PeerVerifier {
    handle: TlsAcceptorHandle,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    /// A verifier that does as the configuration of the moment says.
    pub(super) fn new(handle: TlsAcceptorHandle, provider: &CryptoProvider) -> Self {
        Self { handle, algorithms: provider.signature_verification_algorithms }
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn offer_client_auth(&self) -> bool {
        self.handle.load().peer_check().is_some()
    }

    /// Authorities may change: there are no hints.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let server = self.handle.load();
        match server.verifier().offer_client_auth() {
            true => server.verifier().verify_client_cert(end_entity, intermediates, now),
            // A reload came between the question and the answer.
            false => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
