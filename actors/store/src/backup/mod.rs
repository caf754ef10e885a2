//! Backups of streams: the archives of `$JS.API.STREAM.SNAPSHOT` and `RESTORE`, in both versions.
//!
//! Version 2 is written: messages and states of consumers, whatever the store is. Version 1, a tar archive of the
//! stream's files, is read, too. Both are inside an S2 stream.

mod files;
mod reader;
mod spool;
mod writer;

pub(crate) use files::unpack;
pub use reader::{Archive, ArchiveEntry, MessageArchive, open_archive};
pub use spool::Spool;
pub use writer::BackupWriter;

/// What a version 2 archive starts with.
const MAGIC: &[u8; 8] = b"NATSARC1";
const STATE_NAME: &str = "state.json";
const CONSUMERS: &str = "consumers/";
/// Longer names are not believed.
const LONGEST_NAME: u64 = 1024 * 1024;
/// Larger bodies are not believed.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;
