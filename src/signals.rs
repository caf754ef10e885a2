//! Process signals become commands.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::info;

/// Commands that may wait; a signal that finds no room waits in the kernel, merged with others of its kind.
const WAITING_COMMANDS: usize = 16;

/// What the process was told by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerCommand {
    /// INT: shut down.
    Quit,
    /// TERM: shut down, unless lame duck mode runs.
    Terminate,
    /// HUP: read the configuration again.
    Reload,
    /// USR1: open the log file again.
    ReopenLog,
    /// USR2: enter lame duck mode.
    LameDuck,
}

impl ServerCommand {
    /// Name of the signal, as nats-server logs it.
    #[must_use]
    pub fn signal_name(self) -> &'static str {
        match self {
            Self::Quit => "interrupt",
            Self::Terminate => "terminated",
            Self::Reload => "hangup",
            Self::ReopenLog => "user defined signal 1",
            Self::LameDuck => "user defined signal 2",
        }
    }
}

/// Commands of the process. Dropping it stops listening; the signals stay caught, and are ignored.
pub struct SignalCommands {
    receiver: mpsc::Receiver<ServerCommand>,
    task: JoinHandle<()>,
}

impl SignalCommands {
    /// Catches the signals from now on. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// A signal cannot be caught.
    pub fn listen() -> io::Result<Self> {
        let signals = Signals::catch()?;
        let (sender, receiver) = mpsc::channel(WAITING_COMMANDS);
        let task = tokio::spawn(signals.forward(sender));
        Ok(Self { receiver, task })
    }

    /// The next command. The line `Trapped "<name>" signal` is logged here.
    pub async fn next(&mut self) -> Option<ServerCommand> {
        let command = self.receiver.recv().await?;
        info!("Trapped \"{}\" signal", command.signal_name());
        Some(command)
    }
}

impl Drop for SignalCommands {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user_defined1: Signal,
    user_defined2: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user_defined1: signal(SignalKind::user_defined1())?,
            user_defined2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn forward(mut self, sender: mpsc::Sender<ServerCommand>) {
        loop {
            let command = tokio::select! {
                _ = self.interrupt.recv() => ServerCommand::Quit,
                _ = self.terminate.recv() => ServerCommand::Terminate,
                _ = self.hangup.recv() => ServerCommand::Reload,
                _ = self.user_defined1.recv() => ServerCommand::ReopenLog,
                _ = self.user_defined2.recv() => ServerCommand::LameDuck,
            };
            if sender.send(command).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, raise};

    use super::*;

    #[tokio::test]
    async fn each_signal_is_its_command() {
        let mut commands = SignalCommands::listen().expect("caught");
        let cases = [
            (Signal::SIGINT, ServerCommand::Quit),
            (Signal::SIGTERM, ServerCommand::Terminate),
            (Signal::SIGHUP, ServerCommand::Reload),
            (Signal::SIGUSR1, ServerCommand::ReopenLog),
            (Signal::SIGUSR2, ServerCommand::LameDuck),
        ];
        for (signal, command) in cases {
            raise(signal).expect("raised");
            assert_eq!(commands.next().await, Some(command));
        }
    }
}
