//! May this connection enter, and with what rights.

mod permissions;
mod responses;
mod subjects;

pub use permissions::{CompiledPermissions, ConnectionPermissions, DeliveryFilter};
pub use responses::{MAX_TRACKED_REPLIES, ResponseTracker};
