//! From arguments to exit code.
//!
//! ```text
//! arguments -> CommandLine -> Configuration -> log -> started server -> signals -> exit code
//! ```
//! Starting the server is handed in, so that this room does not know what a server is made of.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tracing::{error, warn};
use troupe_engine::options::Options;

use crate::PROGRAM_NAME;
use crate::cli::{self, Action, CliError, CommandLine, usage};
use crate::config::{self, ConfigErrors, Loaded, Warning, WarningKind};
use crate::logging::{self, LogHandle};
use crate::run::{ControlledServer, run_until_end};
use crate::signals::SignalCommands;

/// What a server started by this process can use of it.
#[derive(Clone)]
pub struct ProcessContext {
    command_line: Arc<CommandLine>,
    notices: Arc<[Warning]>,
    /// The log of the process, for `apply` on reload.
    pub log: LogHandle,
}

impl ProcessContext {
    /// Reads the configuration again, with the flags the process was started with.
    ///
    /// # Errors
    /// There is no file, or it has errors; the text goes behind `Failed to reload server configuration: `.
    pub fn load_again(&self) -> Result<Loaded, String> {
        if self.command_line.config_file.is_none() {
            return Err("can only reload config when a file is provided using -c or --config".to_owned());
        }
        read_configuration(&self.command_line).map_err(|errors| errors.to_string())
    }

    /// Logs what the operator should know about the configuration; belongs behind the banner.
    pub fn log_notices(&self) {
        for notice in &*self.notices {
            warn!("{notice}");
        }
    }
}

/// Does what the arguments say; the program's name is not among them. Returns when the process should end.
///
/// `start` starts a server inside an actix system; its error is logged as `[FTL]`.
pub fn execute<S, E>(
    arguments: impl IntoIterator<Item = OsString>,
    start: impl AsyncFnOnce(Options, ProcessContext) -> Result<S, E>,
) -> ExitCode
where
    S: ControlledServer,
    E: Display,
{
    let arguments = arguments.into_iter().map(|argument| argument.to_string_lossy().into_owned());
    let command_line = match cli::parse(arguments) {
        Ok(command_line) => command_line,
        Err(error) => return refuse_arguments(&error),
    };
    match &command_line.action {
        Action::Version => print(&format!("{}\n", usage::version())),
        Action::Help => print(&format!("{}\n", usage::USAGE)),
        Action::HelpTls => print(&format!("{}\n", usage::TLS_HELP)),
        Action::Signal(request) => request.send().map_or_else(|reason| fail(&reason), |()| ExitCode::SUCCESS),
        Action::CheckConfig => check_configuration(&command_line),
        Action::Run => run(command_line, start),
    }
}

fn run<S, E>(command_line: CommandLine, start: impl AsyncFnOnce(Options, ProcessContext) -> Result<S, E>) -> ExitCode
where
    S: ControlledServer,
    E: Display,
{
    if let Err(error) = command_line.check_tls_flags() {
        return refuse_arguments(&error);
    }
    let Loaded { options, warnings, .. } = match read_configuration(&command_line) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&errors.to_string()),
    };
    let (complaints, notices): (Vec<_>, Vec<_>) =
        warnings.into_iter().partition(|warning| warning.kind == WarningKind::Config);
    for complaint in &complaints {
        complain(&complaint.text);
    }
    if let Err(error) = command_line.check_routes(options.cluster.is_enabled()) {
        return refuse_arguments(&error);
    }
    let log = match logging::init(&options.logging) {
        Ok(log) => log,
        Err(error) => {
            complain(&format!("{} {error}", logging::plain_stamp()));
            return ExitCode::FAILURE;
        }
    };
    let context =
        ProcessContext { command_line: Arc::new(command_line), notices: notices.into(), log: log.handle().clone() };
    actix_rt::System::new().block_on(serve(options, context, start))
}

async fn serve<S, E>(
    options: Options,
    context: ProcessContext,
    start: impl AsyncFnOnce(Options, ProcessContext) -> Result<S, E>,
) -> ExitCode
where
    S: ControlledServer,
    E: Display,
{
    let log = context.log.clone();
    let mut commands = match SignalCommands::listen() {
        Ok(commands) => commands,
        Err(reason) => {
            return fail_fatally(&format!("Unable to catch signals: {}", crate::text::system_error(&reason)));
        }
    };
    match start(options, context).await {
        Ok(server) => ExitCode::from(run_until_end(&server, &mut commands, &log).await.exit_code()),
        Err(reason) => fail_fatally(&reason),
    }
}

/// A complaint about the file makes the check fail too.
fn check_configuration(command_line: &CommandLine) -> ExitCode {
    let loaded = match read_configuration(command_line) {
        Ok(loaded) => loaded,
        Err(errors) => return fail(&errors.to_string()),
    };
    let failures: Vec<&str> = loaded.check_failures().map(|warning| warning.text.as_str()).collect();
    if !failures.is_empty() {
        return fail(&failures.join("\n"));
    }
    for warning in loaded.warnings.iter().filter(|warning| warning.kind == WarningKind::Unsupported) {
        complain(&warning.text);
    }
    let file = command_line.config_file.as_deref().unwrap_or_else(|| "".as_ref()).display();
    let digest = loaded.options.config_digest.unwrap_or_default();
    complain(&format!("{PROGRAM_NAME}: configuration file {file} is valid ({digest})"));
    ExitCode::SUCCESS
}

fn read_configuration(command_line: &CommandLine) -> Result<Loaded, ConfigErrors> {
    let loaded = config::load(command_line.config_file.as_deref(), &command_line.overrides.to_map())?;
    loaded.check_tls_files()?;
    Ok(loaded)
}

fn refuse_arguments(error: &CliError) -> ExitCode {
    match error {
        CliError::Flag(text) => {
            complain(text);
            print(&format!("{}\n", usage::USAGE));
        }
        CliError::Command(text) => complain(&format!("{PROGRAM_NAME}: {text}")),
    }
    ExitCode::from(error.exit_code())
}

fn fail_fatally(reason: &impl Display) -> ExitCode {
    error!(fatal = true, "{reason}");
    ExitCode::FAILURE
}

fn fail(reason: &str) -> ExitCode {
    complain(&format!("{PROGRAM_NAME}: {reason}"));
    ExitCode::FAILURE
}

/// A closed standard error cannot be told to anyone.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
