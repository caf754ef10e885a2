//! Counters of the whole server. Counted when something rare happens, never for a message.
//!
//! - [`counters`]: events by kind of connection. [`latency`]: how long sampled things took.

pub mod counters;
pub mod latency;

pub use counters::{ConnectionKind, KindCounters, ServerCounters};
pub use latency::{Latency, LatencySnapshot};
