//! The records of a block, one after the other.

use super::record::{Record, RecordError};
use super::{Checksum, Kind};

/// A place where a block does not hold what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it starts.
    pub offset: usize,
    /// Where the next good record starts; the block's end when there is none.
    pub resumes: usize,
    /// What is wrong.
    pub error: RecordError,
}

/// Reads a block's records with their offsets, checking each.
#[derive(Debug)]
pub struct BlockReader<'a> {
    bytes: &'a [u8],
    checksum: &'a Checksum,
    offset: usize,
    last_seq: u64,
}

impl<'a> BlockReader<'a> {
    /// Starts at the block's beginning.
    #[must_use]
    pub fn new(bytes: &'a [u8], checksum: &'a Checksum) -> Self {
        Self { bytes, checksum, offset: 0, last_seq: 0 }
    }

    /// Searches for the next good record after damage: one with a right checksum and a later sequence.
    fn resync(&self, from: usize) -> usize {
        let is_good = |at: &usize| {
            let Ok((record, _)) = Record::parse(&self.bytes[*at..]) else { return false };
            let is_later = record.kind == Kind::Tombstone || record.seq > self.last_seq;
            is_later && Record::decode(&self.bytes[*at..], self.checksum).is_ok()
        };
        (from..self.bytes.len().saturating_sub(Record::EMPTY - 1)).find(is_good).unwrap_or(self.bytes.len())
    }
}

impl<'a> Iterator for BlockReader<'a> {
    /// Offset and record, or damage that was jumped over.
    type Item = Result<(usize, Record<'a>), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.bytes.len() {
            return None;
        }
        let offset = self.offset;
        match Record::decode(&self.bytes[offset..], self.checksum) {
            Ok((record, size)) => {
                self.offset += size;
                if record.kind != Kind::Tombstone {
                    self.last_seq = self.last_seq.max(record.seq);
                }
                Some(Ok((offset, record)))
            }
            Err(error) => {
                self.offset = self.resync(offset + 1);
                Some(Err(Fault { offset, resumes: self.offset, error }))
            }
        }
    }
}
