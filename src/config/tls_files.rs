//! Whether the files of a `tls` block are there and hold what they should.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use troupe_engine::options::TlsOptions;

use super::resolver::read_file;

/// Opens every file; the first fault in nats-server's words.
pub(super) fn check(tls: &TlsOptions) -> Result<(), String> {
    let count = tls.certificates.len();
    for (place, pair) in tls.certificates.iter().enumerate() {
        let which = if count > 1 { format!(" {}/{count}", place + 1) } else { String::new() };
        let failed = |reason: String| format!("error parsing X509 certificate/key pair{which}: {reason}");
        let certificates = certificates(&pair.cert_file).map_err(failed)?;
        if certificates == 0 {
            return Err(failed("tls: failed to find any PEM data in certificate input".to_owned()));
        }
        let key = read_file(&pair.key_file).map_err(failed)?;
        if PrivateKeyDer::from_pem_slice(&key).is_err() {
            return Err(failed("tls: failed to find any PEM data in key input".to_owned()));
        }
    }
    match &tls.ca_file {
        Some(file) if certificates(file)? == 0 => Err("failed to parse root ca certificate".to_owned()),
        _ => Ok(()),
    }
}

/// Number of certificates in a file.
fn certificates(file: &Path) -> Result<usize, String> {
    let text = read_file(file)?;
    Ok(CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).count())
}
