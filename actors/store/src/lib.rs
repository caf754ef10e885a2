//! Keeps messages: the store of a stream and of its consumers, in memory or in files of nats-server's format.
//!
//! No actor and no runtime: plain calls, and time (nanoseconds since 1970) is an argument. One owner calls a store;
//! what must wait for the disk comes back as a [`Durability`] that the owner awaits without blocking its thread.
//!
//! ```text
//! append append append -> commit() -> Durability -> acknowledge
//!                      \-> take_removals() -> tell consumers which sequences are gone
//! ```
//!
//! - [`StreamStore`]: what every store of a stream does; [`MemoryStore`] keeps it in memory.
//! - [`StoreDirectory`]: the streams in files below one directory, and the journal they share.
//! - [`BackupWriter`], [`open_archive`]: archives of streams.
//! - [`mod@format`]: the files' formats; [`disk`]: the file system behind a trait.
//! - [`ConsumerStore`]: delivered and acknowledged positions of a consumer.
//! - [`StoreConfig`], [`StoreState`], [`StoredMessage`], [`Removal`]: the values that go in and come out.

mod backup;
mod config;
mod consumer;
mod directory;
pub mod disk;
mod durability;
mod error;
mod file;
mod filter;
pub mod format;
mod journal;
mod lease;
mod ledger;
mod log;
mod memory;
mod memory_store;
mod message;
mod removal;
mod state;
mod stream_store;
mod subjects;
mod ttl;
mod workshop;

#[cfg(test)]
mod tests;

pub use backup::{Archive, ArchiveEntry, BackupWriter, MessageArchive, Spool, open_archive};
pub use config::{Compression, Discard, StoreConfig};
pub use consumer::{AckMode, ConsumerState, ConsumerStore, MemoryConsumerStore, PendingMessage, SequencePair};
pub use directory::{DirectoryOptions, FoundStream, StoreDirectory};
pub use durability::{Durability, Ticket};
pub use error::StoreError;
pub use file::{Cipher, EncryptionKey};
pub use filter::SubjectFilter;
pub use journal::{Journal, SyncPolicy};
pub use memory_store::MemoryStore;
pub use message::{NewMessage, StoredMessage, Ttl};
pub use removal::{Removal, RemovalCause, Removals};
pub use state::{FilteredState, StoreState};
pub use stream_store::{Purge, Schedule, SourcePosition, StreamStore, SubjectCount};
pub use ttl::message_ttl;
