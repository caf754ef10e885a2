//! Keeps actors running: starts them from factories, watches them, restarts them, gives up in order.
//!
//! ```text
//!  boot ── ChildSpec ──> SupervisorHandle ──> Supervisor (main arbiter)
//!                                               │  launch on the actor's arbiter        ▲ running, exited (guard)
//!                                               ▼                                       │
//!                                 factory(ChildContext) -> actor ── ControlLane ── task with ExitGuard
//!                                               │
//!  callers <── AddressWatch <── AddressCell <───┘     board <── state     shell <── Verdicts
//! ```
//!
//! - An actor's task is run inside `Contained`: a panic is caught before the actor is dropped, so `stopped()` runs on a thread
//!   that does not unwind and a second panic there cannot abort the process. The panic hook keeps the text; the supervisor
//!   logs it once.
//! - Callers hold an `AddressWatch`, which follows the address over restarts and tells a message that was not delivered from
//!   one whose handler died and from one that was refused.
//! - Each instance has an epoch. A stuck actor on its own arbiter is fenced (its epoch is no longer current), told to die as
//!   soon as its thread comes back, and replaced on a new arbiter.
//! - Connections are too many to be supervised one by one: a `ConnectionGroup` runs them contained and counts them.

mod actor;
mod address;
mod arbiter;
mod backoff;
mod board;
mod child;
mod commands;
#[cfg(feature = "fault-injection")]
mod fault_registry;
#[cfg(feature = "fault-injection")]
mod fault_text;
mod faults;
mod group;
mod guard;
mod handle;
mod heartbeat;
mod lane;
mod launch;
mod panics;
mod record;
mod slots;
#[cfg(test)]
mod tests;

pub use actor::Supervisor;
pub use address::{AddressWatch, AskError, CallError, NoLongerSupervised, NotDelivered, Undelivered};
pub use arbiter::{ArbiterSlot, ArbiterStatus};
pub use backoff::{RestartDecision, RestartLimits, RestartLog};
pub use board::{Board, BoardSnapshot, ChildState, ChildStatus, RestartNote};
pub use child::{ChildContext, ChildId, ChildName, ChildSpec, Epoch, Placement, RestartPolicy, SupervisedActor};
#[cfg(feature = "fault-injection")]
pub use fault_registry::{Fault, FaultRegistry, Gate, InjectedFault, Injection};
#[cfg(feature = "fault-injection")]
pub use fault_text::FaultTextError;
pub use faults::{Checkpoint, Faults};
pub use group::{ConnectionGroup, ConnectionGuard, GroupStatus};
pub use guard::ExitCause;
pub use handle::{
    ArbiterStartError, ShutdownReport, StartError, StopOutcome, SupervisorHandle, SupervisorOptions, SupervisorVerdict,
    Verdicts,
};
pub use heartbeat::{Heartbeat, ProtectedZone};
pub use panics::{PanicNote, install_panic_hook, take_panic_note};
