//! What of a block is kept when it is written anew.

use super::block::Block;
use crate::StoreError;
use crate::format::{BlockReader, Checksum, Kind, Record, SequenceSet};

/// Which records of a block are kept.
#[derive(Debug)]
pub(super) enum Selection {
    /// All of them: the block is only compressed.
    All,
    /// The messages that are not gone, and the tombstones still needed.
    Live(Live),
}

/// A block's numbers when it was decided to write it anew.
#[derive(Debug)]
pub(super) struct Live {
    first_seq: u64,
    last_seq: u64,
    last_time_ns: i64,
    deleted: SequenceSet,
    /// No file of the stream has a message of an earlier sequence.
    lowest_of_stream: u64,
}

/// What is left of a block.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    /// No message of an earlier sequence is in it.
    pub(super) lowest_seq: u64,
    /// Neither a message nor a tombstone that is needed is in it.
    pub(super) is_needless: bool,
}

impl Selection {
    pub(super) fn live(block: &Block, lowest_of_stream: u64) -> Self {
        Self::Live(Live {
            first_seq: block.first_seq,
            last_seq: block.last_seq,
            last_time_ns: block.last_time_ns,
            deleted: block.deleted.clone(),
            lowest_of_stream,
        })
    }

    /// Keeps what is to be kept of a block's records. A block that lacks a message it should have is not touched.
    pub(super) fn keep(&self, bytes: &[u8], checksum: &Checksum) -> Result<Option<Kept>, StoreError> {
        match self {
            Self::All => Ok(None),
            Self::Live(live) => live.keep(bytes, checksum).map(Some),
        }
    }
}

impl Live {
    fn keep(&self, bytes: &[u8], checksum: &Checksum) -> Result<Kept, StoreError> {
        let mut kept: Vec<u8> = Vec::new();
        let (mut first_kept, mut last_kept, mut num_kept, mut has_tombstones) = (None, 0, 0, false);
        for (offset, record) in BlockReader::new(bytes, checksum).flatten() {
            let is_kept = match record.kind {
                Kind::Message => self.holds(record.seq) && record.seq > last_kept,
                Kind::Tombstone => {
                    let is_foreign = !(self.first_seq..=self.last_seq).contains(&record.seq);
                    is_foreign && (self.lowest_of_stream..=self.last_seq).contains(&record.seq)
                }
                Kind::Erased => false,
            };
            if !is_kept {
                continue;
            }
            let size = record.size().unwrap_or_default();
            kept.extend_from_slice(&bytes[offset..offset + size]);
            if record.kind == Kind::Message {
                first_kept = first_kept.or(Some(record.seq));
                last_kept = record.seq;
                num_kept += 1;
            } else {
                has_tombstones = true;
            }
        }
        if num_kept != self.msgs() {
            let reason = format!("{num_kept} of {} messages are readable", self.msgs());
            return Err(StoreError::Corrupt { place: String::new(), reason });
        }
        // The last sequence stays known when its message is gone.
        if last_kept != self.last_seq {
            Record::empty(Kind::Erased, self.last_seq, self.last_time_ns).encode(checksum, &mut kept);
        }
        let lowest_seq = first_kept.unwrap_or(self.last_seq + 1);
        Ok(Kept { bytes: kept, lowest_seq, is_needless: num_kept == 0 && !has_tombstones })
    }

    fn msgs(&self) -> u64 {
        (self.last_seq + 1).saturating_sub(self.first_seq) - self.deleted.len()
    }

    fn holds(&self, seq: u64) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq) && !self.deleted.contains(seq)
    }
}
