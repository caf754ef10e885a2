//! One block: what its file holds, and its content while it is in use.

use std::path::PathBuf;
use std::sync::Arc;

use super::content::Content;
use super::place::Place;
use super::rewriting::Rewriting;
use super::seal::BlockCipher;
use crate::StoreError;
use crate::disk::DiskFile;
use crate::format::{self, BlockMark, BlockSummary, Checksum, SequenceSet};

/// A block's numbers. Live messages are `first_seq..=last_seq` without `deleted`; none when first is behind last.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) index: u32,
    pub(super) first_seq: u64,
    pub(super) first_time_ns: i64,
    pub(super) last_seq: u64,
    pub(super) last_time_ns: i64,
    /// Bytes of live records.
    pub(super) bytes: u64,
    /// Length of all records, live or not, before compression.
    pub(super) raw: u64,
    pub(super) ttls: u64,
    pub(super) schedules: u64,
    pub(super) deleted: SequenceSet,
    /// No message of an earlier sequence is in the file, live or not.
    pub(super) lowest_seq: u64,
    pub(super) checksum: Checksum,
    pub(super) cipher: Option<BlockCipher>,
    pub(super) content: Option<Content>,
    pub(super) file: Option<Arc<dyn DiskFile>>,
    /// It was written anew since a message left it last: doing so again frees nothing.
    pub(super) is_tight: bool,
    /// When its content was last used, in ticks of the log.
    pub(super) used_at: u64,
    /// Somebody has read from it.
    pub(super) is_read: bool,
    /// It is to be compressed, and is not yet.
    pub(super) is_unpacked: bool,
    /// The workshop writes its file anew.
    pub(super) rewriting: Option<Rewriting>,
}

impl Block {
    /// Makes an empty block whose first message will be `next_seq`.
    pub(super) fn new(place: &Place, index: u32, next_seq: u64, last_time_ns: i64) -> Self {
        Self {
            index,
            first_seq: next_seq,
            first_time_ns: 0,
            last_seq: next_seq - 1,
            last_time_ns,
            bytes: 0,
            raw: 0,
            ttls: 0,
            schedules: 0,
            deleted: SequenceSet::default(),
            lowest_seq: next_seq,
            checksum: Checksum::of_block(&place.name, index),
            cipher: None,
            content: None,
            file: None,
            is_tight: false,
            used_at: 0,
            is_read: false,
            is_unpacked: false,
            rewriting: None,
        }
    }

    /// Number of live messages.
    pub(super) fn msgs(&self) -> u64 {
        (self.last_seq + 1).saturating_sub(self.first_seq) - self.deleted.len()
    }

    pub(super) fn holds(&self, seq: u64) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq) && !self.deleted.contains(seq)
    }

    /// More of it is gone than there.
    pub(super) fn is_sparse(&self) -> bool {
        self.bytes.saturating_mul(2) < self.raw && !self.is_tight
    }

    pub(super) fn path(&self, place: &Place) -> PathBuf {
        place.block_path(self.index)
    }

    /// Reads its file, decrypted and decompressed.
    pub(super) fn read_file(&self, place: &Place) -> Result<Vec<u8>, StoreError> {
        read_file(place, self.index, self.cipher.as_ref())
    }

    /// Returns how long its records are before compression, from the first bytes and the length of its file.
    pub(super) fn read_raw(&self, place: &Place) -> Result<u64, StoreError> {
        let file = self.open(place)?;
        match format::unpacked_size(&self.peek_in(&*file, place, 0, 16)?) {
            Some(size) => Ok(size),
            None => self.length_of(&*file, place),
        }
    }

    fn open(&self, place: &Place) -> Result<Arc<dyn DiskFile>, StoreError> {
        let path = self.path(place);
        place.disk.open(&path).map_err(|error| StoreError::io("open", &path, error))
    }

    fn length_of(&self, file: &dyn DiskFile, place: &Place) -> Result<u64, StoreError> {
        file.len().map_err(|error| StoreError::io("stat", &self.path(place), error))
    }

    /// Returns the length of its file; zero if there is none.
    pub(super) fn length(&self, place: &Place) -> Result<u64, StoreError> {
        self.length_of(&*self.open(place)?, place)
    }

    /// Returns the last bytes of its file: the checksum of the last record.
    pub(super) fn ending(&self, place: &Place) -> Result<[u8; 8], StoreError> {
        let file = self.open(place)?;
        let start = self.length_of(&*file, place)?.saturating_sub(8);
        let bytes = self.peek_in(&*file, place, start, 8)?;
        Ok(bytes.try_into().unwrap_or_default())
    }

    /// Tells whether its file is compressed.
    pub(super) fn is_packed(&self, place: &Place) -> Result<bool, StoreError> {
        Ok(format::is_compressed(&self.peek_in(&*self.open(place)?, place, 0, 8)?))
    }

    /// Reads a few decrypted bytes of its file.
    fn peek_in(&self, file: &dyn DiskFile, place: &Place, offset: u64, count: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; count];
        let read = file.read_at(&mut bytes, offset);
        let read = read.map_err(|error| StoreError::io("read", &self.path(place), error))?;
        bytes.truncate(read);
        if let Some(cipher) = &self.cipher {
            cipher.apply(offset, &mut bytes);
        }
        Ok(bytes)
    }

    /// Removes a message from the numbers. The content must hold the block.
    pub(super) fn forget(&mut self, seq: u64, size: u64) {
        self.is_tight = false;
        self.bytes = self.bytes.saturating_sub(size);
        if seq != self.first_seq {
            self.deleted.insert(seq);
            return;
        }
        self.first_seq += 1;
        while self.deleted.remove(self.first_seq) {
            self.first_seq += 1;
        }
        self.first_time_ns = self.time_of(self.first_seq).unwrap_or(0);
    }

    fn time_of(&self, seq: u64) -> Option<i64> {
        let content = self.content.as_ref()?;
        let place = content.find(seq).ok()?;
        content.record_at(place).map(|(record, _)| record.time_ns)
    }

    pub(super) fn mark(&self) -> BlockMark {
        BlockMark { index: self.index, raw: self.raw, lowest_seq: self.lowest_seq }
    }

    pub(super) fn summary(&self) -> BlockSummary {
        BlockSummary {
            index: self.index,
            bytes: self.bytes,
            first_seq: self.first_seq,
            first_time_ns: self.first_time_ns,
            last_seq: self.last_seq,
            last_time_ns: self.last_time_ns,
            ttls: self.ttls,
            schedules: self.schedules,
            deleted: self.deleted.clone(),
        }
    }
}

/// Reads a block's file, decrypted and decompressed.
pub(super) fn read_file(place: &Place, index: u32, cipher: Option<&BlockCipher>) -> Result<Vec<u8>, StoreError> {
    let path = place.block_path(index);
    let mut data = place.disk.read(&path).map_err(|error| StoreError::io("read", &path, error))?;
    if let Some(cipher) = cipher {
        cipher.apply(0, &mut data);
    }
    if !format::is_compressed(&data) {
        return Ok(data);
    }
    format::decompress_block(&data).ok_or_else(|| StoreError::Corrupt {
        place: path.display().to_string(),
        reason: "compressed block does not unpack".to_owned(),
    })
}
