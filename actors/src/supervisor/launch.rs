//! Starts one instance of an actor on its arbiter.

use std::sync::Arc;

use actix::{ArbiterHandle, AsyncContext, Context, Message, Recipient};

use super::address::{AddressCell, AddressWatch};
use super::child::{ChildContext, ChildId, ChildSpec, Epoch, Factory, Instance, SupervisedActor};
use super::faults::Faults;
use super::guard::{ChildExited, Contained, ExitCause, ExitGuard};
use super::lane::LaneReader;
use super::panics::contain;

/// The fact that an instance has come through `started()` and its address is published.
#[derive(Debug)]
pub(super) struct ChildRunning {
    pub(super) child: ChildId,
    pub(super) epoch: Epoch,
}

impl Message for ChildRunning {
    type Result = ();
}

/// Where instances report.
#[derive(Clone)]
pub(super) struct Reports {
    pub(super) running: Recipient<ChildRunning>,
    pub(super) exited: Recipient<ChildExited>,
}

/// Starts instances of an actor whose type the supervisor does not know.
pub(super) trait Launcher: Send {
    /// Starts `instance` on `arbiter`; every outcome comes back through `reports`.
    fn launch(&self, instance: Arc<Instance>, reports: Reports, arbiter: &ArbiterHandle);

    /// Withdraws the published address and refuses epochs before `fence`.
    fn withdraw(&self, fence: Epoch);
}

/// The launcher of one actor type.
pub(super) struct TypedLauncher<A: SupervisedActor> {
    factory: Factory<A>,
    cell: Arc<AddressCell<A>>,
    mailbox_capacity_opt: Option<usize>,
    faults: Faults,
}

impl<A: SupervisedActor> TypedLauncher<A> {
    pub(super) fn new(spec: &ChildSpec<A>, faults: Faults) -> Self {
        Self {
            factory: spec.factory.clone(),
            cell: Arc::new(AddressCell::new()),
            mailbox_capacity_opt: spec.mailbox_capacity_opt,
            faults,
        }
    }

    pub(super) fn watch(&self) -> AddressWatch<A> {
        self.cell.watch()
    }
}

impl<A: SupervisedActor> Launcher for TypedLauncher<A> {
    fn launch(&self, instance: Arc<Instance>, reports: Reports, arbiter: &ArbiterHandle) {
        let guard = ExitGuard::new(instance.child, instance.epoch, reports.exited);
        let start = Start {
            child: ChildContext::new(instance.clone(), self.faults.clone()),
            instance,
            running: reports.running,
            factory: self.factory.clone(),
            cell: self.cell.clone(),
            mailbox_capacity_opt: self.mailbox_capacity_opt,
        };
        // On a dead arbiter the closure is dropped unrun, and its guard reports the instance as killed.
        arbiter.spawn_fn(move || start.run(guard));
    }

    fn withdraw(&self, fence: Epoch) {
        self.cell.withdraw(fence);
    }
}

/// Everything one start needs on the actor's own thread.
struct Start<A: SupervisedActor> {
    child: ChildContext,
    instance: Arc<Instance>,
    running: Recipient<ChildRunning>,
    factory: Factory<A>,
    cell: Arc<AddressCell<A>>,
    mailbox_capacity_opt: Option<usize>,
}

impl<A: SupervisedActor> Start<A> {
    fn run(self, guard: ExitGuard) {
        if self.instance.kill.is_thrown() || !self.child.epoch_is_current() {
            return;
        }
        let made = contain(|| {
            self.child.checkpoint("start");
            (self.factory)(self.child.clone())
        });
        let actor = match made {
            Ok(actor) => actor,
            Err(note) => return guard.finish(ExitCause::Panicked(note)),
        };
        let mut context = Context::new();
        if let Some(messages) = self.mailbox_capacity_opt {
            context.set_mailbox_capacity(messages);
        }
        let instance = self.instance.clone();
        context.spawn(self.lane_reader(&context));
        let contained = Contained::new(context.into_future(actor));
        let task = actix::spawn(async move {
            let cause = match contained.await {
                Ok(()) => ExitCause::Stopped,
                Err(note) => ExitCause::Panicked(note),
            };
            guard.finish(cause);
        });
        instance.kill.arm(task.abort_handle());
    }

    fn lane_reader(self, context: &Context<A>) -> LaneReader<impl FnOnce() + Unpin + use<A>> {
        let address = context.address();
        let Self { child, instance, running, cell, .. } = self;
        LaneReader::new(child, move || {
            cell.publish(instance.epoch, address);
            running.do_send(ChildRunning { child: instance.child, epoch: instance.epoch });
        })
    }
}
