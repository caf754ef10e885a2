//! Who is interested in a subject.
//!
//! An [`Index`] is a value: cloning it is one reference count, changing the clone copies only the path to what changed.
//! One owner changes its copy and publishes clones as snapshots; readers match against a snapshot without a lock.
//!
//! - [`snapshot`]: the index itself. Literal subjects are in one hash trie, patterns with wildcards in a token trie, so a
//!   publish costs one hash look-up plus a walk over the patterns only.
//! - [`hash_trie`]: the persistent hash trie. [`pattern_trie`]: the persistent token trie.
//! - [`interest`]: what other servers are told.
//! - [`subscribers`]: the subscribers of one subject, plain ones and queue groups apart.
//! - [`mod@matches`]: what a match yields.

pub mod hash_trie;
pub mod interest;
pub mod matches;
pub mod pattern_trie;
pub mod snapshot;
pub mod subscribers;

pub use interest::{InterestChange, InterestCounts};
pub use matches::Matches;
pub use snapshot::Index;
pub use subscribers::SubscriberSet;

use std::sync::Arc;

/// What the index knows of a subscription.
pub trait SubscriptionFacts {
    /// Identity, unique in the index as long as the subscription lives.
    fn id(&self) -> u64;
    /// Subject, wildcards allowed.
    fn subject(&self) -> &[u8];
    /// Queue group, if it is in one.
    fn queue(&self) -> Option<&[u8]>;
}

/// A cheap handle of a subscription: what the index holds.
pub trait Subscriber: SubscriptionFacts + Clone {}

impl<T: SubscriptionFacts + Clone> Subscriber for T {}

impl<T: SubscriptionFacts> SubscriptionFacts for Arc<T> {
    fn id(&self) -> u64 {
        (**self).id()
    }

    #[inline]
    fn subject(&self) -> &[u8] {
        (**self).subject()
    }

    #[inline]
    fn queue(&self) -> Option<&[u8]> {
        (**self).queue()
    }
}
