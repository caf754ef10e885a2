//! Whether a client's certificate, and those that vouch for it, are still good.

use std::path::Path;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use tracing::{debug, error, warn};
use troupe_codecs::ocsp::OcspStatus;
use troupe_engine::options::OcspPeerOptions;

use super::chain::chains;
use super::responder::ask_for_peer;
use super::response::Response;
use super::{Facts, OcspCache};
use crate::net::HttpFetcher;
use crate::net::tls::pem::trusted_authorities;
use crate::net::tls::{PeerCertificate, TlsConfigError};

/// What was found of a client's certificates.
#[derive(Debug, Default)]
pub struct PeerNews {
    /// The client may come in.
    pub is_valid: bool,
    /// Certificates that are not good, with the reasons.
    pub invalid: Vec<(PeerCertificate, String)>,
}

/// Asks authorities about clients.
#[derive(Debug)]
pub struct PeerCheck {
    options: OcspPeerOptions,
    trusted: Vec<Facts>,
    fetcher: HttpFetcher,
}

impl PeerCheck {
    /// A check for clients of the authorities in `ca_file`, or those of the system. Blocks on the file system.
    pub(in crate::net::tls) fn new(options: &OcspPeerOptions, ca_file: Option<&Path>) -> Result<Self, TlsConfigError> {
        let trusted = trusted_authorities(ca_file)?.iter().filter_map(Facts::of).collect();
        // No time at all stands for the default.
        let default = OcspPeerOptions::default().ca_timeout;
        let timeout = if options.ca_timeout.is_zero() { default } else { options.ca_timeout };
        Ok(Self { options: options.clone(), trusted, fetcher: HttpFetcher::for_strangers(timeout) })
    }

    /// Judges the certificates a client showed, its own first. One chain that is good is enough.
    pub async fn judge(&self, shown: &[PeerCertificate], cache: &OcspCache) -> PeerNews {
        let der = |certificate: &PeerCertificate| Facts::of(&CertificateDer::from(certificate.der()));
        let shown: Vec<Facts> = shown.iter().map_while(der).collect();
        let mut news = PeerNews::default();
        if shown.is_empty() {
            error!("Peer certificate is nil, rejecting OCSP peer");
            return news;
        }
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let chains = chains(&shown, &self.trusted, now.as_secs());
        debug!("Peer OCSP enabled: {} TLS client chain(s) will be evaluated", chains.len());
        for (number, chain) in chains.iter().enumerate() {
            debug!("Chain [{number}]: {} total link(s)", chain.len());
            match self.judge_chain(number, chain, cache).await {
                Ok(()) => {
                    news.is_valid = true;
                    return news;
                }
                Err((link, reason)) => {
                    debug!("{reason}");
                    news.invalid.push((link, reason));
                }
            }
        }
        debug!("No OCSP valid chains, thus peer is invalid");
        news
    }

    async fn judge_chain(
        &self,
        number: usize,
        chain: &[&Facts],
        cache: &OcspCache,
    ) -> Result<(), (PeerCertificate, String)> {
        let links = chain.windows(2).filter(|link| !link[0].responders.is_empty());
        let links: Vec<(&Facts, &Facts)> = links.map(|link| (link[0], link[1])).collect();
        if links.is_empty() {
            match chain.len() {
                1 => debug!("Chain [{number}] is self-signed, thus peer is valid"),
                _ => debug!("Chain [{number}] has no OCSP eligible links, thus peer is valid"),
            }
            return Ok(());
        }
        debug!("Chain [{number}] has {} OCSP eligible link(s)", links.len());
        for (certificate, issuer) in links {
            let judged = self.judge_link(certificate, issuer, cache).await;
            judged.map_err(|reason| (certificate.own.clone(), reason))?;
        }
        debug!("Chain [{number}] is OCSP valid for all eligible links, thus peer is valid");
        Ok(())
    }

    /// Judges one certificate; the reason where it is not good.
    async fn judge_link(&self, certificate: &Facts, issuer: &Facts, cache: &OcspCache) -> Result<(), String> {
        let subject = certificate.own.subject();
        let key = certificate.own.fingerprint();
        debug!("Checking OCSP peer cache for [{subject}], key [{key}]");
        let (cached, was_revoked) = self.cached(certificate, issuer, &key, cache);
        let status = match cached {
            Some(status) => status,
            None => match self.ask(certificate, issuer).await {
                Ok(response) => {
                    debug!("Caching OCSP response for [{subject}], key [{key}]");
                    cache.put(key, &subject, &response);
                    response.status
                }
                Err(Unanswered::Fetch) => return self.without_answer(&subject, was_revoked),
                Err(Unanswered::Useless(reason)) => return self.refuse(&subject, reason),
            },
        };
        if status == OcspStatus::Revoked || (status == OcspStatus::Unknown && !self.options.unknown_is_good) {
            warn!("OCSP verify fail for [{subject}] with CA status [{}]", status.text());
            return self.refuse(&subject, format!("Invalid OCSP response status: {}", status.text()));
        }
        debug!("OCSP verify pass for [{subject}]");
        Ok(())
    }

    /// What the cache says, if it still holds, and whether the certificate was known as revoked.
    fn cached(&self, certificate: &Facts, issuer: &Facts, key: &str, cache: &OcspCache) -> (Option<OcspStatus>, bool) {
        let Some(raw) = cache.get(key) else { return (None, false) };
        let now = SystemTime::now();
        let Ok(response) = Response::read(raw, certificate, issuer, now) else {
            debug!("Invalid cached OCSP response for [{}] with fingerprint [{key}]", certificate.own.subject());
            // Its signer may have gone meanwhile: what it said of a revoked certificate still counts.
            let was_revoked = cache.knows_revoked(key);
            cache.delete(key);
            return (None, was_revoked);
        };
        let (status, was_revoked) = (response.status, response.status == OcspStatus::Revoked);
        if response.is_current(&self.options, now) {
            debug!("Cached OCSP response is current, status [{}]", status.text());
            return (Some(status), was_revoked);
        }
        debug!("Cached OCSP response is expired, status [{}]", status.text());
        cache.delete(key);
        (None, was_revoked)
    }

    async fn ask(&self, certificate: &Facts, issuer: &Facts) -> Result<Response, Unanswered> {
        let subject = certificate.own.subject();
        let raw = ask_for_peer(&self.fetcher, certificate, issuer).await;
        let raw = raw.and_then(|raw| if raw.is_empty() { Err("<nil>".to_owned()) } else { Ok(raw) });
        let raw = raw.map_err(|cause| {
            warn!("Attempt to obtain OCSP response from CA responder for [{subject}] failed: {cause}");
            Unanswered::Fetch
        })?;
        let now = SystemTime::now();
        let response = Response::read(raw, certificate, issuer, now).map_err(|cause| {
            error!("Could not parse OCSP CA response for [{subject}]: {cause}");
            Unanswered::Useless("Failed OCSP response parse".to_owned())
        })?;
        if !response.is_current(&self.options, now) {
            warn!("New OCSP CA response obtained for [{subject}] but not current");
            return Err(Unanswered::Useless("OCSP response not in effectivity window".to_owned()));
        }
        Ok(response)
    }

    fn without_answer(&self, subject: &str, was_revoked: bool) -> Result<(), String> {
        const SET: &str = "AllowWhenCAUnreachable set";

        let failed = format!("Failed to obtain OCSP CA response for [{subject}] but {SET}");
        if !self.options.warn_only && self.options.allow_when_ca_unreachable {
            if !was_revoked {
                warn!("{failed}; no cached revocation so allowing");
                return Ok(());
            }
            warn!("{failed}; cached revocation exists so rejecting");
        }
        self.refuse(subject, "Failed OCSP response fetch".to_owned())
    }

    /// Refuses, unless it is only to be told.
    fn refuse(&self, subject: &str, reason: String) -> Result<(), String> {
        if self.options.warn_only {
            warn!("OCSP verify fail for [{subject}] but WarnOnly is true so allowing");
            return Ok(());
        }
        Err(reason)
    }
}

/// Why there is no answer that counts. It is logged already.
enum Unanswered {
    /// Nobody answered.
    Fetch,
    /// The answer is of no use.
    Useless(String),
}
