//! The command line, spelled as nats-server's.
//!
//! [`parse`] turns arguments into a [`CommandLine`]: what to do, and which configuration keys the flags
//! override. It touches nothing outside; [`SignalRequest::send`] and the texts in [`usage`] act on the result.

mod flags;
mod overrides;
pub mod signal;
pub mod usage;
mod values;

use std::path::PathBuf;

use thiserror::Error;

use flags::Parsed;
pub use overrides::Overrides;
pub use signal::{SignalCommand, SignalRequest};

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandLine {
    /// Configuration file, if one is named.
    pub config_file: Option<PathBuf>,
    /// Values of flags by configuration key; they win over the file.
    pub overrides: Overrides,
    /// What to do.
    pub action: Action,
}

/// What the process is started for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the server.
    Run,
    /// Print the version.
    Version,
    /// Print the flags.
    Help,
    /// Print the help on TLS.
    HelpTls,
    /// Read the configuration file and say whether it is valid.
    CheckConfig,
    /// Send a signal to a running server.
    Signal(SignalRequest),
}

/// Why the arguments were refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CliError {
    /// A flag that is unknown or malformed. The text goes to standard error, the usage to standard output.
    #[error("{0}")]
    Flag(String),
    /// Arguments that make no sense together. The text goes to standard error behind the program's name.
    #[error("{0}")]
    Command(String),
}

impl CliError {
    /// Exit code of the process. nats-server exits 0 after a flag error, because its usage text does.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Command(_) => 1,
        }
    }
}

/// Reads the arguments, the program's name not included.
///
/// # Errors
/// A flag is unknown, malformed or lacks its value; the command is unknown; `-t` comes without a file.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<CommandLine, CliError> {
    let parsed = Parsed::from_arguments(arguments).map_err(CliError::Flag)?;
    let config_file = parsed.text("config").filter(|path| !path.is_empty()).map(PathBuf::from);
    let action = action(&parsed, config_file.is_some())?;
    Ok(CommandLine { config_file, overrides: Overrides::from_flags(&parsed), action })
}

impl CommandLine {
    /// Checks the TLS flags of a server that is to run.
    ///
    /// # Errors
    /// TLS flags without certificate or key.
    pub fn check_tls_flags(&self) -> Result<(), CliError> {
        if !self.overrides.enables_tls() {
            return Ok(());
        }
        if self.overrides.lacks("tls.cert_file") {
            return Err(CliError::Command("TLS Server certificate must be present and valid".to_owned()));
        }
        if self.overrides.lacks("tls.key_file") {
            return Err(CliError::Command("TLS Server private key must be present and valid".to_owned()));
        }
        Ok(())
    }

    /// Checks `--routes` against the configuration file.
    ///
    /// # Errors
    /// There are routes, but no cluster they could belong to.
    pub fn check_routes(&self, file_has_cluster: bool) -> Result<(), CliError> {
        let has_routes = !self.overrides.lacks("cluster.routes");
        if has_routes && self.overrides.lacks("cluster.listen") && !file_has_cluster {
            let text = "solicited routes require cluster capabilities, e.g. --cluster";
            return Err(CliError::Command(text.to_owned()));
        }
        Ok(())
    }
}

/// Picks the action in nats-server's order: version, help, TLS help, command word, signal, check.
fn action(parsed: &Parsed, has_config_file: bool) -> Result<Action, CliError> {
    if parsed.is_on("version") {
        return Ok(Action::Version);
    }
    if parsed.is_on("help") {
        return Ok(Action::Help);
    }
    if parsed.is_on("help_tls") {
        return Ok(Action::HelpTls);
    }
    if let Some(word) = parsed.rest.first() {
        return match word.to_lowercase().as_str() {
            "version" => Ok(Action::Version),
            "help" => Ok(Action::Help),
            _ => Err(CliError::Command(format!("unrecognized command: {}", crate::text::quoted(word)))),
        };
    }
    if let Some(request) = parsed.text("signal").filter(|text| !text.is_empty()) {
        return Ok(Action::Signal(SignalRequest::parse(request).map_err(CliError::Command)?));
    }
    match (parsed.is_on("t"), has_config_file) {
        (true, true) => Ok(Action::CheckConfig),
        (true, false) => {
            Err(CliError::Command("must specify [-c, --config] option to check configuration file syntax".to_owned()))
        }
        (false, _) => Ok(Action::Run),
    }
}

#[cfg(test)]
mod tests;
