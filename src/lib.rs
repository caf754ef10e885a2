//! Troupe: a NATS server made of supervised actors. This crate is the process around them.
//!
//! | room | what it does |
//! |---|---|
//! | [`cli`] | flags spelled as in nats-server, `--signal` |
//! | [`config`] | file and flags become typed options |
//! | [`logging`] | log lines: format, destination, rotation, live level switches |
//! | [`banner`] | the first lines of the log |
//! | [`signals`] | process signals become [`signals::ServerCommand`]s |
//! | [`process`] | from arguments to exit code: what `main` does |
//! | [`run`] | the loop between "started" and "exit code" |
//! | [`config`] | configuration file and flags become options |
//! | [`boot`] | the one ordered list: what starts, on which arbiter; [`start`] |
//! | `monitor` | HTTP: reports of the server |
//! | `control` | what the system account can make the server do |
//! | [`files`] | pid file, ports file |
//! | [`text`] | words spelled as nats-server spells them: system errors, quoted strings |

pub mod banner;
pub mod boot;
mod claims;
pub mod cli;
mod cluster;
pub mod config;
mod control;
pub mod files;
pub mod logging;
mod monitor;
pub mod process;
mod reload;
pub mod run;
pub mod server;
mod shutdown;
pub mod signals;
pub mod text;

pub use boot::{StartError, start, start_in_process};
pub use server::{Phase, RunningServer};

/// Version of nats-server whose behaviour is offered; INFO, varz, the banner and `--version` carry it.
pub const COMPATIBLE_VERSION: &str = "2.15.1";
/// Troupe's own version.
pub const TROUPE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name in front of messages on standard error. nats-server prints its own whatever the binary is called.
pub const PROGRAM_NAME: &str = "nats-server";
