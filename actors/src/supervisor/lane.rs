//! The supervisor's private line into a running actor: pings and the order to stop.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use actix::Context;
use actix::fut::ActorFuture;
use futures_util::task::AtomicWaker;

use super::child::{ChildContext, SupervisedActor};

/// What the supervisor asks of one actor instance; read inside the actor's own context.
#[derive(Debug, Default)]
pub(super) struct ControlLane {
    stop: AtomicBool,
    waker: AtomicWaker,
}

impl ControlLane {
    /// Wakes the actor, which answers by touching its heartbeat.
    pub(super) fn ping(&self) {
        self.waker.wake();
    }

    /// Orders the actor to stop; it decides how in `SupervisedActor::stop_requested`.
    pub(super) fn request_stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// Reads the lane within the actor. The first poll comes after the actor's `started()` and its `ctx.wait` futures, and
/// announces the actor as running.
pub(super) struct LaneReader<R> {
    child: ChildContext,
    announce_opt: Option<R>,
}

impl<R> LaneReader<R> {
    pub(super) fn new(child: ChildContext, announce: R) -> Self {
        Self { child, announce_opt: Some(announce) }
    }
}

impl<A, R> ActorFuture<A> for LaneReader<R>
where
    A: SupervisedActor,
    R: FnOnce() + Unpin,
{
    type Output = ();

    fn poll(
        mut self: Pin<&mut Self>,
        actor: &mut A,
        context: &mut Context<A>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Self::Output> {
        self.child.lane().waker.register(task.waker());
        self.child.heartbeat().touch();
        if let Some(announce) = self.announce_opt.take() {
            announce();
        }
        self.child.checkpoint("ping");
        if self.child.lane().stop.swap(false, Ordering::AcqRel) {
            actor.stop_requested(context);
        }
        Poll::Pending
    }
}
