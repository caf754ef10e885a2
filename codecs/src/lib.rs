<<<<<<< HEAD
//! Wire and file formats of NATS as plain values: no I/O, no runtime, no clock.
//!
//! - [`client`]: the client protocol.
//! - [`proxy`]: the PROXY protocol, versions 1 and 2.
//! - [`subject`]: subjects, their tokens and wildcards.

pub mod client;
pub mod proxy;
pub mod subject;
=======
//! Codecs.

pub mod conf;
>>>>>>> h-config
