//! Message tracing: where a message went that asks to be told of it.
//!
//! ```text
//! client, route ── start ──> MessageTrace ── traced pipeline ──> steps ──> event, published where the message says
//!                                                  │ streams                  ^
//!                                                  └────── PendingTrace ──────┘ the last of both to end
//! ```
//!
//! Messages that do not ask never come here: the plain pipeline knows nothing of traces.
//!
//! - [`start`]: whether a message is traced. [`state`]: what is known of it so far. [`pending`]: streams it waits for.
//! - `pipeline`: the way of a traced message. `crossing`: its way into other accounts.

mod crossing;
pub mod pending;
mod pipeline;
pub mod start;
pub mod state;

pub use pending::{JetStreamOutcome, PendingTrace, TraceTicket};
pub use pipeline::Audience;
pub use start::{TraceSource, TraceStart};
pub use state::MessageTrace;
