//! Asking over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::debug;
use troupe_codecs::ocsp::ocsp_request;

use super::Facts;
use crate::net::HttpFetcher;

/// The question about `certificate`.
fn question(certificate: &Facts, issuer: &Facts) -> Result<Bytes, String> {
    let question = ocsp_request(&issuer.subject, &issuer.key, &certificate.serial);
    question.map(Bytes::from).ok_or_else(|| "the certificate's serial number is invalid".to_owned())
}

/// Asks the responders at `urls` one after the other, by POST and then by GET, until one answers.
pub(super) async fn ask_for_own(
    fetcher: &HttpFetcher,
    urls: &[String],
    certificate: &Facts,
    issuer: &Facts,
) -> Result<Bytes, String> {
    let question = question(certificate, issuer)?;
    let mut failure = None;
    for url in urls {
        let url = url.trim_end_matches('/');
        let posted = fetcher.post(url, question.clone(), "application/ocsp-request", "application/ocsp-response");
        let by_post = match posted.await {
            Ok(answer) => return Ok(answer),
            Err(cause) => cause,
        };
        match fetcher.get_bytes(&format!("{url}/{}", STANDARD.encode(&question))).await {
            Ok(answer) => return Ok(answer),
            Err(cause) => failure = Some(format!("Post {url:?}: {by_post}; Get {url:?}: {cause}")),
        }
    }
    Err(failure
        .map_or_else(|| "no available ocsp servers".to_owned(), |failure| format!("exhausted ocsp servers: {failure}")))
}

/// Asks the responders that a client's certificate names, one after the other, until one answers.
pub(super) async fn ask_for_peer(fetcher: &HttpFetcher, certificate: &Facts, issuer: &Facts) -> Result<Bytes, String> {
    let question = STANDARD.encode(question(certificate, issuer)?);
    let question = utf8_percent_encode(&question, NON_ALPHANUMERIC);
    let mut failure = "no available OCSP servers".to_owned();
    for url in &certificate.responders {
        debug!("Trying OCSP responder url [{url}]");
        match fetcher.get_bytes(&format!("{}/{question}", url.trim_end_matches('/'))).await {
            Ok(answer) => return Ok(answer),
            Err(cause) => failure = format!("exhausted OCSP responders: {cause}"),
        }
    }
    Err(failure)
}
