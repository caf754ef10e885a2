//! How far something is that the workshop does for a stream, as both see it.
//!
//! ```text
//! waiting -> working -> committed -> done      the workshop's way
//!    |          |
//!    +----------+--> called off                nothing was changed
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::{Condvar, Mutex};

use crate::StoreError;

#[derive(Debug)]
enum Phase<T> {
    Waiting,
    Working,
    /// It cannot be called off any more.
    Committed,
    Done(T),
}

#[derive(Debug)]
struct State<T> {
    phase: Phase<T>,
    is_called_off: bool,
}

/// How far it is; `T` is what comes of it, and by default what comes of nothing.
#[derive(Debug)]
pub(super) struct Progress<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

impl<T: Default> Progress<T> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { phase: Phase::Waiting, is_called_off: false }), changed: Condvar::new() }
    }

    /// Does the work, unless another began it or it was called off. Nobody waits for ever where it panics: what comes of
    /// it then is made of an error.
    pub(super) fn run(&self, work: impl FnOnce() -> T, panicked: impl FnOnce(StoreError) -> T) {
        if self.begin() {
            let outcome = catch_unwind(AssertUnwindSafe(work));
            let error = || StoreError::Unusable("the work at a stream's files panicked".to_owned());
            self.end(outcome.unwrap_or_else(|_| panicked(error())));
        }
    }

    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        let is_waiting = matches!(state.phase, Phase::Waiting);
        if is_waiting {
            state.phase = Phase::Working;
        }
        is_waiting
    }

    /// Tells whether the work should be left.
    pub(super) fn is_called_off(&self) -> bool {
        self.state.lock().is_called_off
    }

    /// Whether to go on to what cannot be called off.
    pub(super) fn commit(&self) -> bool {
        let mut state = self.state.lock();
        if !state.is_called_off {
            state.phase = Phase::Committed;
        }
        !state.is_called_off
    }

    fn end(&self, outcome: T) {
        self.state.lock().phase = Phase::Done(outcome);
        self.changed.notify_all();
    }

    /// Calls it off, unless it is too late for that.
    pub(super) fn call_off(&self) {
        let mut state = self.state.lock();
        state.is_called_off = true;
        if matches!(state.phase, Phase::Waiting) {
            state.phase = Phase::Done(T::default());
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Done(_))
    }

    /// Waits until nobody works at it any more, and takes what came of it.
    pub(super) fn outcome(&self) -> T {
        let mut state = self.state.lock();
        loop {
            match &mut state.phase {
                Phase::Done(outcome) => return std::mem::take(outcome),
                _ => self.changed.wait(&mut state),
            }
        }
    }
}
