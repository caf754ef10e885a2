//! Actors: state with a life, shells around the codecs and the engine.
//!
//! Rooms import only leftward: `profile queue metrics` < `supervisor` < `net` < `connection` < `router` < `account` < `auth` <
//! everything that speaks a protocol.

pub mod account;
pub mod auth;
pub mod client;
pub mod connection;
pub mod jetstream;
pub mod metrics;
pub mod net;
pub mod profile;
pub mod queue;
pub mod report;
pub mod route;
pub mod router;
pub mod supervisor;
pub mod system;
