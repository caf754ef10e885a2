//! Routes: the connections between the servers of a cluster, one actor each.
//!
//! ```text
//! Listener ── socket ──┐                                  ┌── Closed, Gossip, Next ── RouteEvents ──> Routes (dials again)
//! Routes ── dial ──────┴─> entry ─> handshake ─> registry ┴─> PeerActor <── batches ── PeerReader
//!                                                                │ inbound: one operation after the other
//!                                                                ├─ RMSG, HMSG -> router::Publisher
//!                                                                └─ RS+, RS-   -> interest -> router::RouterHandle
//! ```
//!
//! - [`actor`]: the manager: which servers are dialled. [`dial`]: one connection attempt after the other. `pursuit`: which are under way.
//! - [`entry`]: from a socket to a started actor. [`handshake`]: INFO, CONNECT, compression, before the actor. `wire`: its lines. `login`: who may enter.
//! - [`peer`]: life of a connection. [`inbound`]: what comes in. `interest`: what the other server wants. [`reader`]: its bytes.
//! - `adapt`: what a running connection takes over from a reload. [`spread`]: accounts that move to other connections.
//! - `traced`: messages that are traced. [`registry`]: which connections count. [`services`]: what all share. [`info`]: INFO of this server. [`events`]: news for the manager.

pub mod actor;
mod adapt;
pub mod dial;
pub mod entry;
pub mod events;
pub mod handshake;
pub mod inbound;
pub mod info;
mod interest;
mod login;
pub mod messages;
pub mod peer;
mod pursuit;
pub mod reader;
pub mod registry;
pub mod services;
pub mod spread;
mod traced;
mod wire;

pub use actor::Routes;
pub use entry::{RouteFactory, Target};
pub use messages::PeerCommand;
pub use peer::PeerActor;
pub use services::{ClientAdvert, RouteParts, RouteServices, RouteTls};
