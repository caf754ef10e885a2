//! Collects what the monitor and the system account's services tell of the server. Knows nothing of HTTP.
//!
//! ```text
//! src/monitor (query string) ──┐
//!                              ├─ options (codecs::report) ──> Reporter ──> document (codecs::report)
//! system services (JSON) ──────┘                                  │ reads
//!                                        registry, accounts, options, supervisor's board, sources
//! ```
//!
//! - [`reporter`]: what all reports share. [`sources`]: where routes, leaf nodes and JetStream are asked, once they are there.
//! - [`varz`], [`connz`], [`subsz`], [`peers`], [`accountz`], [`jsz`], [`health`], [`actorz`]: one room per document.
//! - [`jetstream`], [`routes`]: sources.
//! - [`usage`]: memory and processor time. [`process`]: arguments and threads of the process.
//! - [`eventsz`], [`history`], [`table`]: what happens, what happened, and the dashboard's table of connections.
//!
//! Everything is read from counters and snapshots that are there anyway. No report sends a message to a connection.

pub mod accountz;
pub mod actorz;
pub mod connz;
mod connz_rows;
mod connz_subscriptions;
pub mod eventsz;
pub mod health;
pub mod history;
pub mod jetstream;
pub mod jsz;
pub mod peers;
pub mod process;
pub mod reporter;
pub mod routes;
mod sharing;
pub mod sources;
pub mod subsz;
pub mod table;
pub mod usage;
pub mod varz;

pub use history::SampleHistory;
pub use reporter::{ReportError, Reporter, ServerFacts};
pub use sources::{PeerCounts, Sources};
pub use varz::Totals;
