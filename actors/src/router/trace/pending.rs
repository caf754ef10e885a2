//! Traces that wait for streams.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::MessageTrace;

/// What a stream made of a traced message.
#[derive(Clone, Debug)]
pub struct JetStreamOutcome {
    /// When.
    pub at: SystemTime,
    /// Subject it is stored under; empty where it was refused before.
    pub subject: String,
    /// No consumer wanted it.
    pub is_unwanted: bool,
    /// Why it was not stored; empty where it was.
    pub error: String,
}

/// A trace that is complete once the publisher and all streams have had their say.
#[derive(Debug, Default)]
pub struct PendingTrace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Streams that have not said anything.
    num_open: usize,
    outcomes: Vec<(usize, JetStreamOutcome)>,
    /// There once the publisher is done.
    trace: Option<Box<MessageTrace>>,
}

impl State {
    fn complete(&mut self) -> Option<Box<MessageTrace>> {
        if self.num_open > 0 {
            return None;
        }
        let mut trace = self.trace.take()?;
        for (place, outcome) in self.outcomes.drain(..) {
            trace.fill(place, outcome);
        }
        Some(trace)
    }
}

/// What a stream ends its part of a trace with.
#[derive(Clone, Debug)]
pub struct TraceTicket {
    pending: Arc<PendingTrace>,
    place: usize,
    is_only: bool,
}

impl PendingTrace {
    /// Waits for one more stream, whose step has `place`.
    pub(super) fn ticket(self: &Arc<Self>, place: usize, is_only: bool) -> TraceTicket {
        self.state.lock().num_open += 1;
        TraceTicket { pending: Arc::clone(self), place, is_only }
    }

    /// The publisher is done. Yields the trace when all streams are, too.
    pub(super) fn published(&self, trace: Box<MessageTrace>) -> Option<Box<MessageTrace>> {
        let mut state = self.state.lock();
        state.trace = Some(trace);
        state.complete()
    }
}

impl TraceTicket {
    /// Whether the message must not be stored.
    #[must_use]
    pub fn is_only(&self) -> bool {
        self.is_only
    }

    /// Says what the stream made of the message. Yields the trace when everybody else is done.
    #[must_use]
    pub fn end(&self, outcome: JetStreamOutcome) -> Option<Box<MessageTrace>> {
        let mut state = self.pending.state.lock();
        // A stream that is restarted takes the message again.
        if state.outcomes.iter().any(|(place, _)| *place == self.place) {
            return None;
        }
        state.num_open = state.num_open.saturating_sub(1);
        state.outcomes.push((self.place, outcome));
        state.complete()
    }
}
