//! JetStream: streams that keep messages, and the API that asks about them.
//!
//! ```text
//! client -> router/publish ─┬─ $JS.API.> ──> JetStream ── command ──> Stream (one actor each) ──> store
//!                           └─ subjects of a stream ── inbox ──────────┘        └──> answers through router/publish
//! ```
//!
//! - [`actor`]: the actor of the API. [`server`]: what all of JetStream shares. [`account`]: streams and limits of an account.
//! - [`api`]: requests by subject. [`stream`]: the actor of one stream. [`consumer`]: consumers inside of it.
//! - [`entry`]: a stream as the others see it. [`messages`]: what is asked of a stream. [`advisory`]: events. [`capacity`]: limits of the server.

pub mod account;
pub mod actor;
pub mod advisory;
pub mod api;
pub mod capacity;
mod clock;
pub mod consumer;
pub mod entry;
#[cfg(feature = "fault-injection")]
mod failing_disk;
pub mod messages;
mod recover;
mod reload;
pub mod server;
mod stores;
pub mod stream;

pub use account::JetStreamAccount;
pub use actor::JetStream;
pub use entry::StreamEntry;
pub use reload::Changed;
pub use server::{JetStreamHealth, JetStreamParts, JetStreamServer};
