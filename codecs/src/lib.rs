//! Wire and file formats of NATS as plain values: no I/O, no runtime, no clock.
//!
//! - [`client`]: the client protocol.
//! - [`subject`]: subjects, their tokens and wildcards.

pub mod client;
pub mod subject;
//! Codecs: wire and file formats of NATS as plain values, with no I/O, no runtime and no clock.

pub mod proxy;
