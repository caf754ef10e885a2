//! One stream: the actor that owns its store.
//!
//! - [`actor`]: its life. [`core`]: what it owns; consumers work with it, too. - `commit`: messages come in; `batches`: several at once. `reply`: publishers are
//!   answered. - `read`: messages are read. `change`: messages and the configuration change. `info`: what is reported.
//! - [`overflow`]: messages there is no room for.

pub mod actor;
mod batches;
mod change;
mod commit;
pub mod core;
mod info;
pub mod overflow;
mod read;
mod reply;

pub use actor::Stream;
pub use core::StreamCore;
