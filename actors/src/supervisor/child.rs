//! What the supervisor knows about an actor before it runs, and what the actor is told when it starts.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, Context};

use super::arbiter::ArbiterSlot;
use super::backoff::RestartLimits;
use super::faults::Faults;
use super::heartbeat::Heartbeat;
use super::lane::ControlLane;

/// Names one supervised actor within its supervisor; ascends in the order of starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub(super) u64);

/// Counts the instances of one supervised actor: 1 for the first, one more at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub(super) u64);

impl Epoch {
    /// Before any instance.
    pub const NONE: Self = Self(0);

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A kind of actor and, when there are several of the kind, which one: `router`, `stream:ORDERS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChildName {
    /// The kind: a room of this crate.
    pub kind: &'static str,
    /// Tells actors of one kind apart.
    pub id_opt: Option<Arc<str>>,
}

impl fmt::Display for ChildName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id_opt {
            Some(id) => write!(formatter, "{}:{id}", self.kind),
            None => formatter.write_str(self.kind),
        }
    }
}

/// When an actor that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// After every end that the supervisor did not order.
    Always,
    /// After a panic, a kill or a stall; not after it stopped by itself.
    OnFailure,
    /// Never.
    Never,
}

/// Which thread runs an actor.
#[derive(Clone, Debug)]
pub enum Placement {
    /// An arbiter of its own, created and retired with it. Only such an actor can be replaced while it is stuck.
    OwnArbiter,
    /// A given arbiter, shared with others.
    Shared(ArbiterSlot),
}

/// An actor that can be supervised.
pub trait SupervisedActor: Actor<Context = Context<Self>> {
    /// Handles the supervisor's order to stop. Must lead to `ctx.stop()` within the grace time; the actor is killed after it.
    fn stop_requested(&mut self, ctx: &mut Context<Self>) {
        actix::ActorContext::stop(ctx);
    }
}

/// What one instance of a supervised actor is told when it is created; cheap to clone.
#[derive(Clone, Debug)]
pub struct ChildContext {
    instance: Arc<Instance>,
    faults: Faults,
}

impl ChildContext {
    pub(super) fn new(instance: Arc<Instance>, faults: Faults) -> Self {
        Self { instance, faults }
    }

    /// Name of the actor.
    pub fn name(&self) -> &ChildName {
        &self.instance.name
    }

    /// Number of this instance.
    pub fn epoch(&self) -> Epoch {
        self.instance.epoch
    }

    /// Says whether this instance is still the one that counts. An instance that was stuck and has been replaced must not
    /// publish anything, so it asks before every publication.
    pub fn epoch_is_current(&self) -> bool {
        self.instance.current_epoch.load(Ordering::Acquire) == self.instance.epoch.0
    }

    /// The progress counter that the supervisor watches.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.instance.heartbeat
    }

    /// Passes the named point of this actor, where an injected fault strikes. Nothing without the `fault-injection` feature.
    #[inline(always)]
    pub fn checkpoint(&self, point: &str) {
        if self.faults.checkpoint_in(&self.instance.name, point).must_stop() {
            self.instance.lane.request_stop();
        }
    }

    pub(super) fn lane(&self) -> &ControlLane {
        &self.instance.lane
    }
}

/// Makes one instance of an actor.
pub(super) type Factory<A> = Arc<dyn Fn(ChildContext) -> A + Send + Sync>;

/// How to run and restart one actor.
pub struct ChildSpec<A> {
    pub(super) name: ChildName,
    pub(super) policy: RestartPolicy,
    pub(super) placement: Placement,
    pub(super) limits: RestartLimits,
    pub(super) stall_after_opt: Option<Duration>,
    pub(super) mailbox_capacity_opt: Option<usize>,
    pub(super) factory: Factory<A>,
}

impl<A: SupervisedActor> ChildSpec<A> {
    /// Silence after which an actor counts as stuck, unless its spec says otherwise.
    pub const DEFAULT_STALL_AFTER: Duration = Duration::from_secs(10);

    /// Describes an actor of the given kind that is always restarted, on an arbiter of its own.
    ///
    /// The factory runs on the actor's arbiter at each start; a panic in it counts as a panic of the actor.
    pub fn new(kind: &'static str, factory: impl Fn(ChildContext) -> A + Send + Sync + 'static) -> Self {
        Self {
            name: ChildName { kind, id_opt: None },
            policy: RestartPolicy::Always,
            placement: Placement::OwnArbiter,
            limits: RestartLimits::DEFAULT,
            stall_after_opt: Some(Self::DEFAULT_STALL_AFTER),
            mailbox_capacity_opt: None,
            factory: Arc::new(factory),
        }
    }

    /// Tells this actor from others of its kind.
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.name.id_opt = Some(id.into());
        self
    }

    /// Sets when the actor is restarted.
    pub fn policy(mut self, policy: RestartPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Runs the actor on a shared arbiter.
    pub fn on(mut self, slot: ArbiterSlot) -> Self {
        self.placement = Placement::Shared(slot);
        self
    }

    /// Sets delays and intensity of restarts.
    pub fn limits(mut self, limits: RestartLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the silence after which the actor counts as stuck; `None` never judges it.
    pub fn stall_after(mut self, stall_after_opt: Option<Duration>) -> Self {
        self.stall_after_opt = stall_after_opt;
        self
    }

    /// Sets the mailbox capacity in messages (actix's default is 16).
    pub fn mailbox_capacity(mut self, messages: usize) -> Self {
        self.mailbox_capacity_opt = Some(messages);
        self
    }
}

/// The shared parts of one run of one actor.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) child: ChildId,
    pub(super) name: Arc<ChildName>,
    pub(super) epoch: Epoch,
    /// The epoch that counts; shared by all instances of the actor.
    pub(super) current_epoch: Arc<AtomicU64>,
    pub(super) heartbeat: Heartbeat,
    pub(super) lane: ControlLane,
    pub(super) kill: KillSwitch,
}

/// Aborts the task that runs an actor, also when the order comes before the task exists.
#[derive(Debug, Default)]
pub(super) struct KillSwitch {
    state: parking_lot::Mutex<KillState>,
}

#[derive(Debug, Default)]
struct KillState {
    thrown: bool,
    task_opt: Option<tokio::task::AbortHandle>,
}

impl KillSwitch {
    /// Arms the switch with the actor's task.
    pub(super) fn arm(&self, task: tokio::task::AbortHandle) {
        let mut state = self.state.lock();
        if state.thrown {
            task.abort();
            return;
        }
        state.task_opt = Some(task);
    }

    /// Kills the actor as soon as its thread comes back to its event loop.
    pub(super) fn throw(&self) {
        let mut state = self.state.lock();
        state.thrown = true;
        if let Some(task) = state.task_opt.take() {
            task.abort();
        }
    }

    pub(super) fn is_thrown(&self) -> bool {
        self.state.lock().thrown
    }
}
