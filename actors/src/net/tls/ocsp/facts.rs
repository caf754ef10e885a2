//! The parts of a certificate that matter when an authority is asked about it.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::Any;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_OCSP, Oid, asn1_rs::oid};
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use crate::net::tls::PeerCertificate;

/// The extension that says what a server must do beside showing the certificate.
const TLS_FEATURE: Oid<'static> = oid!(1.3.6.1.5.5.7.1.24);
/// That it must be stapled, in that extension: the number of `status_request`.
const STATUS_REQUEST: u8 = 5;

/// A certificate, taken apart.
#[derive(Clone, Debug)]
pub(in crate::net::tls) struct Facts {
    /// The certificate itself.
    pub(super) own: PeerCertificate,
    /// Its subject, in DER.
    pub(super) subject: Vec<u8>,
    /// Its issuer, in DER.
    issuer: Vec<u8>,
    /// Its serial number.
    pub(super) serial: Vec<u8>,
    /// Its public key.
    pub(super) key: Vec<u8>,
    key_algorithm: Vec<u8>,
    signed: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// Where to ask about it.
    pub(super) responders: Vec<String>,
    /// It must be stapled.
    pub(in crate::net::tls) must_staple: bool,
    /// It may issue certificates.
    pub(super) is_authority: bool,
    /// It may sign answers for its issuer.
    pub(super) signs_answers: bool,
    /// Most authorities between it and a certificate that it vouches for.
    max_below: Option<u32>,
    /// It may not issue certificates, whatever it says of itself otherwise.
    is_no_issuer: bool,
    not_before: i64,
    not_after: i64,
}

impl Facts {
    /// Takes a certificate apart. Nothing where it is none.
    pub(in crate::net::tls) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (_, whole) = Any::from_der(der).ok()?;
        let (rest, _) = Any::from_der(whole.data).ok()?;
        let (_, algorithm) = Any::from_der(rest).ok()?;
        let key = certificate.public_key();
        let (_, key_info) = Any::from_der(key.raw).ok()?;
        let (_, key_algorithm) = Any::from_der(key_info.data).ok()?;
        let validity = certificate.validity();
        let usage = certificate.extended_key_usage().ok().flatten();
        let basic = certificate.basic_constraints().ok().flatten();
        Some(Self {
            own: PeerCertificate::new(der.clone().into_owned()),
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial: certificate.raw_serial().to_vec(),
            key: key.subject_public_key.data.to_vec(),
            key_algorithm: key_algorithm.data.to_vec(),
            signed: certificate.tbs_certificate.as_ref().to_vec(),
            algorithm: algorithm.data.to_vec(),
            signature: certificate.signature_value.data.to_vec(),
            responders: responders(&certificate),
            must_staple: must_staple(&certificate),
            is_authority: basic.as_ref().is_some_and(|basic| basic.value.ca),
            max_below: basic.as_ref().and_then(|basic| basic.value.path_len_constraint),
            is_no_issuer: is_no_issuer(&certificate),
            signs_answers: usage.is_some_and(|usage| usage.value.ocsp_signing),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// Whether it says that it is from `issuer`, or another of that name.
    pub(super) fn names_issuer(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
    }

    /// Whether `issuer` signed it.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        self.names_issuer(issuer) && issuer.has_signed(&self.algorithm, &self.signed, &self.signature)
    }

    /// Whether `signature` over `signed` was made with the key of this certificate.
    pub(super) fn has_signed(&self, algorithm: &[u8], signed: &[u8], signature: &[u8]) -> bool {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        let fits = known.all.iter().filter(|known| {
            known.signature_alg_id().as_ref() == algorithm && known.public_key_alg_id().as_ref() == self.key_algorithm
        });
        fits.into_iter().any(|known| known.verify_signature(&self.key, signed, signature).is_ok())
    }

    /// Whether it may vouch for a certificate at `now`, in seconds since 1970, with `num_between` authorities between them.
    pub(super) fn may_issue(&self, now: u64, num_between: usize) -> bool {
        let is_near = self.max_below.is_none_or(|max| num_between <= usize::try_from(max).unwrap_or(usize::MAX));
        !self.is_no_issuer && is_near && self.is_valid_at(now)
    }

    /// Whether it is valid at `now`, in seconds since 1970.
    pub(super) fn is_valid_at(&self, now: u64) -> bool {
        i64::try_from(now).is_ok_and(|now| (self.not_before..=self.not_after).contains(&now))
    }
}

/// Whether a certificate may not issue others: one of version 3 says that it is an authority, and what its key may do.
fn is_no_issuer(certificate: &X509Certificate<'_>) -> bool {
    if certificate.version() != X509Version::V3 {
        return false;
    }
    let basic = certificate.basic_constraints().ok().flatten();
    let usage = certificate.key_usage().ok().flatten();
    !basic.is_some_and(|basic| basic.value.ca) || usage.is_some_and(|usage| !usage.value.key_cert_sign())
}

/// Where the certificate says to ask about it, over HTTP.
fn responders(certificate: &X509Certificate<'_>) -> Vec<String> {
    let places = certificate.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => Some(&access.accessdescs),
        _ => None,
    });
    let places = places.flatten().filter(|place| place.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP);
    let urls = places.filter_map(|place| match &place.access_location {
        GeneralName::URI(url) => Some((*url).to_owned()),
        _ => None,
    });
    let is_web = |url: &String| url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    urls.filter(is_web).collect()
}

fn must_staple(certificate: &X509Certificate<'_>) -> bool {
    let feature = certificate.extensions().iter().find(|extension| extension.oid == TLS_FEATURE);
    let Some((rest, list)) = feature.and_then(|feature| Any::from_der(feature.value).ok()) else { return false };
    let mut numbers = list.data;
    while let Ok((left, number)) = Any::from_der(numbers) {
        if number.data == [STATUS_REQUEST] {
            return rest.is_empty();
        }
        numbers = left;
    }
    false
}
