//! Faults that strike supervised actors on command, for tests. Without the `fault-injection` feature everything here is empty.

use super::child::ChildName;
#[cfg(feature = "fault-injection")]
use super::fault_registry::FaultRegistry;

/// The injected faults of one server; a clone holds the same ones.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    #[cfg(feature = "fault-injection")]
    registry: FaultRegistry,
}

/// What the actor has to do after a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Checkpoint {
    /// Carry on.
    Pass,
    /// Stop now.
    Stop,
}

impl Checkpoint {
    /// Says whether the actor has to stop.
    #[inline(always)]
    pub const fn must_stop(self) -> bool {
        matches!(self, Self::Stop)
    }
}

#[cfg(not(feature = "fault-injection"))]
impl Faults {
    /// Passes the point `kind` or `kind:point`.
    #[inline(always)]
    pub fn checkpoint(&self, _name: &str) -> Checkpoint {
        Checkpoint::Pass
    }

    /// Passes a point of one connection of a kind: `client`, 17, `mid-publish`.
    #[inline(always)]
    pub fn checkpoint_of(&self, _kind: &str, _connection: u64, _point: &str) -> Checkpoint {
        Checkpoint::Pass
    }

    #[inline(always)]
    pub(super) fn checkpoint_in(&self, _name: &ChildName, _point: &str) -> Checkpoint {
        Checkpoint::Pass
    }
}

#[cfg(feature = "fault-injection")]
impl Faults {
    /// Passes the point `kind` or `kind:point`. Panics, blocks the thread or returns `Stop` when a fault waits there.
    pub fn checkpoint(&self, name: &str) -> Checkpoint {
        let (kind, point) = name.split_once(':').unwrap_or((name, ""));
        self.registry.pass(kind, "", point)
    }

    /// Passes a point of one connection of a kind: `client`, 17, `mid-publish`.
    pub fn checkpoint_of(&self, kind: &str, connection: u64, point: &str) -> Checkpoint {
        if self.registry.is_idle() {
            return Checkpoint::Pass;
        }
        self.registry.pass(kind, &connection.to_string(), point)
    }

    pub(super) fn checkpoint_in(&self, name: &ChildName, point: &str) -> Checkpoint {
        self.registry.pass(name.kind, name.id_opt.as_deref().unwrap_or_default(), point)
    }

    /// The switches themselves.
    pub fn registry(&self) -> &FaultRegistry {
        &self.registry
    }
}
