//! The owner of the subscription index, and the pipeline every publish goes through.
//!
//! ```text
//! client ── SubscriptionChanges ──> queue ──> Router actor ── publishes ──> AccountView (snapshot + generation)
//!    ^                                              │ barrier                      │ read by
//!    └──────────────────────────────────────────────┘                 Publisher (one per arbiter)
//!                                                       match cache -> per-destination batches -> Outbound::push
//! ```
//!
//! - [`actor`]: applies queued changes in batches, publishes one snapshot, opens the barriers.
//! - [`messages`]: the handle others use, the changes, the barrier.
//! - [`view`]: accounts as readers see them. [`subscription`], [`sink`]: who receives, and through what.
//! - [`inbox`]: receivers inside the server. [`server_batch`]: publishing from inside. [`local`]: what an arbiter's actors share.
//! - [`exchange`]: what an account has from other accounts. `imported`, `shadows`: streams of others. `services`, [`replies`]: requests to others and
//!   what comes back, measured by [`latency`]; [`halves`]: by two servers.
//! - [`peer`]: other servers. `interest`: tells them what there is to want here. `remote`: the way of a message to them, `routed`: the way of theirs.
//! - [`publish`]: matches and delivers; `row` encodes once what several receivers get alike. [`cache`]: matches by subject, with
//!   [`cache_stats`]. `door`: the way out of one message.
//!   [`deliver`]: batches by destination. [`trace`]: where a message went that asks to be told of it.

pub mod actor;
pub mod cache;
pub mod cache_stats;
pub mod deliver;
mod door;
pub mod exchange;
pub mod halves;
mod imported;
pub mod inbox;
mod interest;
pub mod last_resort;
pub mod latency;
pub mod local;
mod message;
pub mod messages;
pub mod peer;
pub mod publish;
mod remote;
pub mod replies;
mod rewritten;
mod routed;
mod row;
pub mod server_batch;
mod services;
mod shadows;
pub mod sink;
pub mod subscription;
pub mod trace;
pub mod view;

pub use actor::Router;
pub use deliver::Stalled;
pub use inbox::{Inbox, InboxBatch, InboxMessage};
pub use local::{ArbiterLocal, Seat, arbiter_local};
pub use message::{Message, Origin};
pub use messages::{Barrier, ChangeSet, RouterHandle, Ticket};
pub use peer::{Announcement, PeerDirectory, PeerLink, PeerScope, Pools};
pub use publish::Publisher;
pub use rewritten::Rewritten;
pub use server_batch::{Content, ServerBatch, ServerMessage};
pub use sink::ClientSink;
pub use subscription::Subscription;
pub use view::{AccountView, Accounts};

#[cfg(test)]
#[path = "inside_test.rs"]
mod inside_test;
