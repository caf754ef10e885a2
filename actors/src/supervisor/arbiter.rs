//! Arbiters that are replaced when their thread ends.

use std::fmt;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle, Message, Recipient};
use parking_lot::Mutex;

use super::panics::contain;

/// A place for one arbiter: the thread in it may be replaced, the place stays.
///
/// Whoever spreads work over arbiters (the listener its sockets) holds slots and asks each time for the current handle.
#[derive(Clone)]
pub struct ArbiterSlot {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    losses_opt: Option<Recipient<ArbiterLost>>,
    state: Mutex<State>,
}

struct State {
    handle: ArbiterHandle,
    generation: u64,
    retired: bool,
}

/// The fact that an arbiter's event loop has ended, for whatever reason.
#[derive(Debug)]
pub(super) struct ArbiterLost {
    pub(super) slot: ArbiterSlot,
    pub(super) generation: u64,
}

impl Message for ArbiterLost {
    type Result = ();
}

impl ArbiterSlot {
    /// Wraps the arbiter of the calling thread, which the supervisor does not replace: the main one.
    ///
    /// # Panics
    /// Outside a running actix `System`.
    pub fn current_thread(name: &str) -> Self {
        let state = State { handle: Arbiter::current(), generation: 1, retired: false };
        Self { shared: Arc::new(Shared { name: name.into(), losses_opt: None, state: Mutex::new(state) }) }
    }

    /// Starts an arbiter in the actix system of the calling thread. The error is the text of why no thread could be made.
    pub(super) fn start(name: &str, losses: Recipient<ArbiterLost>) -> Result<Self, Arc<str>> {
        let handle = start_arbiter()?;
        let state = State { handle, generation: 1, retired: false };
        let slot =
            Self { shared: Arc::new(Shared { name: name.into(), losses_opt: Some(losses), state: Mutex::new(state) }) };
        slot.post_sentinel();
        Ok(slot)
    }

    /// Name of the slot.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the arbiter that is in the slot now. Do not keep it: ask again for each use.
    pub fn handle(&self) -> ArbiterHandle {
        self.shared.state.lock().handle.clone()
    }

    /// Number of the arbiter in the slot: 1 for the first.
    pub fn generation(&self) -> u64 {
        self.shared.state.lock().generation
    }

    /// Says whether the slot's event loop still takes work. A stuck thread does.
    pub fn is_alive(&self) -> bool {
        self.handle().spawn_fn(|| ())
    }

    /// Puts a new arbiter into the slot and tells the former one to end, which it does when its thread is free.
    pub(super) fn replace(&self) -> Result<(), Arc<str>> {
        let handle = start_arbiter()?;
        {
            let mut state = self.shared.state.lock();
            state.handle.stop();
            state.handle = handle;
            state.generation += 1;
        }
        self.post_sentinel();
        Ok(())
    }

    /// Ends the arbiter for good.
    pub(super) fn retire(&self) {
        let mut state = self.shared.state.lock();
        state.retired = true;
        state.handle.stop();
    }

    pub(super) fn is_retired(&self) -> bool {
        self.shared.state.lock().retired
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Leaves a task on the arbiter that lives as long as its event loop.
    fn post_sentinel(&self) {
        let Some(losses) = self.shared.losses_opt.clone() else { return };
        let sentinel = Sentinel { slot: self.clone(), generation: self.generation(), losses };
        self.handle().spawn(async move {
            let _sentinel = sentinel;
            std::future::pending::<()>().await;
        });
    }
}

impl fmt::Debug for ArbiterSlot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ArbiterSlot").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

struct Sentinel {
    slot: ArbiterSlot,
    generation: u64,
    losses: Recipient<ArbiterLost>,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        self.losses.do_send(ArbiterLost { slot: self.slot.clone(), generation: self.generation });
    }
}

/// `Arbiter::new` panics when the system has no thread to give.
fn start_arbiter() -> Result<ArbiterHandle, Arc<str>> {
    contain(|| Arbiter::new().handle()).map_err(|note| note.message)
}
