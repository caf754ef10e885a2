//! Troupe.

pub mod config;
