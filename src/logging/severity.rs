//! The six kinds of log lines.

use tracing::Level;

/// Kind of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Normal operation.
    Info,
    /// Detail for finding faults.
    Debug,
    /// Something an operator should look at.
    Warning,
    /// Something failed.
    Error,
    /// Something failed that ends the process.
    Fatal,
    /// Protocol lines.
    Trace,
}

impl Severity {
    /// Kind of an event; `is_fatal` tells an error that ends the process.
    #[must_use]
    pub fn of(level: Level, is_fatal: bool) -> Self {
        match level {
            Level::ERROR if is_fatal => Self::Fatal,
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }

    /// Three letters, as in text lines.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Info => "INF",
            Self::Debug => "DBG",
            Self::Warning => "WRN",
            Self::Error => "ERR",
            Self::Fatal => "FTL",
            Self::Trace => "TRC",
        }
    }

    /// Three letters between terminal colour codes.
    #[must_use]
    pub fn coloured_label(self) -> &'static str {
        match self {
            Self::Info => "\x1b[32mINF\x1b[0m",
            Self::Debug => "\x1b[36mDBG\x1b[0m",
            Self::Warning => "\x1b[0;93mWRN\x1b[0m",
            Self::Error => "\x1b[31mERR\x1b[0m",
            Self::Fatal => "\x1b[31mFTL\x1b[0m",
            Self::Trace => "\x1b[33mTRC\x1b[0m",
        }
    }

    /// Word, as in JSON lines.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Warning => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
            Self::Trace => "trace",
        }
    }

    /// Severity number of syslog (RFC 5424, section 6.2.1); protocol lines are notices as in nats-server.
    #[must_use]
    pub fn syslog_number(self) -> u8 {
        match self {
            Self::Fatal => 2,
            Self::Error => 3,
            Self::Warning => 4,
            Self::Info | Self::Trace => 5,
            Self::Debug => 7,
        }
    }
}
