//! Arbiters that are replaced when their thread ends.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use actix::{Arbiter, ArbiterHandle, Message, Recipient};
use parking_lot::Mutex;

use super::heartbeat::Heartbeat;
use super::panics::contain;
use crate::metrics::{Latency, LatencySnapshot};

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
    heartbeat: Heartbeat,
    /// A ping is on its way: a stuck arbiter must not collect them.
    pinged: AtomicBool,
    stalled: AtomicBool,
    /// How long pings wait for their turn.
    latency: Latency,
}

struct State {
    handle: ArbiterHandle,
    generation: u64,
    retired: bool,
}

/// The state of one shared arbiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArbiterStatus {
    /// Name of its slot.
    pub name: String,
    /// Arbiters that have been in the slot.
    pub generation: u64,
    /// Silent for too long.
    pub is_stalled: bool,
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
    /// Starts an arbiter in the actix system of the calling thread. The error is the text of why no thread could be made.
    pub(super) fn start(name: &str, losses: Recipient<ArbiterLost>) -> Result<Self, Arc<str>> {
        let slot = Self::with_arbiter(name, start_arbiter()?, Some(losses));
        slot.post_sentinel();
        Ok(slot)
    }

    fn with_arbiter(name: &str, handle: ArbiterHandle, losses_opt: Option<Recipient<ArbiterLost>>) -> Self {
        let shared = Shared {
            name: name.into(),
            losses_opt,
            state: Mutex::new(State { handle, generation: 1, retired: false }),
            heartbeat: Heartbeat::default(),
            pinged: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            latency: Latency::default(),
        };
        Self { shared: Arc::new(shared) }
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

    /// Reads the state of the slot.
    pub fn status(&self) -> ArbiterStatus {
        ArbiterStatus {
            name: self.name().to_owned(),
            generation: self.generation(),
            is_stalled: self.shared.stalled.load(Ordering::Relaxed),
        }
    }

    /// How long pings waited for their turn on the event loop.
    pub(super) fn latency(&self) -> LatencySnapshot {
        self.shared.latency.read()
    }

    pub(super) fn heartbeat(&self) -> &Heartbeat {
        &self.shared.heartbeat
    }

    pub(super) fn set_stalled(&self, stalled: bool) {
        self.shared.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Asks the event loop to touch the slot's heartbeat.
    pub(super) fn ping(&self) {
        if self.shared.pinged.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = self.shared.clone();
        let pinged_at = Instant::now();
        self.handle().spawn_fn(move || {
            shared.latency.record(pinged_at.elapsed());
            shared.heartbeat.touch();
            shared.pinged.store(false, Ordering::Release);
        });
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
        self.shared.pinged.store(false, Ordering::Release);
        self.set_stalled(false);
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
