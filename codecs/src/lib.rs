//! Wire and file formats of NATS as plain values: no I/O, no runtime, no clock.
//!
//! - [`subject`]: subjects, their tokens and wildcards.

pub mod subject;
