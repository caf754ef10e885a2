//! Questions to an authority whether a certificate is still good, and its answers (RFC 6960).

use der::asn1::{BitStringRef, Null, ObjectIdentifier, OctetString};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber};
use sha1::{Digest, Sha1};
use thiserror::Error;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request, ResponseData, SingleResponse,
    TbsRequest,
};

/// `id-sha1`, which names the issuer in a question: responders need not know more.
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
/// `id-pkix-ocsp-basic`, the only kind of answer there is.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// What an authority says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// It is not revoked.
    Good,
    /// It is revoked.
    Revoked,
    /// The authority does not know it.
    Unknown,
}

impl OcspStatus {
    /// The word in log lines and files.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// Why bytes are no answer. The texts are like those of Go's library.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OcspFault {
    /// They are not DER of the right shape.
    #[error("malformed OCSP response: {0}")]
    Malformed(String),
    /// The responder refused to answer.
    #[error("ocsp: error from server: {0}")]
    Refused(&'static str),
    /// An unknown kind of answer.
    #[error("bad OCSP response type")]
    Kind,
    /// It answers for another certificate.
    #[error("no response matching the supplied certificate")]
    Another,
    /// It has an extension that must be understood.
    #[error("unsupported critical extension")]
    Critical,
}

impl From<der::Error> for OcspFault {
    fn from(cause: der::Error) -> Self {
        Self::Malformed(cause.to_string())
    }
}

/// An answer whose signature is still to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspAnswer {
    /// What is signed, in DER.
    pub signed: Vec<u8>,
    /// The content of the `AlgorithmIdentifier` of the signature.
    pub algorithm: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// Certificates that come with it, the one of the signer first.
    pub certificates: Vec<Vec<u8>>,
    /// Which certificate it is about.
    about: CertId,
    /// What it says of the certificate.
    pub status: OcspStatus,
    /// When the authority knew it so, in seconds since 1970.
    pub this_update: u64,
    /// When it will know more, in seconds since 1970.
    pub next_update: Option<u64>,
}

impl OcspAnswer {
    /// Whether it is about a certificate of the issuer with this name (in DER) and public key (its bits): others may have given
    /// the same serial number.
    #[must_use]
    pub fn is_of_issuer(&self, name: &[u8], key: &[u8]) -> bool {
        let fits = |hash: &OctetString, bytes: &[u8]| hash.as_bytes() == &Sha1::digest(bytes)[..];
        self.about.hash_algorithm.oid == SHA1
            && fits(&self.about.issuer_name_hash, name)
            && fits(&self.about.issuer_key_hash, key)
    }
}

/// The question about the certificate with `serial`, whose issuer has this name (in DER) and public key (its bits).
/// Nothing where the serial number is none.
#[must_use]
pub fn ocsp_request(issuer_name: &[u8], issuer_key: &[u8], serial: &[u8]) -> Option<Vec<u8>> {
    let mut encoded = vec![u8::from(Tag::Integer), u8::try_from(serial.len()).ok().filter(|len| *len < 0x80)?];
    encoded.extend_from_slice(serial);
    let hash = |bytes: &[u8]| OctetString::new(Sha1::digest(bytes).to_vec());
    let req_cert = CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid: SHA1, parameters: Some(Null.into()) },
        issuer_name_hash: hash(issuer_name).ok()?,
        issuer_key_hash: hash(issuer_key).ok()?,
        serial_number: SerialNumber::from_der(&encoded).ok()?,
    };
    let request_list = vec![Request { req_cert, single_request_extensions: None }];
    let tbs_request = TbsRequest { request_list, ..TbsRequest::default() };
    OcspRequest { tbs_request, optional_signature: None }.to_der().ok()
}

/// Reads an answer about the certificate with `serial`.
///
/// # Errors
/// See [`OcspFault`].
pub fn parse_ocsp_response(bytes: &[u8], serial: &[u8]) -> Result<OcspAnswer, OcspFault> {
    let response = OcspResponse::from_der(bytes)?;
    let refused = match response.response_status {
        OcspResponseStatus::Successful => None,
        OcspResponseStatus::MalformedRequest => Some("malformed"),
        OcspResponseStatus::InternalError => Some("internal error"),
        OcspResponseStatus::TryLater => Some("try later"),
        OcspResponseStatus::SigRequired => Some("signature required"),
        OcspResponseStatus::Unauthorized => Some("unauthorized"),
    };
    if let Some(reason) = refused {
        return Err(OcspFault::Refused(reason));
    }
    let content = response.response_bytes.filter(|content| content.response_type == BASIC).ok_or(OcspFault::Kind)?;
    let basic = Basic::read(content.response.as_bytes())?;
    let data = ResponseData::from_der(basic.signed)?;
    let is_wanted = |single: &&SingleResponse| single.cert_id.serial_number.as_bytes() == serial;
    let single = data.responses.iter().find(is_wanted).ok_or(OcspFault::Another)?;
    if single.single_extensions.iter().flatten().any(|extension| extension.critical) {
        return Err(OcspFault::Critical);
    }
    let seconds = |time: &x509_ocsp::OcspGeneralizedTime| time.0.to_unix_duration().as_secs();
    Ok(OcspAnswer {
        signed: basic.signed.to_vec(),
        algorithm: basic.algorithm.to_vec(),
        signature: basic.signature.to_vec(),
        certificates: basic.certificates,
        about: single.cert_id.clone(),
        status: match single.cert_status {
            CertStatus::Good(_) => OcspStatus::Good,
            CertStatus::Revoked(_) => OcspStatus::Revoked,
            CertStatus::Unknown(_) => OcspStatus::Unknown,
        },
        this_update: seconds(&single.this_update),
        next_update: single.next_update.as_ref().map(seconds),
    })
}

/// The parts of a `BasicOCSPResponse` as they are: a signature is over bytes, not over what they mean.
struct Basic<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: Vec<Vec<u8>>,
}

impl<'a> Basic<'a> {
    fn read(bytes: &'a [u8]) -> der::Result<Self> {
        let mut parts = SliceReader::new(content(bytes, Tag::Sequence)?)?;
        let signed = parts.tlv_bytes()?;
        let algorithm = content(parts.tlv_bytes()?, Tag::Sequence)?;
        let signature = BitStringRef::decode(&mut parts)?.raw_bytes();
        let mut certificates = Vec::new();
        if !parts.is_finished() {
            let tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
            let list = content(content(parts.tlv_bytes()?, tag)?, Tag::Sequence)?;
            let mut list = SliceReader::new(list)?;
            while !list.is_finished() {
                certificates.push(list.tlv_bytes()?.to_vec());
            }
        }
        parts.finish(Self { signed, algorithm, signature, certificates })
    }
}

/// What is inside of the one value that `bytes` are.
fn content(bytes: &[u8], tag: Tag) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(bytes)?;
    let header = der::Header::decode(&mut reader)?;
    header.tag.assert_eq(tag)?;
    let content = reader.read_slice(header.length)?;
    reader.finish(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn questions() {
        let question = ocsp_request(b"name", b"key", &[0x10, 0x01]).expect("a serial number");
        let read = OcspRequest::from_der(&question).expect("it is read again");
        let [asked] = &read.tbs_request.request_list[..] else { panic!("one question") };
        assert_eq!(asked.req_cert.serial_number.as_bytes(), [0x10, 0x01]);
        assert_eq!(asked.req_cert.issuer_key_hash.as_bytes(), &Sha1::digest(b"key")[..]);
        assert_eq!(asked.req_cert.issuer_name_hash.as_bytes(), &Sha1::digest(b"name")[..]);
        assert_eq!(ocsp_request(b"name", b"key", &[1; 200]), None);
        assert_eq!(ocsp_request(b"name", b"key", &[]), None);
    }

    #[test]
    fn answers_name_their_issuer() {
        let question = ocsp_request(b"name", b"key", &[1]).expect("a serial number");
        let read = OcspRequest::from_der(&question).expect("it is read again");
        let answer = OcspAnswer {
            signed: Vec::new(),
            algorithm: Vec::new(),
            signature: Vec::new(),
            certificates: Vec::new(),
            about: read.tbs_request.request_list[0].req_cert.clone(),
            status: OcspStatus::Good,
            this_update: 0,
            next_update: None,
        };
        assert!(answer.is_of_issuer(b"name", b"key"));
        assert!(!answer.is_of_issuer(b"another", b"key"));
        assert!(!answer.is_of_issuer(b"name", b"another"));
    }

    #[test]
    fn refusals() {
        let unauthorized = [0x30, 3, 0x0a, 1, 6];
        assert_eq!(parse_ocsp_response(&unauthorized, &[1]), Err(OcspFault::Refused("unauthorized")));
        assert_eq!(parse_ocsp_response(&[0x30, 3, 0x0a, 1, 0], &[1]), Err(OcspFault::Kind));
        assert!(matches!(parse_ocsp_response(b"", &[1]), Err(OcspFault::Malformed(_))));
    }

    proptest! {
        /// Whatever a responder sends is judged without a panic.
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), serial in prop::collection::vec(any::<u8>(), 0..20)) {
            parse_ocsp_response(&bytes, &serial).ok();
            Basic::read(&bytes).ok();
        }
    }
}
