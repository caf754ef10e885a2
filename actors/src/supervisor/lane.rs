//! The supervisor's private line into a running actor: pings and the order to stop.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Instant;

use actix::Context;
use actix::fut::ActorFuture;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::child::{ChildContext, SupervisedActor};
use crate::metrics::Latency;

/// What the supervisor asks of one actor instance; read inside the actor's own context.
#[derive(Debug, Default)]
pub(super) struct ControlLane {
    stop: AtomicBool,
    waker: AtomicWaker,
    is_pinged: AtomicBool,
    pinged_at: Mutex<Option<Instant>>,
    latency: Arc<Latency>,
}

impl ControlLane {
    /// A lane that notes in `latency` how long its pings wait.
    pub(super) fn new(latency: Arc<Latency>) -> Self {
        Self { latency, ..Self::default() }
    }

    /// Wakes the actor, which answers by touching its heartbeat. A ping that is not answered yet stays the one that counts.
    pub(super) fn ping(&self) {
        self.pinged_at.lock().get_or_insert_with(Instant::now);
        self.is_pinged.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Notes that the actor had its turn.
    fn answer(&self) {
        if self.is_pinged.swap(false, Ordering::AcqRel)
            && let Some(pinged_at) = self.pinged_at.lock().take()
        {
            self.latency.record(pinged_at.elapsed());
        }
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
        self.child.lane().answer();
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
