//! Files of blocks that the stream does not have any more, on their way off the disk.
//!
//! A file goes once that is durable which made its block superfluous, and one after the other: a power cut brings back
//! the newest of them, never one without those behind it.

use std::sync::Arc;

use super::block::Block;
use super::log::FileLog;
use super::place::Place;
use super::progress::Progress;
use crate::StoreError;
use crate::workshop::Work;

/// Files to be removed, in order, and the work at them.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    blocks: Vec<DoomedBlock>,
    clearing: Option<Arc<Clearing>>,
}

#[derive(Clone, Copy, Debug)]
struct DoomedBlock {
    index: u32,
    lowest_seq: u64,
}

/// How many files are gone, and why not all.
type Cleared = (usize, Option<StoreError>);

#[derive(Debug)]
struct Clearing {
    place: Place,
    indexes: Vec<u32>,
    progress: Progress<Cleared>,
}

impl Work for Clearing {
    fn run(&self) {
        self.progress.run(|| self.clear(), |error| (0, Some(error)));
    }
}

impl Clearing {
    fn clear(&self) -> Cleared {
        let mut num_gone = 0;
        let mut failure = self.place.journal.current().wait().err();
        for index in &self.indexes {
            if failure.is_some() || !self.progress.commit() {
                break;
            }
            failure = remove_files(&self.place, *index).err();
            num_gone += usize::from(failure.is_none());
        }
        (num_gone, failure)
    }
}

/// Removes the files of a block, durably if the store is; the journal must not make them again.
fn remove_files(place: &Place, index: u32) -> Result<(), StoreError> {
    unlink(place, index)?;
    if place.journal.is_always() {
        place.sync_directory(&place.messages())?;
    }
    place.void_block(index);
    Ok(())
}

/// Removes the files of a block.
pub(super) fn unlink(place: &Place, index: u32) -> Result<(), StoreError> {
    place.remove_opt(&place.block_path(index))?;
    place.remove_opt(&place.key_path(index))
}

impl Doomed {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// No message of an earlier sequence is in the files.
    pub(super) fn lowest_seq(&self) -> Option<u64> {
        self.blocks.iter().map(|block| block.lowest_seq).min()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if let Some(clearing) = &self.clearing {
            clearing.progress.call_off();
        }
    }
}

impl FileLog {
    /// Takes note that the files of a block are to be removed.
    pub(super) fn doom(&mut self, mut block: Block) {
        if let Some(rewriting) = block.rewriting.take() {
            // What comes of it goes with the block.
            drop(rewriting.settle());
        }
        self.doomed.blocks.push(DoomedBlock { index: block.index, lowest_seq: block.lowest_seq });
    }

    /// Has files removed. What was written before must have been handed to the journal.
    pub(super) fn order_clearing(&mut self) {
        if self.doomed.is_empty() {
            return;
        }
        if self.doomed.clearing.as_ref().is_some_and(|clearing| clearing.progress.is_done()) {
            // What failed is tried again.
            drop(self.adopt_cleared());
        }
        if self.doomed.clearing.is_none() && !self.doomed.is_empty() {
            let clearing = self.clearing();
            let is_ordered = self.place.workshop.order(clearing.clone());
            self.doomed.clearing = is_ordered.then_some(clearing);
        }
    }

    /// Removes all files that are to be removed; blocks.
    pub(super) fn clear_doomed(&mut self) -> Result<(), StoreError> {
        self.adopt_cleared()?;
        if !self.doomed.is_empty() {
            let clearing = self.clearing();
            clearing.run();
            self.doomed.clearing = Some(clearing);
        }
        self.adopt_cleared()
    }

    /// Removes all files that are to be removed, in any order; blocks. A crash may leave some of them.
    pub(super) fn clear_doomed_at_once(&mut self) -> Result<(), StoreError> {
        self.adopt_cleared()?;
        let doomed = std::mem::take(&mut self.doomed.blocks);
        for block in &doomed {
            unlink(&self.place, block.index)?;
        }
        if !doomed.is_empty() && self.place.journal.is_always() {
            self.place.sync_directory(&self.place.messages())?;
        }
        doomed.iter().for_each(|block| self.place.void_block(block.index));
        self.is_index_stale |= !doomed.is_empty();
        Ok(())
    }

    /// Leaves the files where they are: their directory goes.
    pub(super) fn spare_doomed(&mut self) {
        if let Some(clearing) = &self.doomed.clearing {
            clearing.progress.call_off();
        }
        // Whatever came of it goes with the directory.
        drop(self.adopt_cleared());
        self.doomed = Doomed::default();
    }

    fn clearing(&self) -> Arc<Clearing> {
        let indexes = self.doomed.blocks.iter().map(|block| block.index).collect();
        Arc::new(Clearing { place: self.place.clone(), indexes, progress: Progress::new() })
    }

    /// Waits for the work at files, and takes over what came of it.
    fn adopt_cleared(&mut self) -> Result<(), StoreError> {
        let Some(clearing) = self.doomed.clearing.take() else { return Ok(()) };
        let (num_gone, failure) = clearing.progress.outcome();
        self.doomed.blocks.drain(..num_gone.min(self.doomed.blocks.len()));
        if num_gone > 0 {
            self.is_index_stale = true;
        }
        failure.map_or(Ok(()), Err)
    }
}
