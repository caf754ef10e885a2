//! Answers of authorities that were checked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use troupe_codecs::ocsp::{OcspFault, OcspStatus, parse_ocsp_response};
use troupe_codecs::report::Timestamp;
use troupe_engine::options::OcspPeerOptions;

use super::Facts;

/// Why an answer does not count. The texts are like those of Go's library.
#[derive(Debug, Error)]
pub(super) enum ResponseError {
    /// It cannot be read, or is about something else.
    #[error(transparent)]
    Content(#[from] OcspFault),
    /// Nobody who may signed it.
    #[error("bad OCSP signature: {0}")]
    Signature(&'static str),
    /// Somebody signed it whom the authority did not allow to.
    #[error("the signer is not authorized by the certificate authority")]
    Delegate,
    /// It is not true any more, or not yet.
    #[error("invalid ocsp {0}")]
    Time(String),
}

/// What an authority says, once its signature is checked.
#[derive(Clone, Debug)]
pub(super) struct Response {
    /// As it came.
    pub(super) raw: Bytes,
    /// What it says.
    pub(super) status: OcspStatus,
    /// When it was known so.
    pub(super) this_update: SystemTime,
    /// When more will be known.
    pub(super) next_update: Option<SystemTime>,
}

impl Response {
    /// Reads an answer about `certificate` and checks that its issuer, or whom the issuer authorized, signed it.
    pub(super) fn read(
        raw: Bytes,
        certificate: &Facts,
        issuer: &Facts,
        now: SystemTime,
    ) -> Result<Self, ResponseError> {
        let answer = parse_ocsp_response(&raw, &certificate.serial)?;
        if !answer.is_of_issuer(&issuer.subject, &issuer.key) {
            return Err(OcspFault::Another.into());
        }
        let has_signed = |signer: &Facts| signer.has_signed(&answer.algorithm, &answer.signed, &answer.signature);
        if !has_signed(issuer) {
            let first = answer.certificates.first().cloned().map(CertificateDer::from);
            let Some(delegate) = first.as_ref().and_then(Facts::of) else {
                return Err(ResponseError::Signature("it is not the issuer's"));
            };
            if !has_signed(&delegate) {
                return Err(ResponseError::Signature("it is not that of the embedded certificate"));
            }
            if !delegate.is_signed_by(issuer) {
                return Err(ResponseError::Signature("the embedded certificate is not the issuer's"));
            }
            if !delegate.signs_answers || !delegate.is_valid_at(seconds(now)) {
                return Err(ResponseError::Delegate);
            }
        }
        let moment = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let (this_update, next_update) = (moment(answer.this_update), answer.next_update.map(moment));
        Ok(Self { raw, status: answer.status, this_update, next_update })
    }

    /// Checks that it holds at `now`, to be stapled.
    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), ResponseError> {
        if let Some(next) = self.next_update.filter(|next| *next < now) {
            return Err(ResponseError::Time(format!("NextUpdate, is past time: {}", Timestamp(next))));
        }
        if self.this_update > now {
            return Err(ResponseError::Time(format!("ThisUpdate, is future time: {}", Timestamp(self.this_update))));
        }
        Ok(())
    }

    /// Whether it tells of a client's certificate at `now`.
    pub(super) fn is_current(&self, options: &OcspPeerOptions, now: SystemTime) -> bool {
        // What is later than the clock can tell does not come.
        let skew = options.allowed_clockskew;
        let end = self.next_update.or(self.this_update.checked_add(options.cache_ttl_when_next_update_unset));
        let has_ended = end.and_then(|end| end.checked_add(skew)).is_some_and(|end| end < now);
        let has_begun = now.checked_add(skew).is_none_or(|now| self.this_update <= now);
        has_begun && !has_ended
    }
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
