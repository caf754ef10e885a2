//! Who is interested in a subject.
//!
//! An [`Index`] is a value: cloning it is one reference count, changing the clone copies only the path to what changed.
//! One owner changes its copy and publishes clones as snapshots; readers match against a snapshot without a lock.
//!
//! - [`snapshot`]: the index itself. Literal subjects are in one hash trie, patterns with wildcards in a token trie, so a
//!   publish costs one hash look-up plus a walk over the patterns only.
//! - [`hash_trie`]: the persistent hash trie. [`pattern_trie`]: the persistent token trie.
//! - [`subscribers`]: the subscribers of one subject, plain ones and queue groups apart.
//! - [`matches`]: what a match yields.

pub mod hash_trie;
pub mod matches;
pub mod pattern_trie;
pub mod snapshot;
pub mod subscribers;

pub use matches::Matches;
pub use snapshot::Index;
pub use subscribers::SubscriberSet;

/// A subscription as the index sees it: a cheap handle (a pointer) with an identity.
pub trait Subscriber: Clone {
    /// Identity, unique in the index, growing with each new subscription.
    fn id(&self) -> u64;
    /// Subject, wildcards allowed.
    fn subject(&self) -> &[u8];
    /// Queue group, if it is in one.
    fn queue(&self) -> Option<&[u8]>;
}
