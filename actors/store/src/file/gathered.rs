//! What blocks hold, from reading one after the other.

use super::block::Block;
use super::log::FileLog;
use super::place::Place;
use super::scan::{Scanned, Tombstone, scan, scan_behind};
use crate::format::Record;
use crate::subjects::SubjectIndex;
use crate::{StoreConfig, StoreError};

/// What blocks hold, in order: those known from an index, and those read.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) blocks: Vec<Block>,
    pub(super) tombstones: Vec<Tombstone>,
    /// Of all messages, those that tombstones tell of included.
    pub(super) subjects: SubjectIndex,
}

impl Gathered {
    /// The last sequence of the blocks so far; lower ones in later blocks do not count.
    fn known(&self) -> u64 {
        self.blocks.last().map_or(0, |previous| previous.last_seq)
    }

    /// Reads the next block.
    pub(super) fn scan(&mut self, place: &Place, index: u32, durable: Option<u64>) -> Result<Scanned, StoreError> {
        let (known, subjects) = (self.known(), &mut self.subjects);
        let mut show = |record: &Record<'_>| {
            if !record.subject.is_empty() && record.seq > known {
                subjects.add(record.subject, record.seq);
            }
        };
        scan(place, index, durable, &mut show)
    }

    /// Reads what a block holds behind its first `raw` bytes, as [`scan_behind`] does.
    pub(super) fn scan_behind(
        &mut self,
        place: &Place,
        block: Block,
        raw: u64,
        checksum: [u8; 8],
    ) -> Result<Option<Scanned>, StoreError> {
        let subjects = &mut self.subjects;
        let mut show = |record: &Record<'_>| {
            subjects.add(record.subject, record.seq);
        };
        scan_behind(place, block, raw, checksum, &mut show)
    }

    /// Adds a block that was read.
    pub(super) fn add(&mut self, mut block: Block, tombstones: Vec<Tombstone>) {
        let known = self.known();
        if block.first_seq <= known && block.msgs() == 0 {
            (block.first_seq, block.last_seq) = (known + 1, known);
        }
        self.tombstones.extend(tombstones);
        self.blocks.push(block);
    }

    /// As [`Gathered::add`], if it was read as expected; says whether.
    pub(super) fn add_sound(&mut self, scanned: Scanned) -> bool {
        let is_sound = scanned.faults.is_empty() && scanned.torn_at.is_none();
        self.add(scanned.block, scanned.tombstones);
        is_sound
    }

    /// The log of these blocks, without what tombstones tell of, and the tombstones. Blocks at the
    /// places `damaged` are written anew without what is damaged in them.
    pub(super) fn into_log(
        self,
        place: Place,
        config: StoreConfig,
        damaged: &[usize],
    ) -> Result<(FileLog, SubjectIndex, Vec<Tombstone>), StoreError> {
        let Self { blocks, tombstones, mut subjects } = self;
        let mut log = FileLog::with_blocks(place, config, blocks);
        log.apply(&tombstones, &mut subjects)?;
        for at in damaged {
            log.rewrite(*at)?;
        }
        log.is_index_dirty = true;
        Ok((log, subjects, tombstones))
    }
}
