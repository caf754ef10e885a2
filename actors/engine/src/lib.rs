//! The decisions of the server as plain code: no I/O, no thread, time is an argument.
//!
//! - [`options`]: typed configuration everybody reads.
//! - [`index`]: who is interested in a subject.
//! - [`auth`]: may this connection enter, and with what rights.
//! - [`account`]: what accounts let each other have.
//! - [`subject`]: subjects that become other subjects.
//! - [`stream`]: what a stream takes and how it may be configured.
//! - [`consumer`]: consumers of streams.
//! - [`route`]: routes between the servers of a cluster.
//! - [`id`]: server keys, nonces, unique identifiers.

pub mod account;
pub mod auth;
pub mod consumer;
pub mod id;
pub mod index;
pub mod options;
pub mod route;
pub mod stream;
pub mod subject;
