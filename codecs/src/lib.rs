//! Wire and file formats of NATS as plain values: no I/O, no runtime, no clock.
//!
//! - [`client`]: the client protocol.

pub mod client;
