//! Harness of the black-box tests: starts servers, speaks raw bytes to them and compares what they answer.
//!
//! ```text
//! config ──> server (process | in_process)  <── reference (the Go server, when present)
//!               │
//! script ──> player ──> raw (sockets, frames) ──> normalise ──> transcript ──> compare (diff)
//! ```
//!
//! - [`config`]: a configuration text and the files beside it.
//! - [`server`]: a running server of either kind; [`process`] starts binaries, [`reference`](mod@reference) finds the Go one.
//! - [`mod@script`], [`player`], [`transcript`], [`mod@compare`]: one raw session as data, played on both servers.
//! - [`cluster`]: several servers in one cluster, of either kind. [`proxy`]: disturbs what goes between them.
//! - [`namespaces`]: networks of their own, between which the kernel carries nothing when it is told so.
//! - [`raw`], [`frames`], [`normalise`]: bytes on a socket, cut into protocol frames, with volatile values masked.
//! - [`certs`], [`wait`]: certificates for TLS tests, waiting for a condition.
//! - [`web`]: a small web server. [`authority`]: one that says whether certificates are still good.

pub mod authority;
pub mod certs;
pub mod cluster;
pub mod compare;
pub mod config;
pub mod frames;
pub mod in_process;
pub mod namespaces;
pub mod normalise;
pub mod player;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod reference;
pub mod script;
pub mod server;
pub mod transcript;
pub mod wait;
pub mod web;

pub use compare::{compare, on_both};
pub use config::Config;
pub use raw::RawClient;
pub use script::{A, B, C, Conn, D, Script, script};
pub use server::Server;
