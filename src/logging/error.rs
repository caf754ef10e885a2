//! Why a log destination cannot be used.

use std::path::PathBuf;

use thiserror::Error;

/// Why a log destination cannot be used. The texts are nats-server's.
#[derive(Debug, Error)]
pub enum LogError {
    /// The log file cannot be opened for appending.
    #[error("error opening file: open {}: {}", path.display(), crate::text::system_error(source))]
    OpenFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The remote syslog address is no URL.
    #[error("parse {}: {reason}", crate::text::quoted(address))]
    SyslogAddress {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The remote syslog address names an unknown network.
    #[error("error invalid network type: {}", crate::text::quoted(.0))]
    SyslogNetwork(String),
    /// The syslog cannot be reached.
    #[error("error connecting to syslog: {}", crate::text::quoted(.0))]
    SyslogConnect(String),
    /// The writer thread cannot be started.
    #[error("error starting the log writer: {0}")]
    Thread(std::io::Error),
    /// The old destination does not finish its last write, so it cannot be replaced.
    #[error("the log destination is stuck and cannot be replaced")]
    Stuck,
    /// The process has a log already.
    #[error("the log of this process is set up already")]
    AlreadyInitialized,
}
