//! The system account's services: requests about the server, and events that tell what happens to it.
//!
//! ```text
//! requests ── Inbox ──┐
//!                     ├── System (actor) ── ServerBatch ──> replies and events in the system account
//! ClientEvents ───────┘       │ asks
//!                          Reporter
//! ```
//!
//! - [`actor`]: the loop and its timers. [`requests`]: which subjects are answered, and how. `answers`: what the reports say.
//! - [`claims`]: tokens of accounts. `lookup`, `news`: those of other servers, and what else they tell.
//! - `user`: who asks. `profile`: profiles of the process. `events`: clients that come and go, numbers of the server. [`services`]: what outlives the actor.

pub mod actor;
mod answers;
pub mod claims;
mod events;
mod lookup;
mod news;
mod profile;
pub mod requests;
pub mod services;
mod user;

pub use actor::System;
pub use claims::{ClaimsAnswer, ClaimsFault, ClaimsKept, ClaimsRequest};
pub use services::{ServerControl, SystemServices};
