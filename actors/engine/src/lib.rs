//! The decisions of the server as plain code: no I/O, no thread, time is an argument.
//!
//! - [`options`]: typed configuration everybody reads.
//! - [`index`]: who is interested in a subject.

pub mod index;
pub mod options;
