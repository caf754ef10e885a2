//! Actors that are many, never restarted and therefore only counted: connections.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Message, Recipient};

use super::guard::Contained;
use super::panics::{PanicNote, take_panic_note};

/// The fact that a counted actor panicked. The only thing a connection ever tells the supervisor.
#[derive(Debug)]
pub(super) struct ConnectionPanicked {
    pub(super) kind: &'static str,
    pub(super) connection: u64,
    pub(super) note: PanicNote,
}

impl Message for ConnectionPanicked {
    type Result = ();
}

/// Counts of one kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// The kind.
    pub kind: &'static str,
    /// Started so far.
    pub num_started: u64,
    /// Ended without a panic so far.
    pub num_stopped: u64,
    /// Ended by a panic so far.
    pub num_panicked: u64,
}

impl GroupStatus {
    /// Actors of the kind that are alive.
    pub fn num_alive(&self) -> u64 {
        self.num_started.saturating_sub(self.num_stopped + self.num_panicked)
    }
}

/// A kind of actor that is counted but not supervised one by one. A clone counts into the same group.
#[derive(Clone)]
pub struct ConnectionGroup {
    shared: Arc<Shared>,
}

struct Shared {
    kind: &'static str,
    started: AtomicU64,
    stopped: AtomicU64,
    panicked: AtomicU64,
    reports: Recipient<ConnectionPanicked>,
}

impl ConnectionGroup {
    pub(super) fn new(kind: &'static str, reports: Recipient<ConnectionPanicked>) -> Self {
        let [started, stopped, panicked] = [const { AtomicU64::new(0) }; 3];
        Self { shared: Arc::new(Shared { kind, started, stopped, panicked, reports }) }
    }

    /// Starts a counted actor on the arbiter of the calling thread; `create` makes it within its context.
    ///
    /// A panic in the actor, even a second one in its `stopped()`, ends this actor and nothing else, and is logged once.
    pub fn start<A>(&self, connection: u64, create: impl FnOnce(&mut Context<A>) -> A) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
    {
        let mut context = Context::new();
        let actor = create(&mut context);
        let future = context.into_future(actor);
        let address = future.address();
        let guard = self.guard(connection);
        actix::spawn(async move {
            if let Err(note) = Contained::new(future).await {
                guard.finish_panicked(note);
            }
        });
        address
    }

    /// Counts one more actor until the guard is dropped. For actors that are started some other way and keep the guard as a
    /// field; `start` needs none.
    pub fn guard(&self, connection: u64) -> ConnectionGuard {
        self.shared.started.fetch_add(1, Ordering::Relaxed);
        ConnectionGuard { group: self.clone(), connection, panicked: false }
    }

    /// Reads the counters.
    pub fn status(&self) -> GroupStatus {
        // The ends are read before the starts, so that the difference is never negative.
        let num_stopped = self.shared.stopped.load(Ordering::Acquire);
        let num_panicked = self.shared.panicked.load(Ordering::Acquire);
        let num_started = self.shared.started.load(Ordering::Acquire);
        GroupStatus { kind: self.shared.kind, num_started, num_stopped, num_panicked }
    }
}

impl fmt::Debug for ConnectionGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(formatter)
    }
}

/// Counts one actor as stopped, or as panicked when it is dropped by an unwinding thread.
#[derive(Debug)]
pub struct ConnectionGuard {
    group: ConnectionGroup,
    connection: u64,
    panicked: bool,
}

impl ConnectionGuard {
    fn finish_panicked(mut self, note: PanicNote) {
        self.panicked = true;
        self.report(note);
    }

    fn report(&self, note: PanicNote) {
        let shared = &self.group.shared;
        shared.reports.do_send(ConnectionPanicked { kind: shared.kind, connection: self.connection, note });
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if !self.panicked && std::thread::panicking() {
            self.panicked = true;
            if let Some(note) = take_panic_note() {
                self.report(note);
            }
        }
        let shared = &self.group.shared;
        let counter = if self.panicked { &shared.panicked } else { &shared.stopped };
        counter.fetch_add(1, Ordering::Release);
    }
}

/// Lets a few lines through in each period and counts the rest. Pure: the caller brings the time.
#[derive(Debug)]
pub(super) struct LineLimiter {
    lines_per_period: u32,
    period: Duration,
    period_start_opt: Option<Instant>,
    lines: u32,
    num_hidden: u64,
}

impl LineLimiter {
    pub(super) fn new(lines_per_period: u32, period: Duration) -> Self {
        Self { lines_per_period, period, period_start_opt: None, lines: 0, num_hidden: 0 }
    }

    /// Returns the number of lines hidden since the last one let through, or `None` when this line is hidden too.
    pub(super) fn allow(&mut self, now: Instant) -> Option<u64> {
        let expired = self.period_start_opt.is_none_or(|start| now.saturating_duration_since(start) >= self.period);
        if expired {
            self.period_start_opt = Some(now);
            self.lines = 0;
        }
        if self.lines >= self.lines_per_period {
            self.num_hidden += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.num_hidden))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limiter_hides_and_counts_what_is_over_the_limit() {
        let start = Instant::now();
        let mut limiter = LineLimiter::new(2, Duration::from_secs(10));
        let seconds = [0, 1, 2, 3, 10, 11, 12];
        let seen: Vec<Option<u64>> =
            seconds.iter().map(|second| limiter.allow(start + Duration::from_secs(*second))).collect();
        assert_eq!(seen, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
    }
}
