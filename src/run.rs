//! The loop between "started" and "exit code".

use std::future::Future;

use tracing::error;

use crate::logging::LogHandle;
use crate::signals::{ServerCommand, SignalCommands};

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerEnd {
    /// It was told to, or lame duck mode came to its end.
    Orderly,
    /// It gave up: an actor failed too often.
    GaveUp,
}

impl ServerEnd {
    /// Exit code of the process.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Orderly => 0,
            Self::GaveUp => 1,
        }
    }
}

/// What the loop needs of a running server.
pub trait ControlledServer {
    /// Reads the configuration again and applies it, all or nothing. Logs its own success line.
    ///
    /// # Errors
    /// The reason, as it stands behind `Failed to reload server configuration: `.
    fn reload(&self) -> impl Future<Output = Result<(), String>>;

    /// Starts lame duck mode; does nothing if it runs already. Returns at once.
    fn enter_lame_duck(&self);

    /// Whether lame duck mode runs.
    fn is_lame_duck(&self) -> bool;

    /// Starts the shutdown; does nothing if it runs already. Returns at once.
    fn begin_shutdown(&self);

    /// Waits until everything is closed, for whatever reason.
    fn ended(&self) -> impl Future<Output = ServerEnd>;
}

/// Obeys signals until the server has ended.
///
/// Once the shutdown has begun no signal is read any more, as in nats-server. TERM is ignored in lame duck mode.
pub async fn run_until_end(server: &impl ControlledServer, commands: &mut impl Commands, log: &LogHandle) -> ServerEnd {
    let ended = server.ended();
    tokio::pin!(ended);
    loop {
        let command = tokio::select! {
            end = &mut ended => return end,
            command = commands.next() => command,
        };
        match command {
            Some(ServerCommand::ReopenLog) => {
                log.reopen();
            }
            Some(ServerCommand::Reload) => {
                // A server that ends meanwhile is not kept waiting by a slow reload.
                let result = tokio::select! {
                    end = &mut ended => return end,
                    result = server.reload() => result,
                };
                if let Err(reason) = result {
                    error!("Failed to reload server configuration: {reason}");
                }
            }
            Some(ServerCommand::LameDuck) => server.enter_lame_duck(),
            Some(ServerCommand::Terminate) if server.is_lame_duck() => {}
            Some(ServerCommand::Terminate | ServerCommand::Quit) | None => {
                server.begin_shutdown();
                return ended.await;
            }
        }
    }
}

/// Where commands come from: signals, or a list in tests.
pub trait Commands {
    /// The next command; `None` when there will be none, which means shut down.
    fn next(&mut self) -> impl Future<Output = Option<ServerCommand>>;
}

impl Commands for SignalCommands {
    async fn next(&mut self) -> Option<ServerCommand> {
        SignalCommands::next(self).await
    }
}

#[cfg(test)]
mod tests;
