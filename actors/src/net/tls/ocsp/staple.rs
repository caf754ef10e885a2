//! The server's own certificates, shown with what their authority says of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{error, info};
use troupe_codecs::conf::format_duration;
use troupe_codecs::ocsp::OcspStatus;
use troupe_codecs::report::Timestamp;
use troupe_engine::options::{OcspMode, OcspOptions, Options};

use super::Facts;
use super::responder::ask_for_own;
use super::response::Response;
use crate::net::HttpFetcher;
use crate::net::tls::TlsAcceptorHandle;
use crate::net::tls::pem::trusted_authorities;

/// Directory of answers, below that of the server's data.
const DIRECTORY: &str = "ocsp";
/// Time until the next question where the answer does not say when there will be another.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// The same where the last answer does not hold any more and there was no other.
const OVERDUE_INTERVAL: Duration = Duration::from_secs(2 * 60);
/// Shortest time between two questions.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time between two looks at what is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// Which certificates are stapled, and where answers are kept.
#[derive(Clone, Debug, Default)]
pub struct Stapling {
    options: Option<OcspOptions>,
    directory: Option<PathBuf>,
}

impl Stapling {
    /// What the options ask for.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        let directory = options.jetstream.store_dir.as_ref().map(|directory| directory.join(DIRECTORY));
        Self { options: options.ocsp.clone(), directory }
    }

    /// Whether a certificate is stapled.
    fn wants(&self, certificate: &Facts) -> bool {
        match self.options.as_ref().map_or(OcspMode::Auto, |options| options.mode) {
            OcspMode::Auto | OcspMode::Must => certificate.must_staple,
            OcspMode::Always => true,
            OcspMode::Never => false,
        }
    }
}

/// Why a certificate cannot be stapled.
#[derive(Debug, Error)]
pub enum StapleError {
    /// Nobody says what it is worth.
    #[error("bad OCSP status update for certificate at '{}': {reason}", .file.display())]
    Unknown {
        /// File of the certificate.
        file: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// It is not good.
    #[error("found existing OCSP status for certificate at '{}': {status}", .file.display())]
    Bad {
        /// File of the certificate.
        file: PathBuf,
        /// What the authority says.
        status: &'static str,
    },
}

/// A certificate that the server must not be without was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked;

/// A certificate, and the newest answer about it.
#[derive(Debug)]
pub(in crate::net::tls) struct Staple {
    plain: CertifiedKey,
    file: PathBuf,
    certificate: Facts,
    issuer: Facts,
    urls: Vec<String>,
    /// The server ends when it is revoked.
    is_vital: bool,
    store: Option<PathBuf>,
    fetcher: HttpFetcher,
    current: ArcSwapOption<Stapled>,
    /// Held by the one who asks; the time of the last question without an answer.
    asking: tokio::sync::Mutex<Option<Instant>>,
    due: Mutex<Instant>,
}

#[derive(Debug)]
struct Stapled {
    key: Arc<CertifiedKey>,
    response: Response,
}

impl Staple {
    /// Prepares a certificate that is to be stapled; `None` where it is not. Blocks on the file system.
    ///
    /// # Errors
    /// Its issuer is not known, or the directory of answers cannot be made. In nats-server's words.
    pub(in crate::net::tls) fn plan(
        key: &CertifiedKey,
        file: &Path,
        ca_file: Option<&Path>,
        stapling: &Stapling,
    ) -> Result<Option<Self>, String> {
        let Some(certificate) = key.cert.first().and_then(Facts::of) else { return Ok(None) };
        if !stapling.wants(&certificate) {
            if certificate.must_staple {
                tracing::warn!("Certificate at '{}' has MustStaple but OCSP is disabled", file.display());
            }
            return Ok(None);
        }
        let issuer = issuer_of(key, &certificate, ca_file)?;
        if let Some(directory) = &stapling.directory {
            fs::create_dir_all(directory)
                .map_err(|cause| format!("could not create OCSP storage directory - {cause}"))?;
        }
        let options = stapling.options.clone().unwrap_or_default();
        let urls = if options.urls.is_empty() { certificate.responders.clone() } else { options.urls };
        let store = stapling.directory.as_ref().map(|directory| directory.join(certificate.own.sha256()));
        Ok(Some(Self {
            plain: key.clone(),
            file: file.to_owned(),
            certificate,
            issuer,
            urls,
            is_vital: matches!(options.mode, OcspMode::Always | OcspMode::Must),
            store,
            fetcher: HttpFetcher::for_strangers(TIMEOUT),
            current: ArcSwapOption::empty(),
            asking: tokio::sync::Mutex::new(None),
            due: Mutex::new(Instant::now()),
        }))
    }

    /// The certificate without an answer, to look at.
    pub(in crate::net::tls) fn plain(&self) -> &CertifiedKey {
        &self.plain
    }

    /// The certificate with its answer; nothing while there is none that holds.
    pub(in crate::net::tls) fn key(&self) -> Option<Arc<CertifiedKey>> {
        let current = self.current.load();
        let current = current.as_ref().filter(|current| current.response.check_time(SystemTime::now()).is_ok());
        current.map(|current| Arc::clone(&current.key))
    }

    /// Gets the first answer.
    pub(in crate::net::tls) async fn begin(&self) -> Result<(), StapleError> {
        let status = match self.stored().await {
            Some(status) => status,
            None => self.ask().await.map_err(|reason| StapleError::Unknown { file: self.file.clone(), reason })?,
        };
        info!("OCSP Stapling enabled for Client connections");
        match status {
            OcspStatus::Good => {
                info!("Found OCSP status for Client certificate at '{}': {}", self.file.display(), self.outlook());
                Ok(())
            }
            bad if self.is_vital => Err(StapleError::Bad { file: self.file.clone(), status: bad.text() }),
            bad => {
                error!("Found OCSP status for Client certificate at '{}': {}", self.file.display(), bad.text());
                Ok(())
            }
        }
    }

    /// Gets an answer where there is none that holds. Asks not more often than once a second.
    pub(in crate::net::tls) async fn ensure(&self) {
        if self.key().is_some() {
            return;
        }
        let mut asking = self.asking.lock().await;
        if self.key().is_some() || asking.is_some_and(|failed| failed.elapsed() < MIN_INTERVAL) {
            return;
        }
        if self.stored().await.is_some() {
            return;
        }
        // A handshake that gives up waiting counts as a failure.
        *asking = Some(Instant::now());
        let answer = self.ask().await;
        *asking = answer.is_err().then(Instant::now);
        match answer {
            Ok(OcspStatus::Good) => {}
            // Whoever keeps it fresh acts on it.
            Ok(_) => *self.due.lock() = Instant::now(),
            Err(reason) => error!("Bad OCSP status update for certificate '{}': {reason}", self.file.display()),
        }
    }

    fn due(&self) -> Instant {
        *self.due.lock()
    }

    /// Asks again.
    async fn refresh(&self) -> Result<(), Revoked> {
        let answer = {
            let _asking = self.asking.lock().await;
            self.ask().await
        };
        let file = self.file.display();
        match answer {
            Ok(OcspStatus::Good) => {
                info!("Received OCSP status for Client certificate '{file}': {}", self.outlook());
                Ok(())
            }
            Ok(bad) => {
                error!("Received OCSP status for Client certificate '{file}': {}", bad.text());
                if self.is_vital { Err(Revoked) } else { Ok(()) }
            }
            Err(reason) => {
                let wait = format_duration(i64::try_from(self.plan_next().as_nanos()).unwrap_or(i64::MAX));
                error!("Bad OCSP status update for certificate '{file}': {reason}, trying again in {wait}");
                Ok(())
            }
        }
    }

    /// Takes over the answer that was kept, if it still holds.
    async fn stored(&self) -> Option<OcspStatus> {
        let file = self.store.clone()?;
        let raw = spawn_blocking(move || fs::read(file)).await.ok()?.ok()?;
        let now = SystemTime::now();
        let response = Response::read(raw.into(), &self.certificate, &self.issuer, now).ok()?;
        response.check_time(now).ok()?;
        Some(self.take(response))
    }

    /// Asks the authority, and keeps its answer.
    async fn ask(&self) -> Result<OcspStatus, String> {
        let raw = ask_for_own(&self.fetcher, &self.urls, &self.certificate, &self.issuer).await?;
        let now = SystemTime::now();
        let response = Response::read(raw.clone(), &self.certificate, &self.issuer, now);
        let response = response.map_err(|cause| format!("failed to get remote status: {cause}"))?;
        response.check_time(now).map_err(|cause| cause.to_string())?;
        if let Some(file) = self.store.clone() {
            let written = spawn_blocking(move || write(&file, &raw)).await.map_err(io::Error::other).flatten();
            written.map_err(|cause| format!("failed to write ocsp status: {cause}"))?;
        }
        Ok(self.take(response))
    }

    fn take(&self, response: Response) -> OcspStatus {
        let status = response.status;
        let key = Arc::new(CertifiedKey { ocsp: Some(response.raw.to_vec()), ..self.plain.clone() });
        self.current.store(Some(Arc::new(Stapled { key, response })));
        self.plan_next();
        status
    }

    /// Decides when to ask again, and says in what time that is: after half of the time the answer still holds.
    fn plan_next(&self) -> Duration {
        let current = self.current.load();
        let next = current.as_ref().and_then(|current| current.response.next_update);
        let wait = match next.map(|next| next.duration_since(SystemTime::now())) {
            None if current.is_some() => DEFAULT_INTERVAL,
            Some(Ok(left)) => (left / 2).max(MIN_INTERVAL),
            None | Some(Err(_)) => OVERDUE_INTERVAL,
        };
        *self.due.lock() = Instant::now() + wait;
        wait
    }

    /// What is good, in a log line.
    fn outlook(&self) -> String {
        let current = self.current.load();
        let next = current.as_ref().and_then(|current| current.response.next_update);
        let next = next.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |next| Timestamp(next).to_string());
        let wait = self.due().saturating_duration_since(Instant::now());
        let wait = format_duration(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX));
        format!("good, next update {next}, checking again in {wait}")
    }
}

/// Who issued the certificate: the next in its file, or one of the authorities.
fn issuer_of(key: &CertifiedKey, certificate: &Facts, ca_file: Option<&Path>) -> Result<Facts, String> {
    let nobody = || "no issuers found".to_owned();
    let issuer = match key.cert.get(1) {
        Some(next) => Facts::of(next).filter(|next| certificate.is_signed_by(next)).ok_or_else(nobody)?,
        None => {
            let trusted = trusted_authorities(ca_file).map_err(|_| nobody())?;
            let issuer = trusted.iter().filter_map(Facts::of).find(|trusted| certificate.is_signed_by(trusted));
            issuer.ok_or_else(nobody)?
        }
    };
    match issuer.is_authority {
        true => Ok(issuer),
        false => Err(format!("{} invalid ca basic constraints: is not ca", issuer.own.subject())),
    }
}

/// Replaces a file whole.
fn write(file: &Path, content: &Bytes) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    fs::write(&temporary, content)?;
    fs::rename(temporary, file)
}

/// Asks again for every staple of the listener when it is time, until a certificate that the server must not be without is
/// revoked.
pub async fn keep_stapled(handle: TlsAcceptorHandle) -> Revoked {
    loop {
        let server = handle.load();
        let next = server.staples().map(|staple| staple.due()).min();
        let next = next.map(|next| next.min(Instant::now() + LOOK_INTERVAL));
        tokio::select! {
            () = handle.replaced() => continue,
            () = until(next) => {}
        }
        let now = Instant::now();
        for staple in server.staples().filter(|staple| staple.due() <= now) {
            if staple.refresh().await == Err(Revoked) {
                return Revoked;
            }
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
