//! Whether certificates were revoked: authorities are asked about the server's own, whose answers are stapled to them, and
//! about those of clients.

mod cache;
mod chain;
mod check;
mod facts;
mod responder;
mod response;
mod staple;

pub use cache::{CacheCounts, OcspCache};
pub use check::{PeerCheck, PeerNews};
pub use staple::{Revoked, StapleError, Stapling, keep_stapled};

pub(super) use facts::Facts;
pub(super) use staple::Staple;
