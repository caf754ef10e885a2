//! A throw-away certificate authority with server and client certificates for TLS tests.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

/// Certificates and keys as PEM files in a directory of their own, removed when dropped.
#[derive(Debug)]
pub struct Certs {
    dir: tempfile::TempDir,
}

/// A certificate file and its key file.
#[derive(Clone, Debug)]
pub struct CertFiles {
    /// The certificate, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Certs {
    /// Creates an authority, a server certificate for `localhost` and `127.0.0.1`, and a client certificate whose
    /// common name is `client` and whose e-mail address is `client@example.com`.
    ///
    /// # Panics
    /// Panics when keys cannot be made or files cannot be written.
    pub fn generate() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let authority = authority("Test Authority");
        write(dir.path(), "ca.pem", &authority.pem());
        issue(dir.path(), "server", server_params(), &authority);
        issue(dir.path(), "client", client_params(), &authority);
        issue(dir.path(), "peer", peer_params(), &authority);
        issue(dir.path(), "stranger", client_params(), &self::authority("Other Authority"));
        Self { dir }
    }

    /// Returns the authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Returns the server's certificate and key.
    pub fn server(&self) -> CertFiles {
        self.files("server")
    }

    /// Returns the client's certificate and key.
    pub fn client(&self) -> CertFiles {
        self.files("client")
    }

    /// Returns the certificate and key of a server that also connects to others.
    pub fn peer(&self) -> CertFiles {
        self.files("peer")
    }

    /// Returns a client certificate that another authority issued.
    pub fn stranger(&self) -> CertFiles {
        self.files("stranger")
    }

    /// Renders a `tls` block with the server's files and further lines.
    pub fn tls_block(&self, more: &str) -> String {
        let CertFiles { cert, key } = self.server();
        format!(
            "tls {{\n  cert_file: \"{}\"\n  key_file: \"{}\"\n  ca_file: \"{}\"\n  {more}\n}}\n",
            cert.display(),
            key.display(),
            self.ca().display()
        )
    }

    fn files(&self, name: &str) -> CertFiles {
        CertFiles {
            cert: self.dir.path().join(format!("{name}.pem")),
            key: self.dir.path().join(format!("{name}.key")),
        }
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key can be made");
    CertifiedIssuer::self_signed(params, key).expect("an authority signs itself")
}

fn server_params() -> CertificateParams {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name = common_name("localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn peer_params() -> CertificateParams {
    let mut params = server_params();
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    params
}

fn client_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name("client");
    let address = "client@example.com".try_into().expect("an address is ASCII");
    params.subject_alt_names = vec![SanType::Rfc822Name(address)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn issue(dir: &Path, name: &str, params: CertificateParams, authority: &CertifiedIssuer<'static, KeyPair>) {
    let key = KeyPair::generate().expect("a key can be made");
    let cert = params.signed_by(&key, authority).expect("the authority signs");
    write(dir, &format!("{name}.pem"), &cert.pem());
    write(dir, &format!("{name}.key"), &key.serialize_pem());
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn write(dir: &Path, name: &str, text: &str) {
    std::fs::write(dir.join(name), text).expect("a temporary file can be written");
}
