//! PEM files: certificate chains, private keys, authorities.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::SignatureAlgorithm;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use troupe_engine::options::CertificatePair;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::error::{FileError, PairError, TlsConfigError};

/// Largest file read. A bundle of all public authorities has less than 1 MB.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Reads a certificate chain and its key, and checks that they belong together.
///
/// # Errors
/// A file is unreadable, holds the wrong thing, or the key is encrypted or belongs to another certificate.
pub fn load_pair(pair: &CertificatePair, provider: &CryptoProvider) -> Result<CertifiedKey, TlsConfigError> {
    read_pair(pair, provider).map_err(TlsConfigError::Pair)
}

/// Reads the certificates of a file of authorities.
///
/// # Errors
/// The file is unreadable or holds no certificate.
pub fn load_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let text = read(path).map_err(TlsConfigError::ReadAuthorities)?;
    let sections = sections(&text).into_iter().filter(|(kind, _)| *kind == SectionKind::Certificate);
    let certificates: Vec<_> = sections.map(|(_, der)| CertificateDer::from(der)).collect();
    match certificates.is_empty() {
        true => Err(TlsConfigError::Authorities),
        false => Ok(certificates),
    }
}

/// Whom `ca_file` names, or the system where there is none.
///
/// # Errors
/// The file is unreadable or holds no certificate, or the system trusts nobody.
pub fn trusted_authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let Some(file) = ca_file else {
        let certificates = rustls_native_certs::load_native_certs().certs;
        return if certificates.is_empty() { Err(TlsConfigError::NoSystemAuthorities) } else { Ok(certificates) };
    };
    load_authorities(file)
}

fn read_pair(pair: &CertificatePair, provider: &CryptoProvider) -> Result<CertifiedKey, PairError> {
    let certificate_text = read(&pair.cert_file).map_err(PairError::Read)?;
    let key_text = read(&pair.key_file).map_err(PairError::Read)?;
    let chain = parse_chain(&certificate_text)?;
    let key = parse_key(&key_text)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|cause| content(format!("failed to parse private key: {cause}")))?;
    let leaf = chain.first().map(CertificateDer::as_ref).unwrap_or_default();
    let (_, leaf) =
        X509Certificate::from_der(leaf).map_err(|cause| content(format!("failed to parse certificate: {cause}")))?;
    if !same_type(&leaf, key.algorithm()) {
        return Err(content("private key type does not match public key type"));
    }
    // Not `CertifiedKey::keys_match`: it refuses version 1 certificates, which nats-server serves.
    if key.public_key().is_some_and(|public| public.as_ref() != leaf.public_key().raw) {
        return Err(content("private key does not match public key"));
    }
    Ok(CertifiedKey::new(chain, key))
}

fn parse_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PairError> {
    let sections = sections(text);
    let chain: Vec<_> = sections
        .iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(content(match (sections.is_empty() && !has_block(text), sections.iter().any(|(kind, _)| is_key(*kind))) {
        (true, _) => "failed to find any PEM data in certificate input",
        (_, true) => {
            "failed to find certificate PEM data in certificate input, but did find a private key; \
             PEM inputs may have been switched"
        }
        _ => "failed to find \"CERTIFICATE\" PEM block in certificate input",
    }))
}

fn parse_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PairError> {
    if is_encrypted(text) {
        return Err(content(
            "failed to parse private key: encrypted private keys are not supported, \
             write it in clear first (openssl pkey -in FILE -out FILE)",
        ));
    }
    let sections = sections(text);
    if let Some((kind, der)) = sections.iter().find(|(kind, _)| is_key(*kind)) {
        let der = der.clone();
        return Ok(match kind {
            SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(der.into()),
            SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(der.into()),
            _ => PrivateKeyDer::Pkcs8(der.into()),
        });
    }
    Err(content(match sections.iter().any(|(kind, _)| *kind == SectionKind::Certificate) {
        true => "found a certificate rather than a key in the PEM for the private key",
        false if has_block(text) => "failed to find PEM block with type ending in \"PRIVATE KEY\" in key input",
        false => "failed to find any PEM data in key input",
    }))
}

fn content(text: impl Into<String>) -> PairError {
    PairError::Content(text.into())
}

fn is_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

/// Both ways a key file says so: PKCS#8's label and OpenSSL's traditional header.
fn is_encrypted(text: &[u8]) -> bool {
    ["ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| memchr::memmem::find(text, mark.as_bytes()).is_some())
}

fn has_block(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"-----BEGIN ").is_some()
}

/// The blocks of a file; reading ends at the first broken one.
fn sections(text: &[u8]) -> Vec<(SectionKind, Vec<u8>)> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text).map_while(Result::ok).collect()
}

fn same_type(certificate: &X509Certificate<'_>, key: SignatureAlgorithm) -> bool {
    let algorithm = certificate.public_key().algorithm.algorithm.to_id_string();
    match key {
        SignatureAlgorithm::RSA => algorithm == "1.2.840.113549.1.1.1",
        SignatureAlgorithm::ECDSA => algorithm == "1.2.840.10045.2.1",
        SignatureAlgorithm::ED25519 => algorithm == "1.3.101.112",
        _ => true,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let error = |step, source| FileError { step, path: path.to_owned(), source };
    let file = File::open(path).map_err(|source| error("open", source))?;
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text).map_err(|source| error("read", source))?;
    Ok(text)
}
