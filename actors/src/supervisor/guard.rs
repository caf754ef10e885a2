//! How an actor ended, told by a value that is dropped with it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix::{Message, Recipient};

use super::child::{ChildId, Epoch};
use super::panics::{PanicNote, contain, take_panic_note};

/// Why an actor is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitCause {
    /// It stopped in order: it called `ctx.stop()`, or nothing could reach it any more.
    Stopped,
    /// It panicked, while starting or while handling something.
    Panicked(PanicNote),
    /// It was dropped from outside: aborted by the supervisor, or its arbiter ended.
    Killed,
    /// It made no progress for this long and was fenced off.
    Stalled(Duration),
    /// Its arbiter's thread could not be created.
    NoArbiter(Arc<str>),
}

impl ExitCause {
    /// Says whether the actor ended against its will.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Stopped => false,
            Self::Panicked(_) | Self::Killed | Self::Stalled(_) | Self::NoArbiter(_) => true,
        }
    }
}

impl fmt::Display for ExitCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("stopped"),
            Self::Panicked(note) => note.fmt(formatter),
            Self::Killed => formatter.write_str("killed, or its arbiter ended"),
            Self::Stalled(silent_for) => write!(formatter, "no progress for {silent_for:?}"),
            Self::NoArbiter(reason) => write!(formatter, "no arbiter: {reason}"),
        }
    }
}

/// The fact that an actor instance has ended, sent to the supervisor by its guard.
#[derive(Debug)]
pub(super) struct ChildExited {
    pub(super) child: ChildId,
    pub(super) epoch: Epoch,
    pub(super) cause: ExitCause,
}

impl Message for ChildExited {
    type Result = ();
}

/// Reports the end of one actor instance when it is dropped, whatever ended it.
///
/// The guard lives in the task that runs the actor, not in the actor, so that it reports after every field of the actor is
/// gone and no author can forget it.
#[derive(Debug)]
pub(super) struct ExitGuard {
    child: ChildId,
    epoch: Epoch,
    reports: Recipient<ChildExited>,
    cause_opt: Option<ExitCause>,
}

impl ExitGuard {
    pub(super) fn new(child: ChildId, epoch: Epoch, reports: Recipient<ChildExited>) -> Self {
        Self { child, epoch, reports, cause_opt: None }
    }

    /// Ends the guard with a known cause.
    pub(super) fn finish(mut self, cause: ExitCause) {
        self.cause_opt = Some(cause);
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let cause = self.cause_opt.take().unwrap_or_else(cause_of_unfinished_drop);
        self.reports.do_send(ChildExited { child: self.child, epoch: self.epoch, cause });
    }
}

/// Runs an actor's future to its end and keeps panics inside.
///
/// A panic is caught before the actor is dropped, so its `stopped()` runs on a thread that no longer unwinds: a second panic
/// there is contained too, where plain actix would abort the process.
pub(super) struct Contained<F: Future<Output = ()> + Unpin> {
    future_opt: Option<F>,
}

impl<F: Future<Output = ()> + Unpin> Contained<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future_opt: Some(future) }
    }

    /// Drops the actor; a panic in its `stopped()` or in a field's drop comes back as a note.
    fn discard(&mut self) -> Option<PanicNote> {
        let future = self.future_opt.take()?;
        contain(|| drop(future)).err()
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Contained<F> {
    type Output = Result<(), PanicNote>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future_opt.as_mut() else {
            return Poll::Ready(Ok(()));
        };
        let outcome = contain(|| Pin::new(future).poll(task));
        match outcome {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(self.discard().map_or(Ok(()), Err)),
            Err(mut first) => {
                if let Some(second) = self.discard() {
                    first.message = format!("{}; then while stopping, {second}", first.message).into();
                }
                Poll::Ready(Err(first))
            }
        }
    }
}

impl<F: Future<Output = ()> + Unpin> Drop for Contained<F> {
    fn drop(&mut self) {
        if let Some(note) = self.discard() {
            tracing::error!(cause = %note, "actor panicked while it was killed");
        }
    }
}

fn cause_of_unfinished_drop() -> ExitCause {
    if !std::thread::panicking() {
        return ExitCause::Killed;
    }
    let unknown = || PanicNote { message: "unknown".into(), location: "".into(), backtrace_opt: None, printed: true };
    ExitCause::Panicked(take_panic_note().unwrap_or_else(unknown))
}
