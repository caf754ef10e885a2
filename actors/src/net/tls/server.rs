//! The server's side of TLS: configuration that is built once, replaced whole, and shakes hands.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio::sync::Notify;
use tokio::time::timeout_at;
use tokio_rustls::{Accept, LazyConfigAcceptor, TlsAcceptor, TlsStream};
use troupe_engine::options::{CertificatePair, TlsOptions, TlsVersion};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::handshake::{HandshakeError, TlsAccepted, TlsSession};
use super::ocsp::{PeerCheck, Staple, StapleError, Stapling};
use super::pem::load_pair;
use super::resolver::{CertificateChoice, Served};
use super::verifier::{ClientVerifier, PeerVerifier};
use super::watch::Files;
use super::{TlsConfigError, suites};
use crate::net::{FirstByte, PlainSocket, Transport, first_byte};

/// First byte of a TLS record with an alert.
const ALERT: u8 = 0x15;
/// First byte of an SSL 2 hello.
const SSL2: u8 = 0x80;

/// One loaded `tls {}` block.
pub struct TlsServer {
    acceptor: TlsAcceptor,
    options: TlsOptions,
    stapling: Stapling,
    certificates: Arc<CertificateChoice>,
    peer_check: Option<PeerCheck>,
    verifier: Arc<dyn ClientCertVerifier>,
    files: Files,
    not_after: Option<i64>,
}

impl TlsServer {
    /// Reads the files and builds the configuration. Blocks on the file system. Beside the server come warnings for
    /// configured values that are left out. Certificates that are stapled are not shown before [`Self::staple`].
    ///
    /// # Errors
    /// A file is missing or wrong, or a name in the options is unknown.
    pub fn load(options: &TlsOptions, stapling: &Stapling) -> Result<(Self, Vec<String>), TlsConfigError> {
        // Before the files are read: a change in between is then seen as one.
        let files = Files::look(options);
        let (provider, warnings) = provider(options)?;
        let provider = Arc::new(provider);
        let pairs = options.certificates.iter().map(|pair| load_pair(pair, &provider));
        let certificates = pairs.collect::<Result<Vec<_>, _>>()?;
        let not_after = certificates.first().ok_or(TlsConfigError::NoCertificate)?.cert.first().and_then(not_after);
        let versions: &[_] = match options.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let library = |cause: rustls::Error| TlsConfigError::Library(cause.to_string());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(&usable(versions, &provider)).map_err(library)?;
        let verifier = match options.verify || options.verify_and_map {
            false => WebPkiClientVerifier::no_client_auth(),
            true => ClientVerifier::build(options.ca_file.as_deref(), provider)?,
        };
        let certificates = Arc::new(CertificateChoice::new(serve(certificates, options, stapling)?));
        let peer_check = match options.ocsp_peer.verify && options.verify {
            false => None,
            true => Some(PeerCheck::new(&options.ocsp_peer, options.ca_file.as_deref())?),
        };
        let builder = builder.with_client_cert_verifier(Arc::clone(&verifier));
        let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>);
        config.ignore_client_order = true;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (options, stapling) = (options.clone(), stapling.clone());
        Ok((Self { acceptor, options, stapling, certificates, peer_check, verifier, files, not_after }, warnings))
    }

    /// Gets what authorities say of the certificates that are to be stapled.
    ///
    /// # Errors
    /// An authority does not answer, or a certificate is revoked that the server must not be without.
    pub async fn staple(&self) -> Result<(), StapleError> {
        for staple in self.staples() {
            staple.begin().await?;
        }
        Ok(())
    }

    /// Whether certificates are stapled.
    #[must_use]
    pub fn has_staples(&self) -> bool {
        self.staples().next().is_some()
    }

    pub(super) fn staples(&self) -> impl Iterator<Item = &Arc<Staple>> {
        self.certificates.staples()
    }

    pub(super) fn stapling(&self) -> &Stapling {
        &self.stapling
    }

    /// Who asks about the certificates of clients, where somebody does.
    #[must_use]
    pub fn peer_check(&self) -> Option<&PeerCheck> {
        self.peer_check.as_ref()
    }

    /// The options it was built from.
    #[must_use]
    pub fn options(&self) -> &TlsOptions {
        &self.options
    }

    /// End of the first certificate's life, in seconds since 1970 (varz `tls_cert_not_after`).
    #[must_use]
    pub fn certificate_not_after(&self) -> Option<i64> {
        self.not_after
    }

    /// Who checks the certificates of clients.
    pub(super) fn verifier(&self) -> &dyn ClientCertVerifier {
        &*self.verifier
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Shakes hands within the configured time.
    ///
    /// # Errors
    /// See [`HandshakeError`]. The socket is closed then.
    pub async fn handshake(&self, socket: PlainSocket) -> Result<TlsAccepted, HandshakeError> {
        let deadline = Instant::now() + self.options.timeout;
        // A client that sends nothing costs no TLS state.
        match first_byte(&socket, self.options.timeout).await {
            Ok(FirstByte::Tls | FirstByte::Other(ALERT | SSL2)) => {}
            // The library would answer with an alert; nats-server closes without a byte.
            Ok(FirstByte::Other(_)) => {
                socket.discard_arrived();
                return Err(HandshakeError::NotTls);
            }
            Ok(FirstByte::End) => return Err(HandshakeError::End { cut: false }),
            Ok(FirstByte::Nothing) => return Err(HandshakeError::Timeout(socket.timeout_text())),
            Err(error) => return Err(HandshakeError::Socket(socket.read_error_text(&error))),
        }
        let timeout_text = socket.timeout_text();
        let shake = async {
            let accept = match self.has_staples() {
                false => self.acceptor.accept(socket),
                true => self.accept_stapled(socket).await?,
            };
            let stream = accept.into_fallible().await;
            stream.map(TlsStream::from).map_err(|(error, socket)| HandshakeError::of(&error, &socket))
        };
        let shaken = timeout_at(deadline.into(), shake).await;
        let stream = shaken.unwrap_or(Err(HandshakeError::Timeout(timeout_text)))?;
        let session = TlsSession::of(&stream);
        self.check_pinned(&session)?;
        Ok(TlsAccepted { transport: Transport::tls(stream), session })
    }

    /// Begins a handshake once there is an answer about the certificate that this client gets: authorities of others that do not
    /// answer are nothing to it.
    async fn accept_stapled(&self, socket: PlainSocket) -> Result<Accept<PlainSocket>, HandshakeError> {
        let mut hello = LazyConfigAcceptor::new(Acceptor::default(), socket);
        match (&mut hello).await {
            Ok(start) => {
                // In vain, it is told and nothing is shown.
                if let Some(staple) = self.certificates.staple_for(&start.client_hello()) {
                    staple.ensure().await;
                }
                Ok(start.into_stream(Arc::clone(self.acceptor.config())))
            }
            Err(error) => match hello.take_io() {
                Some(socket) => Err(HandshakeError::of(&error, &socket)),
                None => Err(HandshakeError::Protocol(error.to_string())),
            },
        }
    }

    fn check_pinned(&self, session: &TlsSession) -> Result<(), HandshakeError> {
        if self.options.pinned_certs.is_empty() {
            return Ok(());
        }
        let key = session.peer.first().map(super::PeerCertificate::spki_sha256);
        match key.as_ref().is_some_and(|key| self.options.pinned_certs.contains(key)) {
            true => Ok(()),
            false => Err(HandshakeError::NotPinned(key)),
        }
    }
}

/// The current [`TlsServer`] of a listener. Clones share it: a handshake takes the one of its moment, a reload puts
/// a new one in its place, and connections that stand are not touched.
#[derive(Clone)]
pub struct TlsAcceptorHandle {
    current: Arc<ArcSwap<TlsServer>>,
    /// Wakes the one who keeps staples fresh.
    replaced: Arc<Notify>,
}

impl fmt::Debug for TlsAcceptorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptorHandle").field("options", self.load().options()).finish()
    }
}

impl TlsAcceptorHandle {
    /// Starts with one configuration.
    #[must_use]
    pub fn new(server: TlsServer) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(server)), replaced: Arc::default() }
    }

    /// The current configuration.
    #[must_use]
    pub fn load(&self) -> Arc<TlsServer> {
        self.current.load_full()
    }

    /// Puts another in its place.
    pub fn replace(&self, server: TlsServer) {
        self.current.store(Arc::new(server));
        self.replaced.notify_one();
    }

    /// Waits until another is in place. For one who waits.
    pub(super) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// Puts another in the place of `expected`, unless somebody else replaced that first. Says whether it did.
    pub(super) fn replace_if_current(&self, expected: &Arc<TlsServer>, server: TlsServer) -> bool {
        let previous = self.current.compare_and_swap(expected, Arc::new(server));
        self.replaced.notify_one();
        Arc::ptr_eq(&previous, expected)
    }
}

impl TlsAcceptorHandle {
    /// A configuration for a server that shakes hands by itself, with the certificates of the moment. `asked` says whether
    /// clients must show one, of the authorities in `ca_file`, or of those of this block, or of the system's; otherwise they
    /// must while this block has authorities asked about them.
    ///
    /// # Errors
    /// The library refuses a configured value, or the authorities cannot be read.
    pub fn config_for_others(&self, asked: bool, ca_file: Option<&Path>) -> Result<ServerConfig, TlsConfigError> {
        let current = self.load();
        let (provider, _) = provider(&current.options)?;
        let provider = Arc::new(provider);
        let verifier: Arc<dyn ClientCertVerifier> = match asked {
            false => Arc::new(PeerVerifier::new(self.clone(), &provider)),
            true => ClientVerifier::build(ca_file.or(current.options.ca_file.as_deref()), Arc::clone(&provider))?,
        };
        let versions: &[_] = match current.options.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let versions = usable(versions, &provider);
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
        let builder = builder.map_err(|cause| TlsConfigError::Library(cause.to_string()))?;
        let resolver = Arc::new(CurrentCertificates(self.clone()));
        Ok(builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver))
    }
}

/// Asks the configuration of the moment, so that a reload reaches servers that keep their own.
#[derive(Debug)]
struct CurrentCertificates(TlsAcceptorHandle);

impl ResolvesServerCert for CurrentCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().acceptor.config().cert_resolver.resolve(hello)
    }
}

/// Prepares those certificates for staples that are to have some.
fn serve(
    certificates: Vec<CertifiedKey>,
    options: &TlsOptions,
    stapling: &Stapling,
) -> Result<Vec<Served>, TlsConfigError> {
    let serve = |(key, pair): (CertifiedKey, &CertificatePair)| {
        let planned = Staple::plan(&key, &pair.cert_file, options.ca_file.as_deref(), stapling);
        let planned = planned.map_err(TlsConfigError::Staple)?;
        Ok(planned.map_or_else(|| Served::Plain(Arc::new(key)), |staple| Served::Stapled(Arc::new(staple))))
    };
    certificates.into_iter().zip(&options.certificates).map(serve).collect()
}

pub(super) fn provider(options: &TlsOptions) -> Result<(CryptoProvider, Vec<String>), TlsConfigError> {
    let (cipher_suites, mut warnings) = suites::cipher_suites(&options.cipher_suites)?;
    let (kx_groups, more) = suites::key_exchange_groups(&options.curve_preferences)?;
    warnings.extend(more);
    Ok((CryptoProvider { cipher_suites, kx_groups, ..aws_lc_rs::default_provider() }, warnings))
}

/// The versions for which a cipher suite is left.
pub(super) fn usable(
    versions: &[&'static rustls::SupportedProtocolVersion],
    provider: &CryptoProvider,
) -> Vec<&'static rustls::SupportedProtocolVersion> {
    let has_suite = |version: &rustls::SupportedProtocolVersion| {
        provider.cipher_suites.iter().any(|suite| suite.version().version == version.version)
    };
    versions.iter().copied().filter(|version| has_suite(version)).collect()
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

#[cfg(test)]
#[path = "server_test.rs"]
mod tests;
