//! Names in a client certificate.

use thiserror::Error;
use troupe_engine::auth::{CertificateNames, DistinguishedName};
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// A client certificate that cannot be read.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// Not a certificate.
    #[error("client certificate cannot be parsed: {0}")]
    Malformed(#[source] X509Error),
}

/// Names of a client certificate, for `verify_and_map`.
///
/// # Errors
/// When `der` is not an X.509 certificate.
pub fn certificate_names(der: &[u8]) -> Result<CertificateNames, CertificateError> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| CertificateError::Malformed(X509Error::from(error)))?;
    let mut names = CertificateNames { subject: distinguished_name(certificate.subject()), ..Default::default() };
    let alternatives = certificate.subject_alternative_name().map_err(CertificateError::Malformed)?;
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::RFC822Name(email) => names.emails.push((*email).to_owned()),
            GeneralName::DNSName(dns) => names.dns_names.push((*dns).to_owned()),
            GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
            _ => {}
        }
    }
    Ok(names)
}

fn distinguished_name(subject: &X509Name<'_>) -> DistinguishedName {
    let mut name = DistinguishedName::default();
    for relative in subject.iter() {
        let attributes = relative.iter().filter_map(|attribute| {
            let value = attribute.as_str().ok()?;
            Some((attribute.attr_type().to_id_string(), value.to_owned()))
        });
        name.push(attributes);
    }
    name
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn reads_names() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Org");
        let domain_component = DnType::CustomDnType(vec![0, 9, 2342, 19200300, 100, 1, 25]);
        params.distinguished_name.push(domain_component, "com");
        params.distinguished_name.push(DnType::CommonName, "joe");
        params.subject_alt_names = vec![
            SanType::DnsName("joe.example.com".try_into().expect("a name")),
            SanType::Rfc822Name("joe@example.com".try_into().expect("a name")),
            SanType::URI("spiffe://example.com/joe".try_into().expect("a name")),
        ];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signs");
        let names = certificate_names(certificate.der()).expect("a certificate");
        let alternatives: Vec<_> = names.alternative_names().collect();
        assert_eq!(alternatives, ["joe@example.com", "joe.example.com", "spiffe://example.com/joe"]);
        assert_eq!(names.subject.go_text(), "CN=joe,O=Org");
        assert_eq!(names.subject.domain_components().as_deref(), Some("DC=com"));
        assert!(certificate_names(b"not a certificate").is_err());
    }
}
