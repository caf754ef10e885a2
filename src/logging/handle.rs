//! Holding on to the log: opening, switching, reopening, closing it.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{error, info};
use troupe_engine::options::LoggingOptions;

use super::error::LogError;
use super::file::FileSink;
use super::layer::LogLayer;
use super::line::LineStyle;
use super::queue::LogQueue;
use super::severity::Severity;
use super::sink::{Sink, StderrSink};
use super::switches::LevelSwitches;
use super::syslog::SyslogSink;
use super::syslog_address::SyslogAddress;

/// Longest wait for queued lines when the destination changes.
const REPLACE_LIMIT: Duration = Duration::from_secs(2);
/// Longest wait for queued lines when the process ends.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// What layers and handles of one log share.
pub(super) struct Shared {
    pub(super) queue: Arc<LogQueue>,
    pub(super) switches: LevelSwitches,
}

impl Shared {
    pub(super) fn style(&self) -> LineStyle {
        self.queue.style()
    }
}

/// A log: its destination and its switches. Clones share them.
#[derive(Clone)]
pub struct LogHandle {
    shared: Arc<Shared>,
    options: Arc<Mutex<LoggingOptions>>,
}

/// Outcome of [`LogHandle::reopen`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reopened {
    /// Lines go to a newly opened file.
    Yes,
    /// The log is no file, or the file could not be opened; lines go where they went.
    No,
}

impl LogHandle {
    /// Opens the destination: log file, remote syslog, local syslog or standard error, the first that is set.
    ///
    /// # Errors
    /// The destination cannot be opened.
    pub fn open(options: &LoggingOptions) -> Result<Self, LogError> {
        let destination = Destination::open(options)?;
        let handle = Self::to_sink(destination.sink, destination.style, options)?;
        handle.announce_rotation(destination.rotates_at_once);
        Ok(handle)
    }

    /// A log that ends in the given sink; the options give the level switches.
    ///
    /// # Errors
    /// The writer thread cannot be started.
    pub fn to_sink(sink: Box<dyn Sink>, style: LineStyle, options: &LoggingOptions) -> Result<Self, LogError> {
        let queue = LogQueue::start(sink, style).map_err(LogError::Thread)?;
        let shared = Arc::new(Shared { queue, switches: LevelSwitches::default() });
        shared.switches.set(options);
        Ok(Self { shared, options: Arc::new(Mutex::new(options.clone())) })
    }

    /// The layer that feeds this log, for a `tracing` subscriber.
    #[must_use]
    pub fn layer(&self) -> LogLayer {
        LogLayer::new(Arc::clone(&self.shared))
    }

    /// Takes over changed options while the server runs. The destination is opened anew only if it changed; lines
    /// logged before still go to the old one.
    ///
    /// # Errors
    /// The new destination cannot be opened, or the old one is stuck. The log stays as it was.
    pub fn apply(&self, options: &LoggingOptions) -> Result<(), LogError> {
        let mut current = self.options.lock();
        if !has_same_destination(&current, options) {
            self.replace(Destination::open(options)?)?;
        }
        self.shared.switches.set(options);
        *current = options.clone();
        Ok(())
    }

    /// Closes the log file and opens it again under its name; other destinations stay. Logs what happened.
    pub fn reopen(&self) -> Reopened {
        let options = self.options.lock().clone();
        if options.log_file.is_none() {
            info!("File log re-open ignored, not a file logger");
            return Reopened::No;
        }
        match Destination::open(&options).and_then(|destination| self.replace(destination)) {
            Ok(()) => {
                info!("File log re-opened");
                Reopened::Yes
            }
            Err(reason) => {
                error!("File log re-open failed: {reason}");
                Reopened::No
            }
        }
    }

    /// Waits until all lines logged so far are written. Whether it was within the limit.
    pub fn flush(&self, limit: Duration) -> bool {
        self.shared.queue.flush(limit)
    }

    fn replace(&self, destination: Destination) -> Result<(), LogError> {
        if !self.shared.queue.replace(destination.sink, destination.style, REPLACE_LIMIT) {
            return Err(LogError::Stuck);
        }
        self.announce_rotation(destination.rotates_at_once);
        Ok(())
    }

    /// The line makes a file rotate that is over its limit when opened.
    fn announce_rotation(&self, rotates_at_once: bool) {
        if rotates_at_once {
            let line = self.shared.style().own_line(Severity::Info, "Rotating logfile...", false);
            self.shared.queue.push(Severity::Info, &line);
        }
    }
}

/// Ends the log of the process: dropping it writes what is queued, for a few seconds at most.
#[must_use = "dropping the guard ends the log"]
pub struct LogGuard {
    handle: LogHandle,
}

impl LogGuard {
    pub(super) fn new(handle: LogHandle) -> Self {
        Self { handle }
    }

    /// The log of the process.
    #[must_use]
    pub fn handle(&self) -> &LogHandle {
        &self.handle
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.handle.shared.queue.close(EXIT_LIMIT);
    }
}

struct Destination {
    sink: Box<dyn Sink>,
    style: LineStyle,
    rotates_at_once: bool,
}

impl Destination {
    fn open(options: &LoggingOptions) -> Result<Self, LogError> {
        if let Some(path) = &options.log_file {
            return Self::file(path, options);
        }
        let style = LineStyle::of(options);
        if let Some(address) = options.remote_syslog.as_deref().filter(|address| !address.is_empty()) {
            let sink = SyslogSink::remote(SyslogAddress::parse(address)?)?;
            return Ok(Self::other(Box::new(sink), LineStyle { is_bare: true, ..style }));
        }
        if options.syslog {
            return Ok(Self::other(Box::new(SyslogSink::local()?), LineStyle { is_bare: true, ..style }));
        }
        Ok(Self::other(Box::new(StderrSink), LineStyle { colours: io::stderr().is_terminal(), ..style }))
    }

    fn file(path: &Path, options: &LoggingOptions) -> Result<Self, LogError> {
        let style = LineStyle::of(options);
        let sink = FileSink::open(path, options.log_size_limit, options.log_max_num, style)?;
        let rotates_at_once = sink.is_over_limit();
        Ok(Self { sink: Box::new(sink), style, rotates_at_once })
    }

    fn other(sink: Box<dyn Sink>, style: LineStyle) -> Self {
        Self { sink, style, rotates_at_once: false }
    }
}

/// Whether only level switches differ.
fn has_same_destination(one: &LoggingOptions, other: &LoggingOptions) -> bool {
    let without_switches = |options: &LoggingOptions| LoggingOptions {
        debug: false,
        trace: false,
        trace_verbose: false,
        trace_headers: false,
        ..options.clone()
    };
    without_switches(one) == without_switches(other)
}

#[cfg(test)]
mod tests;
