//! The decisions of the server as plain code: no I/O, no thread, time is an argument.
//!
//! - [`auth`]: may this connection enter, and with what rights.
//! - [`id`]: server keys, nonces, unique identifiers.
//! - [`options`]: typed configuration everybody reads.
//! - [`index`]: who is interested in a subject.
//! - [`auth`]: may this connection enter, and with what rights.

pub mod auth;
pub mod index;
pub mod id;
pub mod options;
