//! A NATS client connection: one actor each.
//!
//! ```text
//! listener ── socket ──> entry (PROXY, INFO, TLS) ──> ClientActor <── batches ── Reader
//!                                                        │ inbound: one operation after the other
//!                                                        ├─ connect    CONNECT, who enters with what rights
//!                                                        ├─ publish    PUB, HPUB -> router::Publisher
//!                                                        └─ subscribe  SUB, UNSUB -> router::RouterHandle
//! ```
//!
//! - [`actor`]: life, timers. [`messages`]: what others ask of it. [`inbound`]: the loop over a batch. [`services`]: what all connections share.
//! - [`events`]: clients that come and go, for those who tell of it. `traced`: messages that ask for a trace.
//! - [`login`]: logins that wait for a password comparison. `callout`: logins that a service decides on.
//! - [`usage`]: users with limits that their connections share.
//! - [`table`]: subscriptions by sid. [`registry`]: connections by id.

pub mod actor;
mod callout;
mod connect;
pub mod entry;
pub mod events;
mod inbound;
mod info;
mod login;
mod messages;
mod publish;
pub mod registry;
pub mod services;
mod subscribe;
mod table;
mod trace;
mod traced;
pub mod usage;

pub use actor::ClientActor;
pub use entry::ClientFactory;
pub use events::{ClientEvent, ClientEvents};
pub use messages::ClientCommand;
pub use registry::Registry;
pub use services::{ClientServices, ServerIdentity};
