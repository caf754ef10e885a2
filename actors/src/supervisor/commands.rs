//! What the supervisor is told. Replies go through channels, because an answer may come much later than the handler ends.

use std::time::Duration;

use actix::Message;
use tokio::sync::oneshot;

use super::arbiter::ArbiterSlot;
use super::child::ChildId;
use super::handle::{StartError, StopOutcome};
use super::record::NewChild;

/// Run this actor from now on.
pub(super) struct Supervise {
    pub(super) new: NewChild,
    pub(super) reply: oneshot::Sender<Result<(), StartError>>,
}

/// Stop this actor for good; `forget` takes it off the board.
pub(super) struct StopChild {
    pub(super) child: ChildId,
    pub(super) grace: Duration,
    pub(super) forget: bool,
    pub(super) reply: oneshot::Sender<StopOutcome>,
}

/// Replace the arbiter in this slot whenever it ends.
pub(super) struct AddSlot {
    pub(super) slot: ArbiterSlot,
}

/// Start and restart nothing any more; answer with all actors, the last started first.
pub(super) struct BeginShutdown {
    pub(super) reply: oneshot::Sender<Vec<(ChildId, String)>>,
}

/// End the arbiters and yourself.
pub(super) struct EndShutdown {
    pub(super) reply: oneshot::Sender<()>,
}

impl Message for Supervise {
    type Result = ();
}

impl Message for StopChild {
    type Result = ();
}

impl Message for AddSlot {
    type Result = ();
}

impl Message for BeginShutdown {
    type Result = ();
}

impl Message for EndShutdown {
    type Result = ();
}
