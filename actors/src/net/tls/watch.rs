//! Certificates that change on disk are taken into use without a signal.
//!
//! The files are looked at once per interval instead of being watched by the kernel: mounted secrets change by
//! swapping a link to their directory, editors replace files, and network file systems report nothing. Three `stat`
//! calls a second cost less than handling all of that.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tracing::{error, info};
use troupe_engine::options::TlsOptions;

use super::{TlsAcceptorHandle, TlsServer};

/// Time between two looks.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Time until certificates are tried again whose authority may not have answered.
const STAPLE_INTERVAL: Duration = Duration::from_secs(60);

/// What the files of a `tls {}` block looked like at one moment, links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

/// What changes whenever a file does: device, inode, size and time of change, seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

impl Files {
    pub(super) fn look(options: &TlsOptions) -> Self {
        let pairs = options.certificates.iter().flat_map(|pair| [&pair.cert_file, &pair.key_file]);
        Self { seen: pairs.chain(&options.ca_file).map(|path| (path.clone(), stamp(path))).collect() }
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.seen.iter().map(|(path, _)| path.display().to_string()).collect();
        names.join(", ")
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Reloads the certificates whenever their files change, for as long as it is polled. Files that cannot be used are
/// logged once, and the certificates in use stay.
///
/// A change is acted on when two looks in a row saw the same: a certificate and its key are two files, and are
/// rarely written in one moment. A reload by signal meanwhile wins.
pub async fn watch_certificates(handle: TlsAcceptorHandle, interval: Duration) {
    let mut watcher = Watcher::new(handle);
    loop {
        tokio::time::sleep(interval).await;
        watcher.look().await;
    }
}

struct Watcher {
    handle: TlsAcceptorHandle,
    /// What the previous look saw.
    last: Option<Files>,
    /// Files that could not be used, and when. They are tried again once they change, or their authority may answer.
    refused: Option<(Files, Instant)>,
}

/// What one look led to.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// The files are those in use, or those refused before.
    Same,
    /// They changed since the previous look.
    Changing,
    /// They are in use now.
    Reloaded,
    /// They cannot be used.
    Refused,
}

impl Watcher {
    fn new(handle: TlsAcceptorHandle) -> Self {
        Self { handle, last: None, refused: None }
    }

    async fn look(&mut self) -> Look {
        let server = self.handle.load();
        let options = server.options().clone();
        let Ok(files) = spawn_blocking(move || Files::look(&options)).await else { return Look::Same };
        let is_refused = |(refused, at): &(Files, Instant)| {
            *refused == files && (!server.has_staples() || at.elapsed() < STAPLE_INTERVAL)
        };
        if files == *server.files() || self.refused.as_ref().is_some_and(is_refused) {
            self.last = Some(files);
            return Look::Same;
        }
        if self.last.replace(files.clone()).as_ref() != Some(&files) {
            return Look::Changing;
        }
        let (options, stapling) = (server.options().clone(), server.stapling().clone());
        let Ok(loaded) = spawn_blocking(move || TlsServer::load(&options, &stapling)).await else { return Look::Same };
        let loaded = match loaded {
            Ok((next, _)) => next.staple().await.map(|()| next).map_err(|cause| cause.to_string()),
            Err(cause) => Err(cause.to_string()),
        };
        match loaded {
            Ok(next) => {
                self.refused = None;
                if self.handle.replace_if_current(&server, next) {
                    info!("Reloaded: tls certificates changed on disk: {}", files.names());
                }
                Look::Reloaded
            }
            Err(cause) => {
                error!("Failed to reload tls certificates changed on disk, keeping those in use: {cause}");
                self.refused = Some((files, Instant::now()));
                Look::Refused
            }
        }
    }
}

#[cfg(test)]
#[path = "watch_test.rs"]
mod tests;
