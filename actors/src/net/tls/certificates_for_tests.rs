//! Certificates made on the spot, written into a directory as an operator would.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use troupe_engine::options::{CertificatePair, TlsOptions};

use super::{HandshakeError, TlsAccepted, TlsServer};
use crate::net::PlainSocket;

/// An authority with a directory for what it issues.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    directory: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        fs::write(directory.path().join("ca.key"), key.serialize_pem()).unwrap();
        Self { issuer: Issuer::new(params, key), certificate: certificate.der().clone(), directory }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The authority's own certificate and key.
    pub(super) fn pair(&self) -> CertificatePair {
        CertificatePair { cert_file: self.path("ca.pem"), key_file: self.path("ca.key") }
    }

    /// A self-signed certificate whose time is over.
    pub(super) fn expired(&self) -> CertificatePair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        let key = KeyPair::generate().unwrap();
        let pair = CertificatePair { cert_file: self.path("expired.pem"), key_file: self.path("expired.key") };
        replace(&pair.cert_file, &params.self_signed(&key).unwrap().pem());
        replace(&pair.key_file, &key.serialize_pem());
        pair
    }

    /// Writes `{name}.pem` and `{name}.key` for a host, each in one step as a careful operator would.
    pub(super) fn issue(&self, name: &str, host: &str) -> CertificatePair {
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = CertificatePair {
            cert_file: self.path(&format!("{name}.pem")),
            key_file: self.path(&format!("{name}.key")),
        };
        replace(&pair.cert_file, &certificate.pem());
        replace(&pair.key_file, &key.serialize_pem());
        pair
    }

    /// As [`Self::issue`], and keeps the directory alive with the answer.
    pub(super) fn issue_kept(self, name: &str, host: &str) -> (Self, CertificatePair) {
        let pair = self.issue(name, host);
        (self, pair)
    }

    /// A client that trusts this authority.
    pub(super) fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        pair: Option<&CertificatePair>,
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        let config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.cert_file).unwrap().map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_file(&pair.key_file).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        Client { connector: TlsConnector::from(Arc::new(config)) }
    }
}

/// Puts a file in place in one step.
pub(super) fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

pub(super) fn options(pair: CertificatePair) -> TlsOptions {
    TlsOptions { certificates: vec![pair], ..TlsOptions::default() }
}

pub(super) struct Client {
    connector: TlsConnector,
}

impl Client {
    pub(super) fn connector(&self) -> &TlsConnector {
        &self.connector
    }

    /// Shakes hands over a pair of sockets. Answers the certificate the client saw, and the server's outcome.
    pub(super) async fn connect(
        &self,
        server: &TlsServer,
        host: &'static str,
    ) -> (Option<CertificateDer<'static>>, Result<TlsAccepted, HandshakeError>) {
        let (near, far) = UnixStream::pair().unwrap();
        let connect = self.connector.connect(host.try_into().unwrap(), near);
        let (client, outcome) = tokio::join!(connect, server.handshake(PlainSocket::Unix(far)));
        let seen = client.ok().and_then(|stream| stream.get_ref().1.peer_certificates()?.first().cloned());
        (seen, outcome)
    }
}

/// The certificate in a file.
pub(super) fn certificate_in(pair: &CertificatePair) -> Option<CertificateDer<'static>> {
    CertificateDer::from_pem_file(&pair.cert_file).ok()
}
