//! What accounts let each other have.
//!
//! - [`claims`]: accounts as their tokens describe them. [`activation`]: tokens for private exports.
//! - [`exports`]: what an account offers, and to whom.
//! - [`latency`]: which requests are measured. [`rate`]: how fast a user or an account may publish.
//! - [`remote`]: connections on other servers.
//! - [`imports`]: what an account takes: messages of a stream, answers of a service.
//! - [`graph`]: all accounts with both, checked against each other. [`cycles`]: imports that lead back. [`renew`]: the graph of
//!   a configuration, and what a change touches.

pub mod activation;
pub mod claims;
pub mod cycles;
pub mod exports;
pub mod graph;
#[cfg(test)]
mod graph_test;
pub mod imports;
#[cfg(test)]
mod imports_test;
pub mod latency;
pub mod rate;
pub mod remote;
pub mod renew;
#[cfg(test)]
mod renew_test;

pub use exports::{Approval, ServiceExport, StreamExport};
pub use graph::{AccountLinks, Graph, LinkError};
pub use imports::{ServiceImport, StreamImport};
pub use rate::RateLimiter;
pub use remote::RemoteConnections;
