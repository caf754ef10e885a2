//! Log lines as nats-server writes them, on top of `tracing`.
//!
//! ```text
//! info!("..")  ->  LogLayer: level switches, one line of text  ->  LogQueue (bounded)  ->  writer thread  ->  Sink
//!                                                                                      stderr | file | syslog
//! ```
//!
//! How events are written elsewhere:
//! - `info! warn! error! debug! trace!` print as `INF WRN ERR DBG TRC`; `error!(fatal = true, ..)` prints as `FTL`.
//! - `conn = %id` puts the connection in front: `[DBG] 127.0.0.1:5000 - cid:5 - message`.
//! - Other fields follow the message as ` name=value`. A field called `json.name` appears in JSON only, as `name`.
//! - Events of other crates appear from `warn!` up only.
//!
//! What happens when the destination is slow is told in [`queue`].

mod clock;
mod error;
mod file;
mod handle;
mod layer;
mod line;
pub mod queue;
mod scratch;
mod severity;
mod sink;
mod switches;
mod syslog;
mod syslog_address;

pub use error::LogError;
pub use file::FileSink;
pub use handle::{LogGuard, LogHandle, Reopened};
pub use layer::LogLayer;
pub use line::LineStyle;
pub use queue::LogQueue;
pub use severity::Severity;
pub use sink::{Batch, MemorySink, Sink, StderrSink};
pub use switches::LevelSwitches;
pub use syslog::SyslogSink;
pub use syslog_address::SyslogAddress;

use tracing_subscriber::layer::SubscriberExt;
use troupe_engine::options::LoggingOptions;

/// Opens the destination and makes it the log of the whole process. For the binary; a test that wants log lines
/// opens a [`LogHandle`] and puts its [`LogHandle::layer`] into a subscriber of its own.
///
/// # Errors
/// The destination cannot be opened, or the process has a log already.
pub fn init(options: &LoggingOptions) -> Result<LogGuard, LogError> {
    let handle = LogHandle::open(options)?;
    let subscriber = tracing_subscriber::registry().with(handle.layer());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadyInitialized)?;
    Ok(LogGuard::new(handle))
}

/// Seconds in local time, as in front of a message that is printed before there is a log: `2006/01/02 15:04:05`.
#[must_use]
pub fn plain_stamp() -> String {
    clock::local_seconds()
}

/// Called by a test before it has a subscriber. While a process has had only one subscriber at a time, `tracing` asks that of
/// whichever thread comes to a log line first, for good: another test's thread, which has none. Two that stay end that.
#[cfg(test)]
pub(crate) fn keep_lines_in_tests() {
    use tracing::Dispatch;
    static KEPT: std::sync::OnceLock<[Dispatch; 2]> = std::sync::OnceLock::new();
    KEPT.get_or_init(|| [(); 2].map(|()| Dispatch::new(tracing_subscriber::registry())));
}
