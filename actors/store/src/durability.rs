//! Waiting for the disk without blocking a thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::StoreError;

/// Whether what was committed survives a crash.
#[derive(Debug)]
pub enum Durability {
    /// As far as the store's configuration asks for, already.
    Reached,
    /// When the ticket is done.
    Pending(Ticket),
}

/// One point in a journal: a future that ends when everything up to there is on the disk, or the disk failed.
#[derive(Clone)]
pub struct Ticket {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Result<(), StoreError>>,
    wakers: Vec<Waker>,
}

impl Ticket {
    /// Makes a ticket that is not done.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() }) }
    }

    /// Ends the wait of everybody who holds this ticket; only the first outcome counts.
    pub fn finish(&self, outcome: Result<(), StoreError>) {
        let mut state = self.shared.state.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.shared.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns the outcome if it is known.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<(), StoreError>> {
        self.shared.state.lock().outcome.clone()
    }

    /// Blocks until the outcome is known. For start, stop and tests; never on an actor's thread.
    ///
    /// # Errors
    ///
    /// The disk's failure.
    pub fn wait(&self) -> Result<(), StoreError> {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            self.shared.changed.wait(&mut state);
        }
    }
}

impl Default for Ticket {
    fn default() -> Self {
        Self::new()
    }
}

impl Future for Ticket {
    type Output = Result<(), StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.shared.state.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ticket").field("outcome", &self.outcome()).finish()
    }
}

impl Durability {
    /// Blocks until it is reached. For start, stop and tests; never on an actor's thread.
    ///
    /// # Errors
    ///
    /// The disk's failure.
    pub fn wait(self) -> Result<(), StoreError> {
        match self {
            Self::Reached => Ok(()),
            Self::Pending(ticket) => ticket.wait(),
        }
    }
}
