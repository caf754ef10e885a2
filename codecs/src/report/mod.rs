//! Monitoring documents: what `/varz`, `/connz` and the others answer, and what they can be asked for.
//!
//! Names, types, order and presence of fields are nats-server's, because its tools decode them into fixed structures. Every
//! document is a plain value; [`render`] writes it as Go does. The option structures are what a query string or the body of
//! a `$SYS.REQ` request comes down to.
//!
//! - [`json`]: Go's JSON. [`time`](mod@time): time stamps and durations as texts and numbers.
//! - [`varz`]: the server, with [`varz_blocks`]. [`connz`]: connections. [`subsz`]: subscriptions. [`health`]: is it well.
//! - [`peers`]: routes, gateways, leaf nodes. [`accountz`]: accounts. [`jsz`]: JetStream. [`queues`]: queues, replication groups.
//! - [`actorz`]: the supervision tree.
//! - Troupe's own: [`eventsz`]: what happens, once a second. [`table`]: the dashboard's table of connections.

pub mod accountz;
pub mod actorz;
pub mod connz;
pub mod eventsz;
pub mod health;
pub mod json;
pub mod jsz;
pub mod peers;
pub mod queues;
pub mod subsz;
pub mod table;
pub mod time;
pub mod varz;
pub mod varz_blocks;

pub use accountz::{Accountz, AccountzOptions, Accstatz, AccstatzOptions};
pub use actorz::Actorz;
pub use connz::{ConnInfo, ConnSort, ConnState, Connz, ConnzOptions};
pub use health::{HealthError, HealthErrorKind, HealthStatus, HealthzOptions};
pub use json::{Layout, render};
pub use jsz::{Jsz, JszOptions};
pub use peers::{Gatewayz, GatewayzOptions, Leafz, LeafzOptions, Routez, RoutezOptions};
pub use queues::{Ipqueuesz, IpqueueszOptions, RaftzOptions};
pub use subsz::{SubDetail, SublistStats, Subsz, SubszOptions};
pub use time::{Timestamp, rtt_text, uptime_text};
pub use varz::Varz;

pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
