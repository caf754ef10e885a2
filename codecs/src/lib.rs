//! Wire and file formats of NATS as plain values: no I/O, no runtime, no clock.
//!
//! - [`api`]: JSON of the JetStream API.
//! - [`batch`]: what decoders of lines yield.
//! - [`client`]: the client protocol.
//! - [`conf`]: the configuration language.
//! - [`header`]: blocks of headers.
//! - [`jwt`]: tokens of operators, accounts and users.
//! - [`ocsp`]: questions to authorities about certificates.
//! - [`peer`]: what servers of a cluster say to each other.
//! - [`pprof`]: profiles of a process.
//! - [`proxy`]: the PROXY protocol, versions 1 and 2.
//! - [`quote`]: text between quotes, as Go's `%q` writes it.
//! - [`report`]: monitoring documents.
//! - [`s2`]: the compression of connections between servers.
//! - [`system`]: requests to the system account's services, answers, events.
//! - [`subject`]: subjects, their tokens and wildcards.

pub mod api;
pub mod batch;
pub mod client;
pub mod conf;
pub mod header;
pub mod jwt;
pub mod ocsp;
pub mod peer;
pub mod pprof;
pub mod proxy;
pub mod quote;
pub mod report;
pub mod s2;
pub mod subject;
pub mod system;
