//! What the system account's services say: requests, answers, events.
//!
//! Names, order and presence of fields are nats-server's.
//!
//! - [`client`]: a client as others see it. [`server`]: the server that says something. [`event`]: what happened.
//! - [`envelope`]: requests and answers. [`header`]: one header of a message. [`encoding`]: compressed
//!   bodies. [`trace`]: where a message went. [`news`]: events of other servers.

pub mod client;
pub mod encoding;
pub mod envelope;
pub mod event;
pub mod header;
pub mod news;
pub mod server;
pub mod trace;

pub use client::ClientInfo;
pub use envelope::{Answer, ApiError, Filter};
pub use event::{AccountConnections, Amount, ConnectEvent, DisconnectEvent, ServiceLatency, StatszEvent};
pub use server::ServerStamp;
