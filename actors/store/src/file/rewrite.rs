//! Blocks written anew without what is gone.

use super::content::Content;
use super::log::FileLog;
use crate::format::{self, BlockReader, Kind, Record};
use crate::{Compression, StoreError};

impl FileLog {
    /// Writes a block anew with its live messages and the tombstones still needed. It keeps its range: the last
    /// sequence stays known when its message is gone.
    pub(super) fn rewrite(&mut self, at: usize) -> Result<(), StoreError> {
        self.load(at)?;
        let is_last = at + 1 == self.blocks.len();
        let stream_first = self.lowest_seq();
        let block = &self.blocks[at];
        let Some(content) = &block.content else { return Ok(()) };
        let mut kept: Vec<u8> = Vec::with_capacity(block.bytes as usize + Record::EMPTY);
        let (mut first_kept, mut last_kept) = (None, 0);
        for (offset, record) in BlockReader::new(content.bytes(), &block.checksum).flatten() {
            let is_kept = match record.kind {
                Kind::Message => block.holds(record.seq) && record.seq > last_kept,
                Kind::Tombstone => {
                    let is_foreign = !(block.first_seq..=block.last_seq).contains(&record.seq);
                    is_foreign && (stream_first..=block.last_seq).contains(&record.seq)
                }
                Kind::Erased => false,
            };
            if is_kept {
                let size = record.size().unwrap_or_default();
                kept.extend_from_slice(&content.bytes()[offset..offset + size]);
                if record.kind == Kind::Message {
                    first_kept = first_kept.or(Some(record.seq));
                    last_kept = record.seq;
                }
            }
        }
        if last_kept != block.last_seq {
            Record::empty(Kind::Erased, block.last_seq, block.last_time_ns).encode(&block.checksum, &mut kept);
        }
        let checksum = block.checksum.clone();
        let is_compressed = !is_last && self.config.compression == Compression::S2;
        let packed = if is_compressed { format::compress_block(&kept) } else { None };
        self.replace_block_file(at, packed.unwrap_or_else(|| kept.clone()))?;
        self.blocks[at].raw = kept.len() as u64;
        self.blocks[at].lowest_seq = first_kept.unwrap_or(self.blocks[at].last_seq + 1);
        self.blocks[at].content = Some(Content::parse(kept, is_last, &checksum));
        if is_last {
            self.written = self.blocks[at].raw;
        }
        self.is_index_dirty = true;
        Ok(())
    }

    /// No message of an earlier sequence is in any file: tombstones before it are not needed.
    pub(super) fn lowest_seq(&self) -> u64 {
        self.blocks.iter().map(|block| block.lowest_seq).min().unwrap_or(0)
    }

    /// Rewrites one block, not the last, of which more is gone than there. Returns whether there was one.
    pub(super) fn compact_one(&mut self) -> Result<bool, StoreError> {
        let last = self.blocks.len() - 1;
        let is_sparse = |block: &super::block::Block| block.bytes.saturating_mul(2) < block.raw && !block.is_tight;
        let Some(at) = self.blocks[..last].iter().position(is_sparse) else { return Ok(false) };
        let was_loaded = self.blocks[at].content.is_some();
        if self.blocks[at].msgs() == 0 {
            self.load(at)?;
            if !self.has_needed_tombstones(at) {
                let block = self.blocks.remove(at);
                self.remove_block_files(&block)?;
                return Ok(true);
            }
        }
        self.rewrite(at)?;
        self.blocks[at].is_tight = true;
        if !was_loaded {
            self.blocks[at].content = None;
        }
        Ok(true)
    }
}
