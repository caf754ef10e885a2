//! From the index file to a store: the blocks are not read, but for what was written behind the index.

use super::block::Block;
use super::gathered::Gathered;
use super::log::FileLog;
use super::place::Place;
use crate::format::{self, BlockMark, BlockMarks, Checksum, IndexFile};
use crate::log::Recovered;
use crate::subjects::{SubjectIndex, SubjectInfo};
use crate::{StoreConfig, StoreError, StoreState};

/// An index file, and how long the blocks were when it was written, if this server wrote it.
pub(super) struct ReadIndex {
    pub(super) file: IndexFile,
    marks: Option<BlockMarks>,
}

/// Reads the index file; none if there is none, or it is damaged.
pub(super) fn read_index(place: &Place) -> Result<Option<ReadIndex>, StoreError> {
    let messages = place.messages();
    let checksum = Checksum::named(&place.name);
    let Some(bytes) = place.read_opt(&messages.join("index.db"))? else { return Ok(None) };
    let Some(body) = IndexFile::verify(&bytes, &checksum) else { return Ok(None) };
    let file = match &place.keys {
        Some(keys) => keys.unseal(body).ok().and_then(|plain| IndexFile::decode(&plain)),
        None => IndexFile::decode(body),
    };
    let Some(file) = file else { return Ok(None) };
    let marks = place.read_opt(&messages.join("marks.db"))?.and_then(|bytes| BlockMarks::decode(&bytes, &checksum));
    let marks = marks.filter(|marks| bytes.ends_with(&marks.index_sum));
    Ok(Some(ReadIndex { file, marks }))
}

impl FileLog {
    /// Opens the log from its index: if nothing was written behind it, or this server wrote both and no block that it
    /// tells of was changed since. None if all blocks must be read.
    pub(super) fn from_index(
        place: &Place,
        config: &StoreConfig,
        indexes: &[u32],
        index: Option<ReadIndex>,
    ) -> Result<Option<Recovered<Self>>, StoreError> {
        let Some(ReadIndex { file, marks }) = index else { return Ok(None) };
        let known: Vec<u32> = file.blocks.iter().map(|block| block.index).collect();
        // Blocks before those it tells of were on their way off the disk, if this server says so.
        let first = known.first().filter(|_| marks.is_some()).copied().unwrap_or(0);
        let (doomed, indexes) = indexes.split_at(indexes.partition_point(|index| *index < first));
        if known.is_empty() || !indexes.starts_with(&known) || !is_consistent(&file) {
            return Ok(None);
        }
        let mut blocks = Vec::with_capacity(indexes.len());
        for summary in &file.blocks {
            blocks.push(open_block(place, summary)?);
        }
        if let Some(marks) = &marks {
            if !is_fitting(place, &blocks, marks) {
                return Ok(None);
            }
            for (block, mark) in blocks.iter_mut().zip(&marks.blocks) {
                block.lowest_seq = mark.lowest_seq;
            }
        }
        let is_current = known == indexes && blocks.last().is_some_and(|last| is_ending(place, last, &file));
        if !is_current {
            let Some(marks) = marks else { return Ok(None) };
            let recovered = Self::from_index_and_tail(place, config, &file, &marks, blocks, indexes)?;
            return Ok(recovered.map(|recovered| recovered.with_doomed(doomed)));
        }
        let subjects = subjects_of(&file);
        let state = StoreState {
            msgs: file.msgs,
            bytes: file.bytes,
            first_seq: if file.msgs == 0 { file.last_seq + 1 } else { file.first_seq },
            first_time_ns: file.first_time_ns,
            last_seq: file.last_seq,
            last_time_ns: file.last_time_ns,
            ..StoreState::default()
        };
        let log = Self::with_blocks(place.clone(), config.clone(), blocks);
        let recovered = Recovered { state, subjects, ..Recovered::empty(log) };
        Ok(Some(recovered.with_doomed(doomed)))
    }

    /// Opens the log from an index and what was written behind it; none if anything there is not as expected.
    fn from_index_and_tail(
        place: &Place,
        config: &StoreConfig,
        file: &IndexFile,
        marks: &BlockMarks,
        mut blocks: Vec<Block>,
        indexes: &[u32],
    ) -> Result<Option<Recovered<Self>>, StoreError> {
        let (num_known, Some(mark)) = (blocks.len(), marks.blocks.last()) else { return Ok(None) };
        let Some(last) = blocks.pop() else { return Ok(None) };
        let mut gathered = Gathered { blocks, subjects: subjects_of(file), ..Gathered::default() };
        let scanned = gathered.scan_behind(place, last, mark.raw, file.last_checksum)?;
        if !scanned.is_some_and(|scanned| gathered.add_sound(scanned)) {
            return Ok(None);
        }
        for index in &indexes[num_known..] {
            let durable = place.journal.durable_length(&place.block_path(*index));
            let scanned = gathered.scan(place, *index, durable)?;
            if !gathered.add_sound(scanned) {
                return Ok(None);
            }
        }
        let (mut log, subjects, tombstones) = gathered.into_log(place.clone(), config.clone(), &[])?;
        log.remember_last(&tombstones, Some((file.last_seq, file.last_time_ns)))?;
        log.summarize(subjects).map(Some)
    }
}

impl Recovered<FileLog> {
    /// Has files removed that a crash kept from it.
    fn with_doomed(mut self, indexes: &[u32]) -> Self {
        indexes.iter().for_each(|index| self.log.doom(Block::new(&self.log.place, *index, 1, 0)));
        self
    }
}

/// Tells whether the blocks are those that an index was written of: the last one may have grown. What it tells of must
/// have been durable, too: else a power cut may have torn it.
fn is_fitting(place: &Place, blocks: &[Block], marks: &BlockMarks) -> bool {
    let is_same = |(block, mark): (&Block, &BlockMark)| block.index == mark.index && block.raw == mark.raw;
    let (Some((last, earlier)), Some(mark)) = (blocks.split_last(), marks.blocks.last()) else { return false };
    let durable = place.journal.durable_length(&last.path(place)).filter(|_| place.journal.is_always());
    // The journal knows the length of the file, which is another one once that is compressed.
    let is_durable = durable.is_none_or(|durable| durable >= mark.raw || last.is_packed(place).unwrap_or(false));
    let is_known = marks.blocks.len() == blocks.len() && earlier.iter().zip(&marks.blocks).all(is_same);
    is_known && is_durable && last.index == mark.index && last.raw >= mark.raw
}

/// Tells whether the last block ends where the index was written. One that cannot be read does not.
fn is_ending(place: &Place, last: &Block, file: &IndexFile) -> bool {
    last.ending(place).is_ok_and(|ending| ending == file.last_checksum)
}

/// Tells whether an index agrees with itself.
fn is_consistent(file: &IndexFile) -> bool {
    let mut msgs = 0;
    let mut previous = 0;
    for block in &file.blocks {
        let span = (block.last_seq + 1).saturating_sub(block.first_seq);
        if block.deleted.len() > span || (span > 0 && block.first_seq <= previous) {
            return false;
        }
        msgs += span - block.deleted.len();
        previous = previous.max(block.last_seq);
    }
    let in_subjects: u64 = file.subjects.iter().map(|subject| subject.msgs).sum();
    msgs == file.msgs && in_subjects <= msgs && file.blocks.last().is_some_and(|last| last.index == file.last_block)
}

fn open_block(place: &Place, summary: &format::BlockSummary) -> Result<Block, StoreError> {
    let mut block = Block::new(place, summary.index, summary.first_seq.max(1), summary.last_time_ns);
    block.cipher = match &place.keys {
        Some(keys) => keys.block_cipher(place, summary.index)?,
        None => None,
    };
    block.raw = block.read_raw(place)?;
    // The index does not tell what else is in the file.
    block.lowest_seq = 0;
    block.first_time_ns = summary.first_time_ns;
    block.last_seq = summary.last_seq;
    block.bytes = summary.bytes;
    (block.ttls, block.schedules) = (summary.ttls, summary.schedules);
    block.deleted = summary.deleted.clone();
    Ok(block)
}

fn subjects_of(file: &IndexFile) -> SubjectIndex {
    let mut sorted: Vec<&format::SubjectSummary> = file.subjects.iter().collect();
    sorted.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
    let range = |index: u32| {
        let at = file.blocks.partition_point(|block| block.index < index).min(file.blocks.len().saturating_sub(1));
        file.blocks.get(at).map_or((1, file.last_seq), |block| (block.first_seq, block.last_seq))
    };
    let mut subjects = SubjectIndex::default();
    for subject in sorted.into_iter().filter(|subject| subject.msgs > 0) {
        let (first, last) = (range(subject.first_block).0, range(subject.last_block).1);
        subjects.insert(&subject.subject, SubjectInfo::bounded(subject.msgs, first, last));
    }
    subjects
}
