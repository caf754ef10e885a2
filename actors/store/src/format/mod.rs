//! nats-server's file formats as plain values: bytes in, bytes out.
//!
//! Numbers of fixed width are little-endian; the others are those of Go's `encoding/binary`.

mod block;
mod block_marks;
mod checksum;
mod compression;
mod consumer_state;
mod index_file;
mod record;
mod sequence_set;
mod timers;
pub(crate) mod varint;

pub use block::{BlockReader, Fault};
pub use block_marks::{BlockMark, BlockMarks};
pub use checksum::Checksum;
pub use compression::{compress_block, decompress_block, is_compressed, unpacked_size};
pub use consumer_state::{decode_consumer_state, encode_consumer_state};
pub use index_file::{BlockSummary, IndexFile, SubjectSummary};
pub use record::{Kind, Record, RecordError, record_size};
pub use sequence_set::SequenceSet;
pub use timers::{
    decode_deadlines, decode_schedules, decode_sources, encode_deadlines, encode_schedules, encode_sources,
};
