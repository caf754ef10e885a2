//! The decisions of the server as plain code: no I/O, no thread, time is an argument.
//!
//! - [`auth`]: may this connection enter, and with what rights.
//! - [`id`]: server keys, nonces, unique identifiers.
//! - [`options`]: typed configuration everybody reads.

pub mod auth;
pub mod id;
pub mod options;
