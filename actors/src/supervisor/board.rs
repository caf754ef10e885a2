//! The state of every supervised actor, for the admin page and for tests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::{Mutex, RwLock};

use super::arbiter::{ArbiterSlot, ArbiterStatus};
use super::child::{ChildId, ChildName, Epoch, RestartPolicy};
use super::group::{ConnectionGroup, GroupStatus};
use super::guard::ExitCause;
use super::heartbeat::Heartbeat;
use crate::metrics::{Latency, LatencySnapshot};

/// Where a supervised actor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// On its way up for the first time.
    Starting,
    /// Running; its address is published.
    Running,
    /// Failed and waiting for its next start, or in it.
    Restarting,
    /// Running but silent for too long, on an arbiter that others share.
    Stalled,
    /// Ended in order and not coming back.
    Stopped,
    /// Ended by a failure and not coming back.
    Failed,
}

/// One restart.
#[derive(Clone, Debug)]
pub struct RestartNote {
    /// When the actor ended.
    pub at: SystemTime,
    /// The instance that ended.
    pub epoch: Epoch,
    /// Why it ended.
    pub cause: ExitCause,
}

/// The state of one supervised actor.
#[derive(Clone, Debug)]
pub struct ChildStatus {
    /// Number within the supervisor.
    pub id: ChildId,
    /// Kind and name.
    pub name: Arc<ChildName>,
    /// When it is restarted.
    pub policy: RestartPolicy,
    /// Where it stands.
    pub state: ChildState,
    /// Its newest instance.
    pub epoch: Epoch,
    /// When the newest instance began to run.
    pub running_since_opt: Option<SystemTime>,
    /// Restarts since the first start.
    pub num_restarts: u64,
    /// Times it was found stuck.
    pub num_stalls: u64,
    /// Touches of the newest instance's heartbeat.
    pub progress: u64,
    /// The last restarts, oldest first; at most `Board::RESTARTS_KEPT`.
    pub restarts: VecDeque<RestartNote>,
    /// Why it is stopped or failed.
    pub ended_opt: Option<ExitCause>,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct BoardSnapshot {
    /// Supervised actors in the order of their start.
    pub children: Vec<ChildStatus>,
    /// Kinds of actors that are only counted.
    pub groups: Vec<GroupStatus>,
    /// Shared arbiters.
    pub arbiters: Vec<ArbiterStatus>,
}

/// The state of all actors of one server; a clone shows the same board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    children: RwLock<Vec<Arc<BoardEntry>>>,
    groups: RwLock<Vec<ConnectionGroup>>,
    arbiters: RwLock<Vec<ArbiterSlot>>,
    /// Answers to pings, by kind of actor.
    latencies: RwLock<Vec<(&'static str, Arc<Latency>)>>,
}

/// The line of one actor, written by the supervisor only.
#[derive(Debug)]
pub(super) struct BoardEntry {
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    status: ChildStatus,
    heartbeat_opt: Option<Heartbeat>,
}

impl Board {
    /// Restarts remembered for each actor; older ones are only counted.
    pub const RESTARTS_KEPT: usize = 16;

    /// Copies the board.
    pub fn snapshot(&self) -> BoardSnapshot {
        let children = self.shared.children.read().iter().map(|entry| entry.status()).collect();
        let groups = self.shared.groups.read().iter().map(ConnectionGroup::status).collect();
        let arbiters = self.shared.arbiters.read().iter().map(ArbiterSlot::status).collect();
        BoardSnapshot { children, groups, arbiters }
    }

    /// Returns the state of the actor with this name, written as `kind` or `kind:id`.
    pub fn child(&self, name: &str) -> Option<ChildStatus> {
        let children = self.shared.children.read();
        children.iter().map(|entry| entry.status()).find(|status| status.name.to_string() == name)
    }

    /// Returns the counters of a kind.
    pub fn group(&self, kind: &str) -> Option<GroupStatus> {
        self.shared.groups.read().iter().map(ConnectionGroup::status).find(|status| status.kind == kind)
    }

    /// How long pings wait for their answer, by kind of supervised actor; `arbiter` stands for the threads that others share.
    /// Each is pinged about once a second.
    pub fn latencies(&self) -> Vec<(&'static str, LatencySnapshot)> {
        let mut all: Vec<_> =
            self.shared.latencies.read().iter().map(|(kind, latency)| (*kind, latency.read())).collect();
        let arbiters = self.shared.arbiters.read();
        let merged = arbiters.iter().fold(LatencySnapshot::default(), |sum, slot| sum.merged(&slot.latency()));
        all.push(("arbiter", merged));
        all
    }

    /// The histogram of a kind of actor.
    pub(super) fn latency(&self, kind: &'static str) -> Arc<Latency> {
        let mut latencies = self.shared.latencies.write();
        if let Some((_, latency)) = latencies.iter().find(|(known, _)| *known == kind) {
            return Arc::clone(latency);
        }
        let latency = Arc::<Latency>::default();
        latencies.push((kind, Arc::clone(&latency)));
        latency
    }

    pub(super) fn add_child(&self, id: ChildId, name: Arc<ChildName>, policy: RestartPolicy) -> Arc<BoardEntry> {
        let status = ChildStatus {
            id,
            name,
            policy,
            state: ChildState::Starting,
            epoch: Epoch::NONE,
            running_since_opt: None,
            num_restarts: 0,
            num_stalls: 0,
            progress: 0,
            restarts: VecDeque::new(),
            ended_opt: None,
        };
        let entry = Arc::new(BoardEntry { line: Mutex::new(Line { status, heartbeat_opt: None }) });
        self.shared.children.write().push(entry.clone());
        entry
    }

    pub(super) fn remove_child(&self, entry: &Arc<BoardEntry>) {
        self.shared.children.write().retain(|other| !Arc::ptr_eq(other, entry));
    }

    pub(super) fn add_group(&self, group: ConnectionGroup) {
        self.shared.groups.write().push(group);
    }

    pub(super) fn add_arbiter(&self, slot: ArbiterSlot) {
        self.shared.arbiters.write().push(slot);
    }
}

impl BoardEntry {
    fn status(&self) -> ChildStatus {
        let line = self.line.lock();
        let mut status = line.status.clone();
        status.progress = line.heartbeat_opt.as_ref().map_or(0, Heartbeat::progress);
        status
    }

    pub(super) fn set_state(&self, state: ChildState) {
        self.line.lock().status.state = state;
    }

    pub(super) fn launched(&self, epoch: Epoch, heartbeat: Heartbeat) {
        let mut line = self.line.lock();
        line.status.epoch = epoch;
        line.status.running_since_opt = None;
        line.heartbeat_opt = Some(heartbeat);
    }

    pub(super) fn running(&self, at: SystemTime) {
        let mut line = self.line.lock();
        line.status.state = ChildState::Running;
        line.status.running_since_opt = Some(at);
    }

    pub(super) fn stalled(&self) {
        self.line.lock().status.num_stalls += 1;
    }

    pub(super) fn restarting(&self, note: RestartNote) {
        let mut line = self.line.lock();
        let status = &mut line.status;
        status.state = ChildState::Restarting;
        status.num_restarts += 1;
        if status.restarts.len() == Board::RESTARTS_KEPT {
            status.restarts.pop_front();
        }
        status.restarts.push_back(note);
    }

    pub(super) fn ended(&self, state: ChildState, cause: ExitCause) {
        let mut line = self.line.lock();
        line.status.state = state;
        line.status.ended_opt = Some(cause);
    }
}
