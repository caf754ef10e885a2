//! One journal for all stores of a directory: what they write is durable after one sync for all of them.
//!
//! ```text
//! store: writes its file, then record() -> batch in memory     current() -> ticket of that batch
//!        or only hold(): the journal writes the file later
//!        or hold_new(), remove(): directories of streams and consumers come and go
//! journal thread: batch -> segment, fdatasync -> ticket done    segment full -> the next one that is free
//! checkpoint thread: files of a full segment synced, their lengths saved -> segment free again
//! start: what the segments hold is written to the files again, in order
//! ```
//!
//! A segment is filled with zeros before it is used, so that a sync writes no metadata. Each of its entries carries a
//! checksum under the segment's number: what is left of an earlier use is never taken for an entry.
//!
//! Another server, which knows of no journal, may have served the directory between a kill and the next start: see [`foreign`].
//!
//! How much of a block file is durable is known from the entries and from `lengths`: behind that a power cut may
//! leave anything, before it nothing but damage looks like damage.

mod block;
mod checkpoint;
mod entry;
mod foreign;
mod handle;
mod lengths;
mod replay;
mod segment;
mod thread;
mod whole;

pub use handle::{Journal, SyncPolicy};
pub(crate) use whole::{NewDirectory, meta_paths};
