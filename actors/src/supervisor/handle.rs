//! The door to the supervisor for the process shell and for actors that start others.

use std::sync::Arc;
use std::time::Duration;

use actix::Addr;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::actor::Supervisor;
use super::address::AddressWatch;
use super::arbiter::ArbiterSlot;
use super::board::Board;
use super::child::{ChildId, ChildSpec, SupervisedActor};
use super::commands::{AddSlot, BeginShutdown, EndShutdown, StopChild, Supervise};
use super::faults::Faults;
use super::group::ConnectionGroup;
use super::guard::ExitCause;
use super::launch::TypedLauncher;
use super::record::NewChild;

/// How the supervisor works.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorOptions {
    /// Time between two probes of every actor.
    pub probe_interval: Duration,
    /// Time a killed actor has to go away before its thread counts as stuck and is abandoned.
    pub kill_wait: Duration,
}

impl Default for SupervisorOptions {
    fn default() -> Self {
        Self { probe_interval: Duration::from_secs(1), kill_wait: Duration::from_secs(1) }
    }
}

/// What the process shell has to know. Either way it shuts down in order and exits with an error code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SupervisorVerdict {
    /// An actor failed too often; nothing is restarted any more.
    #[error("{child} failed too often")]
    GiveUp {
        /// Name of the actor or arbiter.
        child: String,
        /// The first failure of the row.
        cause: ExitCause,
    },
    /// The supervisor itself is gone.
    #[error("the supervisor is gone")]
    SupervisorLost,
}

/// Receives the supervisor's verdict.
#[derive(Debug)]
pub struct Verdicts {
    receiver: mpsc::UnboundedReceiver<SupervisorVerdict>,
}

impl Verdicts {
    pub(super) fn channel() -> (mpsc::UnboundedSender<SupervisorVerdict>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self { receiver })
    }

    /// Waits for the verdict; in a healthy server for ever. Cancel-safe.
    pub async fn next(&mut self) -> SupervisorVerdict {
        self.receiver.recv().await.unwrap_or(SupervisorVerdict::SupervisorLost)
    }
}

/// Why an actor did not start.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StartError {
    /// Another actor of that name is supervised.
    #[error("an actor named {0} is already supervised")]
    AlreadySupervised(String),
    /// It ended before it ran, and its policy or limits do not bring it back.
    #[error("{actor} did not start: {cause}")]
    Ended {
        /// Name of the actor.
        actor: String,
        /// Why it ended.
        cause: ExitCause,
    },
    /// The supervisor is shutting down, has given up, or is gone.
    #[error("the supervisor starts no more actors")]
    NotAccepting,
}

/// No arbiter could be started.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot start arbiter {name}: {reason}")]
pub struct ArbiterStartError {
    /// Name of the arbiter.
    pub name: String,
    /// What the system said.
    pub reason: Arc<str>,
}

/// How an ordered stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// The actor stopped by itself within its grace time, or was not running.
    Stopped,
    /// The actor panicked on the way out.
    Panicked,
    /// The actor had to be killed.
    Killed,
    /// The actor's thread is stuck and was left behind, fenced.
    Abandoned,
    /// No such actor.
    Unknown,
}

/// How an ordered shutdown went, in the order it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Name and outcome of each actor.
    pub actors: Vec<(String, StopOutcome)>,
}

impl ShutdownReport {
    /// Says whether every actor stopped by itself.
    pub fn is_clean(&self) -> bool {
        self.actors.iter().all(|(_, outcome)| *outcome == StopOutcome::Stopped)
    }
}

/// Talks to the supervisor; a clone talks to the same one.
#[derive(Clone, Debug)]
pub struct SupervisorHandle {
    address: Addr<Supervisor>,
    board: Board,
    faults: Faults,
}

impl SupervisorHandle {
    pub(super) fn new(address: Addr<Supervisor>, board: Board, faults: Faults) -> Self {
        Self { address, board, faults }
    }

    /// Starts an actor and keeps it running as its spec says. Returns when the actor has come through `started()` and its
    /// `ctx.wait` futures; awaiting each call before the next one starts actors in order. The shutdown order is the reverse.
    pub async fn supervise<A: SupervisedActor>(&self, spec: ChildSpec<A>) -> Result<AddressWatch<A>, StartError> {
        let (watch, started) = self.supervise_in_background(spec);
        started.await.unwrap_or(Err(StartError::NotAccepting))?;
        Ok(watch)
    }

    /// Starts an actor like `supervise`, but returns at once: for actors that need each other's addresses.
    pub fn supervise_in_background<A: SupervisedActor>(
        &self,
        spec: ChildSpec<A>,
    ) -> (AddressWatch<A>, oneshot::Receiver<Result<(), StartError>>) {
        let launcher = TypedLauncher::new(&spec, self.faults.clone());
        let watch = launcher.watch();
        let (reply, started) = oneshot::channel();
        let ChildSpec { name, policy, placement, limits, stall_after_opt, .. } = spec;
        let launcher = Box::new(launcher);
        let new = NewChild { name, policy, placement, limits, stall_after_opt, launcher };
        self.address.do_send(Supervise { new, reply });
        (watch, started)
    }

    /// Stops one actor for good and takes it off the board. Returns when it is gone.
    pub async fn stop_child(&self, name: &str, grace: Duration) -> StopOutcome {
        let Some(status) = self.board.child(name) else { return StopOutcome::Unknown };
        self.stop(status.id, grace, true).await
    }

    /// Starts an arbiter that is replaced when its thread ends. Must be called within the actix system.
    pub fn start_arbiter(&self, name: &str) -> Result<ArbiterSlot, ArbiterStartError> {
        let slot = ArbiterSlot::start(name, self.address.clone().recipient())
            .map_err(|reason| ArbiterStartError { name: name.to_owned(), reason })?;
        self.address.do_send(AddSlot { slot: slot.clone() });
        Ok(slot)
    }

    /// Opens the counters of a kind of connection actor.
    pub fn connection_group(&self, kind: &'static str) -> ConnectionGroup {
        let group = ConnectionGroup::new(kind, self.address.clone().recipient());
        self.board.add_group(group.clone());
        group
    }

    /// The state of all actors.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The injected faults of this server.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Stops all actors in the reverse order of their start, one after the other, each within `grace`, kills those that do
    /// not, then ends the arbiters and the supervisor. Dropping the future leaves the rest running.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        let mut report = ShutdownReport::default();
        let (reply, order) = oneshot::channel();
        self.address.do_send(BeginShutdown { reply });
        for (child, name) in order.await.unwrap_or_default() {
            let outcome = self.stop(child, grace, false).await;
            report.actors.push((name, outcome));
        }
        let (reply, ended) = oneshot::channel();
        self.address.do_send(EndShutdown { reply });
        let _ = ended.await;
        report
    }

    async fn stop(&self, child: ChildId, grace: Duration, forget: bool) -> StopOutcome {
        let (reply, outcome) = oneshot::channel();
        self.address.do_send(StopChild { child, grace, forget, reply });
        outcome.await.unwrap_or(StopOutcome::Unknown)
    }
}
