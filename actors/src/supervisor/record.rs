//! What the supervisor remembers about one actor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use super::arbiter::ArbiterSlot;
use super::backoff::{RestartDecision, RestartLimits, RestartLog};
use super::board::{Board, BoardEntry};
use super::child::{ChildId, ChildName, Epoch, Instance, KillSwitch, Placement, RestartPolicy};
use super::guard::ExitCause;
use super::handle::{StartError, StopOutcome};
use super::heartbeat::{Heartbeat, StallWatch};
use super::lane::ControlLane;
use super::launch::Launcher;
use crate::metrics::Latency;

/// An actor that somebody asks the supervisor to run.
pub(super) struct NewChild {
    pub(super) name: ChildName,
    pub(super) policy: RestartPolicy,
    pub(super) placement: Placement,
    pub(super) limits: RestartLimits,
    pub(super) stall_after_opt: Option<Duration>,
    pub(super) launcher: Box<dyn Launcher>,
}

/// An actor under supervision.
pub(super) struct Record {
    pub(super) id: ChildId,
    pub(super) name: Arc<ChildName>,
    pub(super) policy: RestartPolicy,
    pub(super) launcher: Box<dyn Launcher>,
    /// Where the actor runs. An own arbiter is made at the first start and again after the former one was given up.
    pub(super) slot_opt: Option<ArbiterSlot>,
    pub(super) owns_slot: bool,
    /// The instance that counts, from its launch to its end.
    pub(super) instance_opt: Option<Arc<Instance>>,
    pub(super) watch_opt: Option<StallWatch>,
    pub(super) entry: Arc<BoardEntry>,
    pub(super) start_waiters: Vec<oneshot::Sender<Result<(), StartError>>>,
    /// Present from the order to stop on.
    pub(super) stop_opt: Option<Stop>,
    /// Ended for good.
    pub(super) ended: bool,
    /// First failure of the present row of failures.
    pub(super) first_cause_opt: Option<ExitCause>,
    stall_after_opt: Option<Duration>,
    latency: Arc<Latency>,
    log: RestartLog,
    /// Epoch of the running instance or, between instances, of the next one.
    current_epoch: Arc<AtomicU64>,
    launched_at: Instant,
}

/// An order to stop that is being carried out.
#[derive(Default)]
pub(super) struct Stop {
    pub(super) waiters: Vec<oneshot::Sender<StopOutcome>>,
    pub(super) killed: bool,
    /// Takes the actor off the board afterwards.
    pub(super) forget: bool,
}

impl Record {
    pub(super) fn new(id: ChildId, new: NewChild, board: &Board) -> Self {
        let name = Arc::new(new.name);
        let (slot_opt, owns_slot) = match new.placement {
            Placement::OwnArbiter => (None, true),
            Placement::Shared(slot) => (Some(slot), false),
        };
        Self {
            id,
            entry: board.add_child(id, name.clone(), new.policy),
            name: Arc::clone(&name),
            policy: new.policy,
            launcher: new.launcher,
            slot_opt,
            owns_slot,
            instance_opt: None,
            watch_opt: None,
            start_waiters: Vec::new(),
            stop_opt: None,
            ended: false,
            first_cause_opt: None,
            stall_after_opt: new.stall_after_opt,
            latency: board.latency(name.kind),
            log: RestartLog::new(new.limits),
            current_epoch: Arc::new(AtomicU64::new(Epoch::NONE.next().0)),
            launched_at: Instant::now(),
        }
    }

    /// Says whether a start is due and allowed.
    pub(super) fn may_launch(&self) -> bool {
        self.instance_opt.is_none() && self.stop_opt.is_none() && !self.ended
    }

    /// Makes the parts of the next instance.
    pub(super) fn begin_instance(&mut self, now: Instant) -> Arc<Instance> {
        let epoch = self.epoch();
        let heartbeat = Heartbeat::default();
        self.launched_at = now;
        self.watch_opt = self.stall_after_opt.map(|stall_after| StallWatch::new(stall_after, now));
        self.entry.launched(epoch, heartbeat.clone());
        let instance = Arc::new(Instance {
            child: self.id,
            name: self.name.clone(),
            epoch,
            current_epoch: self.current_epoch.clone(),
            heartbeat,
            lane: ControlLane::new(Arc::clone(&self.latency)),
            kill: KillSwitch::default(),
        });
        self.instance_opt = Some(instance.clone());
        instance
    }

    /// Epoch of the running instance or, between instances, of the next one.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.current_epoch.load(Ordering::Acquire))
    }

    pub(super) fn is_running(&self, epoch: Epoch) -> bool {
        self.instance_opt.as_ref().is_some_and(|instance| instance.epoch == epoch)
    }

    /// Ends the present instance: from here on nothing it does counts.
    pub(super) fn fence(&mut self) -> Epoch {
        let ended = self.epoch();
        self.instance_opt = None;
        self.watch_opt = None;
        self.current_epoch.store(ended.next().0, Ordering::Release);
        self.launcher.withdraw(ended.next());
        ended
    }

    /// Says whether the policy brings the actor back after this end.
    pub(super) fn comes_back_after(&self, cause: &ExitCause) -> bool {
        match self.policy {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => cause.is_failure(),
            RestartPolicy::Never => false,
        }
    }

    /// Counts an end that the policy answers with a restart. The flag says whether its cause is news to the log.
    pub(super) fn count_failure(&mut self, cause: &ExitCause, now: Instant) -> (RestartDecision, bool) {
        let ran_for = now.saturating_duration_since(self.launched_at);
        let decision = self.log.on_failure(now, ran_for);
        if self.log.failures_in_a_row() == 1 {
            self.first_cause_opt = None;
        }
        let is_news = self.first_cause_opt.as_ref() != Some(cause);
        self.first_cause_opt.get_or_insert_with(|| cause.clone());
        (decision, is_news)
    }

    pub(super) fn announce_running(&mut self) {
        self.entry.running(SystemTime::now());
        for waiter in self.start_waiters.drain(..) {
            let _ = waiter.send(Ok(()));
        }
    }

    pub(super) fn refuse_start(&mut self, cause: &ExitCause) {
        for waiter in self.start_waiters.drain(..) {
            let _ = waiter.send(Err(StartError::Ended { actor: self.name.to_string(), cause: cause.clone() }));
        }
    }

    /// Lets the own arbiter go; a shared one stays.
    pub(super) fn release_arbiter(&mut self) {
        if self.owns_slot
            && let Some(slot) = self.slot_opt.take()
        {
            slot.retire();
        }
    }
}
