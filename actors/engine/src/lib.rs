//! The decisions of the server as plain code: no I/O, no thread, time is an argument.
//!
//! - [`options`]: typed configuration everybody reads.

pub mod options;
