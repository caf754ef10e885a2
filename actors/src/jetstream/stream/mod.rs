//! One stream: the actor that owns its store.
//!
//! - [`actor`]: its life. [`core`]: what it owns; consumers work with it, too. - `commit`: messages come in; `batches`, `fast`: several at once. `reply`: publishers are
//!   answered. - `read`: messages are read, [`direct`]: on the thread of who asks. `change`: messages and the configuration change. `info`: what is reported. `follow`: other streams are read.
//!   `snapshot`: copies are sent.
//!   `traced`: messages that are traced. `recall`: ids of messages from before the start.
//! - [`overflow`]: messages there is no room for.

pub mod actor;
mod batches;
mod change;
mod commit;
pub mod core;
pub mod direct;
mod fast;
mod follow;
mod info;
mod maintain;
pub mod overflow;
mod read;
mod recall;
mod reply;
mod snapshot;
mod traced;

pub use actor::Stream;
pub use core::StreamCore;
