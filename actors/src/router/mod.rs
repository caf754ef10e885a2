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
//! - [`publish`]: matches and delivers; `row` encodes once what several receivers get alike. [`cache`]: matches by subject. [`deliver`]: batches by destination.

pub mod actor;
pub mod cache;
pub mod deliver;
pub mod messages;
pub mod publish;
mod row;
pub mod sink;
pub mod subscription;
pub mod view;

pub use actor::Router;
pub use messages::{Barrier, ChangeSet, RouterHandle, Ticket};
pub use publish::{Message, Origin, Publisher};
pub use sink::ClientSink;
pub use subscription::Subscription;
pub use view::{AccountView, Accounts};
