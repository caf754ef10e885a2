//! Consumers of streams as state machines: which message goes to whom, what is acknowledged, what comes again.
//!
//! Nothing here reads a stream, sends, or knows the time. The owner of a [`Consumer`] does: it asks what to read
//! ([`Consumer::next`]), offers what it read ([`Consumer::offer`]), sends what was taken, and calls
//! [`Consumer::tick`] when it is due. What else is to be done comes through [`Effects`].
//!
//! - [`state`]: a consumer. - [`start`]: where it begins. - [`deliver`]: what is next. - [`acks`]: what is done.
//! - [`timers`]: redelivery, expiry, signs of life. - [`change`]: updates, resets, messages that leave the stream. - [`purge`]: many that leave together.
//! - [`request`], [`waiting`], [`pin`]: clients that ask. - [`flow`], [`rate`]: clients that are
//!   sent to.
//! - [`pending`]: what waits for an acknowledgement. - [`ack`], [`ack_subject`]: acknowledgements on the wire.
//! - [`audience`]: which consumers care for a message. - [`config`]: configurations. - [`status`]: messages without a body. - [`call`]: requests of the API. - [`info`]: what is reported.

pub mod ack;
pub mod ack_subject;
pub mod acks;
pub mod audience;
pub mod call;
pub mod change;
pub mod config;
pub mod deliver;
pub mod effects;
pub mod flow;
pub mod pending;
pub mod pin;
pub mod purge;
pub mod rate;
pub mod request;
pub mod sampling;
pub mod start;
pub mod state;
pub mod status;
pub mod timers;
pub mod waiting;

mod info;
mod pull;
mod push;

pub use audience::Audience;
pub use change::{Stored, filters_of, takes_acks};
pub use effects::Effects;
pub use state::{Consumer, Identity, NEVER, Position};

#[cfg(test)]
mod consumer_test;
#[cfg(test)]
mod held_test;
#[cfg(test)]
mod owner_for_tests;
#[cfg(test)]
mod random_test;
