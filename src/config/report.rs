//! What the reader of a configuration has to say to the user.

use std::fmt;

/// Origin of values that were given as flags.
pub(super) const COMMAND_LINE: &str = "command line";

/// When a warning matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// The text is accepted but unwise. nats-server prints it and lets a configuration check (`-t`) fail.
    Config,
    /// A key is known but its service is not built. Does not fail a check.
    Unsupported,
    /// A value is unwise at run time. A log line of a starting server, silent in a check.
    Runtime,
}

/// Something the user should know although the configuration is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One line, `<file>:<line>:<column>: ` in front unless it is a run-time warning.
    pub text: String,
    /// When it matters.
    pub kind: WarningKind,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", self.prefix())]
pub struct ConfigError {
    /// `<file>:<line>:<column>`, `command line`, or nothing when the fault has no place.
    pub origin: Option<String>,
    /// nats-server's words, where it has any.
    pub reason: String,
}

impl ConfigError {
    fn prefix(&self) -> String {
        self.origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default()
    }
}

/// Every fault of a configuration. Shown one a line, warnings first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct ConfigErrors {
    /// Warnings that were found on the way.
    pub warnings: Vec<Warning>,
    /// Faults; never empty.
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// A fault that stopped everything else.
    pub(super) fn single(origin: Option<String>, reason: impl Into<String>) -> Self {
        Self { warnings: Vec::new(), errors: vec![ConfigError { origin, reason: reason.into() }] }
    }

    fn lines(&self) -> String {
        let warnings = self.warnings.iter().map(Warning::to_string);
        let lines: Vec<_> = warnings.chain(self.errors.iter().map(ConfigError::to_string)).collect();
        lines.join("\n")
    }
}
