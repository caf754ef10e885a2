//! What a stream decides: its configuration, its limits, which messages it takes.
//!
//! - [`config`]: checks a configuration and fills in defaults; [`update`]: what may change. - [`sources`]: of what it is fed from.
//! - [`batch`]: messages that are stored all or none; [`fast`]: batches with flow control.
//! - [`source`]: how far another stream was read; [`feeder`]: the consumer it is read with.
//! - [`level`]: the level of the API an asset needs.
//! - [`ingest`]: whether a published message is stored; [`publish`]: its headers; [`dedupe`]: ids that count once;
//!   [`counter`]: messages that add up. - [`schedule`]: messages for later; [`cron`]: their patterns.

pub mod batch;
pub mod config;
#[cfg(test)]
mod config_test;
pub mod counter;
pub mod cron;
pub mod dedupe;
pub mod fast;
pub mod feeder;
pub mod ingest;
#[cfg(test)]
mod ingest_test;
pub mod level;
pub mod publish;
pub mod schedule;
pub mod source;
pub mod sources;
pub mod update;
