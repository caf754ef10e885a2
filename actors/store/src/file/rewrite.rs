//! Blocks written anew without what is gone: at once where somebody waits for it, else in the workshop.

use super::content::Content;
use super::log::FileLog;
use super::rewriting::{Outcome, Rewriting, Rewritten};
use super::selection::Selection;
use crate::{Compression, StoreError, format};

/// Blocks of one stream that the workshop has at the same time.
const MOST_ORDERED: usize = 4;

impl FileLog {
    /// Writes a block anew with its live messages and the tombstones still needed. It keeps its range: the last
    /// sequence stays known when its message is gone.
    pub(super) fn rewrite(&mut self, at: usize) -> Result<(), StoreError> {
        // What the workshop made of it is as good as what it found.
        drop(self.settle(at));
        self.load(at)?;
        let is_last = at + 1 == self.blocks.len();
        let selection = Selection::live(&self.blocks[at], self.lowest_seq());
        let block = &self.blocks[at];
        let Some(content) = &block.content else { return Ok(()) };
        let path = block.path(&self.place);
        let checksum = block.checksum.clone();
        let Some(kept) = selection.keep(content.bytes(), &checksum).map_err(|error| error.at(&path))? else {
            return Ok(());
        };
        let is_compressed = !is_last && self.config.compression == Compression::S2;
        let packed = if is_compressed { format::compress_block(&kept.bytes) } else { None };
        self.replace_block_file(at, packed.unwrap_or_else(|| kept.bytes.clone()))?;
        self.blocks[at].raw = kept.bytes.len() as u64;
        self.blocks[at].lowest_seq = kept.lowest_seq;
        self.blocks[at].content = Some(Content::parse(kept.bytes, is_last, &checksum));
        if is_last {
            self.written = self.blocks[at].raw;
        }
        self.is_index_dirty = true;
        Ok(())
    }

    /// No message of an earlier sequence is in any file: tombstones before it are not needed.
    pub(super) fn lowest_seq(&self) -> u64 {
        let lowest = self.blocks.iter().map(|block| block.lowest_seq).chain(self.doomed.lowest_seq()).min();
        lowest.unwrap_or(0)
    }

    /// Has blocks, not the last, compressed that are not, and with `compacts` those written anew of which more is gone
    /// than there: so many that the workshop has a few at a time.
    pub(super) fn order_rewrites(&mut self, compacts: bool) {
        let mut room = MOST_ORDERED.saturating_sub(self.num_rewriting());
        for at in 0..self.blocks.len() - 1 {
            let block = &self.blocks[at];
            if room == 0 {
                break;
            }
            if block.rewriting.is_none() && (block.is_unpacked || (compacts && block.is_sparse())) {
                if !self.order_rewrite(at) {
                    break;
                }
                room -= 1;
            }
        }
    }

    /// Has a block written anew. False if the workshop has enough to do.
    pub(super) fn order_rewrite(&mut self, at: usize) -> bool {
        let is_compressed = self.config.compression == Compression::S2;
        let is_sparse = self.blocks[at].is_sparse();
        let selection = if is_sparse { Selection::live(&self.blocks[at], self.lowest_seq()) } else { Selection::All };
        let ordered = Rewriting::order(&self.place, &self.blocks[at], selection, is_compressed);
        let is_ordered = ordered.is_some();
        if is_ordered {
            // It goes before the block's file does.
            self.is_index_stale |= is_sparse;
            self.blocks[at].is_tight = true;
            self.blocks[at].rewriting = ordered;
        }
        is_ordered
    }

    pub(super) fn num_rewriting(&self) -> usize {
        self.blocks.iter().filter(|block| block.rewriting.is_some()).count()
    }

    pub(super) fn has_sparse(&self) -> bool {
        let last = self.blocks.len() - 1;
        self.blocks[..last].iter().any(super::block::Block::is_sparse)
    }

    /// Takes over what the workshop has done. Returns the first failure, of which the block is as it was.
    pub(super) fn adopt_rewritten(&mut self) -> Result<(), StoreError> {
        let mut failure = Ok(());
        for at in (0..self.blocks.len()).rev() {
            if !self.blocks[at].rewriting.as_ref().is_some_and(Rewriting::is_done) {
                continue;
            }
            let adopted = match self.settle(at) {
                Ok(Some(done)) if done.is_needless && self.blocks[at].msgs() == 0 => self.remove_block(at),
                Ok(_) => Ok(()),
                Err(error) => {
                    // What cannot be read is not tried again until more of it is gone.
                    self.blocks[at].is_tight = !error.is_io();
                    self.blocks[at].is_unpacked &= error.is_io();
                    Err(error)
                }
            };
            failure = failure.and(adopted);
        }
        failure
    }

    /// Ends the work at a block: its file is the old or the new one from now on.
    pub(super) fn settle(&mut self, at: usize) -> Outcome {
        let Some(rewriting) = self.blocks[at].rewriting.take() else { return Ok(None) };
        let outcome = rewriting.settle();
        self.note_rewritten(at, &outcome);
        outcome
    }

    /// Ends the work at all blocks, before the directory changes.
    pub(super) fn settle_all(&mut self) {
        for at in 0..self.blocks.len() {
            // Nobody asked for it; what failed is as it was.
            drop(self.settle(at));
        }
    }

    /// Has all work at blocks done.
    pub(super) fn finish_rewrites(&mut self) {
        for at in 0..self.blocks.len() {
            if let Some(rewriting) = self.blocks[at].rewriting.take() {
                let outcome = rewriting.finish();
                self.note_rewritten(at, &outcome);
            }
        }
    }

    fn note_rewritten(&mut self, at: usize, outcome: &Outcome) {
        let block = &mut self.blocks[at];
        let Ok(Some(Rewritten { raw, lowest_seq, .. })) = outcome else {
            block.is_tight = false;
            return;
        };
        block.raw = *raw;
        block.lowest_seq = lowest_seq.unwrap_or(block.lowest_seq);
        block.is_unpacked = false;
        block.is_tight &= lowest_seq.is_some();
        self.is_index_dirty = true;
    }
}
