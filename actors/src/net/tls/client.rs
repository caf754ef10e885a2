//! The side of TLS that opens a connection.

use std::sync::Arc;
use std::{fmt, io};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use troupe_engine::options::{TlsOptions, TlsVersion};

use super::handshake::{HandshakeError, TlsAccepted, TlsSession};
use super::pem::{load_authorities, load_pair};
use super::server::{provider, usable};
use super::{PeerCertificate, TlsConfigError};
use crate::net::{PlainSocket, Transport};

/// One loaded `tls {}` block, for connections this server opens.
pub struct TlsClient {
    connector: TlsConnector,
    options: TlsOptions,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("options", &self.options).finish_non_exhaustive()
    }
}

impl TlsClient {
    /// Reads the files and builds the configuration. Blocks on the file system.
    ///
    /// # Errors
    /// A file is missing or wrong, or a name in the options is unknown.
    pub fn load(options: &TlsOptions) -> Result<Self, TlsConfigError> {
        let (provider, _) = provider(options)?;
        let provider = Arc::new(provider);
        let library = |cause: rustls::Error| TlsConfigError::Library(cause.to_string());
        let versions: &[_] = match options.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&usable(versions, &provider)).map_err(library)?;
        let verifier: Arc<dyn ServerCertVerifier> = if options.insecure {
            Arc::new(Unchecked(Arc::clone(&provider)))
        } else {
            let roots = Arc::new(roots(options)?);
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(|cause| TlsConfigError::Library(cause.to_string()))?
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let config = match options.certificates.first() {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = Arc::new(load_pair(pair, &provider)?);
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
            }
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), options: options.clone() })
    }

    /// Shakes hands with `host` over a connection that is not one of NATS. Waits as long as the caller does.
    pub(in crate::net) async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::other(format!("tls: invalid server name {host:?}")))?;
        self.connector.connect(name, stream).await
    }

    /// Shakes hands with `host` within the configured time.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The socket is closed then.
    pub async fn handshake(&self, socket: PlainSocket, host: &str) -> Result<TlsAccepted, HandshakeError> {
        let timeout_text = socket.timeout_text();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| HandshakeError::Protocol(format!("tls: invalid server name {host:?}")))?;
        let connecting = self.connector.connect(name, socket).into_fallible();
        let stream = match tokio::time::timeout(self.options.timeout, connecting).await {
            Ok(Ok(stream)) => TlsStream::from(stream),
            Ok(Err((error, socket))) => return Err(HandshakeError::of(&error, &socket)),
            Err(_) => return Err(HandshakeError::Timeout(timeout_text)),
        };
        let session = TlsSession::of(&stream);
        if !self.options.pinned_certs.is_empty() {
            let key = session.peer.first().map(PeerCertificate::spki_sha256);
            if !key.as_ref().is_some_and(|key| self.options.pinned_certs.contains(key)) {
                return Err(HandshakeError::NotPinned(key));
            }
        }
        Ok(TlsAccepted { transport: Transport::tls(stream), session })
    }
}

fn roots(options: &TlsOptions) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    let certificates = match &options.ca_file {
        Some(file) => load_authorities(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(TlsConfigError::Authorities) } else { Ok(roots) }
}

/// Takes any certificate, for `insecure: true`. Signatures are still checked: the peer has the key it shows.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
