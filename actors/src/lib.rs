//! State with a life: the supervised actors of the server.
//!
//! - [`auth`]: who may enter.

pub mod auth;
