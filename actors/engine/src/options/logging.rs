//! Where log lines go and how they look.

use std::path::PathBuf;

/// Layout of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// nats-server's line: `[pid] time [LVL] text`.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Log settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingOptions {
    /// Debug lines.
    pub debug: bool,
    /// Protocol trace lines.
    pub trace: bool,
    /// Protocol trace lines of the system account too.
    pub trace_verbose: bool,
    /// Headers only are traced, not payloads.
    pub trace_headers: bool,
    /// Lines carry a time stamp.
    pub logtime: bool,
    /// The time stamp is in UTC.
    pub logtime_utc: bool,
    /// File to append to instead of standard error.
    pub log_file: Option<PathBuf>,
    /// The file is rotated beyond this many bytes; zero is never.
    pub log_size_limit: u64,
    /// Most log files kept, the current one included; zero keeps all.
    pub log_max_num: usize,
    /// Send lines to the local syslog.
    pub syslog: bool,
    /// Send lines to this syslog server (`udp://`, `tcp://`, `unix://`).
    pub remote_syslog: Option<String>,
    /// Layout of a line.
    pub format: LogFormat,
}

impl Default for LoggingOptions {
    fn default() -> Self {
        Self {
            debug: false,
            trace: false,
            trace_verbose: false,
            trace_headers: false,
            logtime: true,
            logtime_utc: false,
            log_file: None,
            log_size_limit: 0,
            log_max_num: 0,
            syslog: false,
            remote_syslog: None,
            format: LogFormat::Text,
        }
    }
}
