//! One journal for all stores of a directory: what they write is durable after one sync for all of them.
//!
//! ```text
//! store: writes its file, then record() -> batch in memory     current() -> ticket of that batch
//! journal thread: batch -> segment, fdatasync -> ticket done    segment full -> files synced -> segment free again
//! start: what the segments hold is written to the files again, in order
//! ```
//!
//! A segment is filled with zeros before it is used, so that a sync writes no metadata. Each of its entries carries a
//! checksum under the segment's number: what is left of an earlier use is never taken for an entry.

mod entry;
mod handle;
mod replay;
mod segment;
mod thread;

pub use handle::{Journal, SyncPolicy};
