//! Messages in blocks of a directory.

use super::block::Block;
use super::content::Content;
use super::doomed::Doomed;
use super::place::Place;
use crate::lease::Lease;
use crate::log::{Head, Log, Manner, Summary, Taken, Visitor};
use crate::subjects::SubjectIndex;
use crate::{ConsumerStore, Durability, NewMessage, StoreConfig, StoreError, StoreState, StoredMessage, SubjectFilter};

/// Messages in blocks. The last block is written; others change only when messages are removed.
#[derive(Debug)]
pub(crate) struct FileLog {
    /// Keeps others from opening the directory. None while it is being opened.
    pub(super) lease: Option<Lease>,
    pub(super) place: Place,
    /// Ascending, never empty.
    pub(super) blocks: Vec<Block>,
    pub(super) block_size: u64,
    pub(super) config: StoreConfig,
    /// How much of the last block is handed to the operating system.
    pub(super) written: u64,
    /// Counts uses of blocks, to know which was used longest ago.
    pub(super) tick: u64,
    /// The tick at the last maintenance.
    pub(super) idle_tick: u64,
    pub(super) is_index_dirty: bool,
    pub(super) index_due_ns: i64,
    pub(super) lost: (u64, u64),
    /// The last write failed: what is in memory is tried again before more is taken.
    pub(super) has_failed: bool,
    /// There may be an `index.db`.
    pub(super) has_index: bool,
    pub(super) doomed: Doomed,
    /// It is of no use any more: the next start would have to read all blocks.
    pub(super) is_index_stale: bool,
    /// Not before then are blocks looked through for what is gone.
    pub(super) compaction_due_ns: i64,
}

/// Memory of cached blocks a log may hold beside its last block.
const CACHED_BLOCKS: usize = 3;

impl FileLog {
    pub(super) fn last(&mut self) -> &mut Block {
        let last = self.blocks.len() - 1;
        &mut self.blocks[last]
    }

    /// Returns the place of the block that would hold a sequence.
    pub(super) fn block_of(&self, seq: u64) -> usize {
        self.blocks.partition_point(|block| block.first_seq <= seq).saturating_sub(1)
    }

    /// Makes a block's whole content available.
    pub(super) fn load(&mut self, at: usize) -> Result<(), StoreError> {
        let is_last = at + 1 == self.blocks.len();
        self.tick += 1;
        self.blocks[at].used_at = self.tick;
        self.blocks[at].is_read = true;
        if self.blocks[at].content.as_ref().is_some_and(|content| content.base() == 0) {
            return Ok(());
        }
        let unwritten = match &self.blocks[at].content {
            Some(content) if is_last => content.bytes_from(self.written).to_vec(),
            _ => Vec::new(),
        };
        let mut data = if self.blocks[at].raw == unwritten.len() as u64 {
            Vec::new()
        } else {
            self.blocks[at].read_file(&self.place)?
        };
        if is_last {
            data.truncate(self.written as usize);
        }
        data.extend_from_slice(&unwritten);
        let block = &mut self.blocks[at];
        block.content = Some(Content::parse(data, is_last, &block.checksum));
        self.drop_old_contents(at);
        Ok(())
    }

    /// Drops the contents used longest ago, beyond a few.
    pub(super) fn drop_old_contents(&mut self, keep: usize) {
        let last = self.blocks.len() - 1;
        let held = |(at, block): (usize, &Block)| (block.content.is_some() && at != last && at != keep).then_some(at);
        let mut loaded: Vec<usize> = self.blocks.iter().enumerate().filter_map(held).collect();
        if loaded.len() < CACHED_BLOCKS {
            return;
        }
        loaded.sort_unstable_by_key(|at| self.blocks[*at].used_at);
        for at in &loaded[..=loaded.len() - CACHED_BLOCKS] {
            self.blocks[*at].content = None;
        }
    }

    /// Reads a message from the content of its block; none if that is not loaded, or damaged.
    fn read_loaded(&mut self, at: usize, seq: u64) -> Option<StoredMessage> {
        let block = &mut self.blocks[at];
        let content = block.content.as_ref()?;
        let found = content.message_at(content.find(seq).ok()?, &block.checksum);
        block.used_at = self.tick;
        block.is_read = true;
        found
    }

    pub(super) fn corrupt(&self, at: usize, seq: u64) -> StoreError {
        let block = &self.blocks[at];
        StoreError::Corrupt {
            place: format!("{} at sequence {seq}", block.path(&self.place).display()),
            reason: "record is damaged".to_owned(),
        }
    }

    /// Visits live messages of a loaded block at `places` that the filter means. Returns true to stop.
    fn visit(
        &self,
        at: usize,
        places: impl Iterator<Item = usize>,
        within: impl Fn(u64) -> bool,
        filter: &SubjectFilter,
        visit: &mut Visitor<'_>,
    ) -> Result<bool, StoreError> {
        let block = &self.blocks[at];
        let Some(content) = &block.content else { return Ok(false) };
        for place in places {
            let seq = content.seq_at(place);
            if !within(seq) {
                return Ok(true);
            }
            if !block.holds(seq) {
                continue;
            }
            let Some((record, size)) = content.record_at(place) else { return Err(self.corrupt(at, seq)) };
            let (time_ns, size) = (record.time_ns, size as u64);
            let (subject, headers) = (record.subject, record.headers);
            if filter.matches(subject) && visit(Head { seq, time_ns, size, subject, headers }).is_break() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Log for FileLog {
    fn size_of(&self, message: &NewMessage<'_>) -> u64 {
        crate::format::record_size(message.subject.len(), message.headers.len(), message.payload.len()) as u64
    }

    fn push(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError> {
        self.write_message(seq, message)
    }

    fn skip(&mut self, seq: u64, count: u64, time_ns: i64) -> Result<(), StoreError> {
        self.write_skip(seq, count, time_ns)
    }

    fn read(&mut self, seq: u64) -> Result<Option<StoredMessage>, StoreError> {
        let at = self.block_of(seq);
        if !self.blocks[at].holds(seq) {
            return Ok(None);
        }
        let is_here = self.blocks[at].content.as_ref().is_some_and(|content| content.find(seq).is_ok());
        if !is_here {
            self.load(at)?;
        }
        self.read_loaded(at, seq).map(Some).ok_or_else(|| self.corrupt(at, seq))
    }

    fn read_at_hand(&mut self, seq: u64) -> Option<StoredMessage> {
        let at = self.block_of(seq);
        if self.blocks[at].holds(seq) { self.read_loaded(at, seq) } else { None }
    }

    fn scan(&mut self, from: u64, to: u64, filter: &SubjectFilter, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        for at in self.block_of(from)..self.blocks.len() {
            let block = &self.blocks[at];
            if block.first_seq > to {
                return Ok(());
            }
            if block.last_seq < from || block.msgs() == 0 {
                continue;
            }
            self.load(at)?;
            let Some(content) = &self.blocks[at].content else { continue };
            let places = content.places_from(from.max(self.blocks[at].first_seq));
            if self.visit(at, places, |seq| seq <= to, filter, visit)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn scan_back(
        &mut self,
        from: u64,
        to: u64,
        filter: &SubjectFilter,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        for at in (0..=self.block_of(from)).rev() {
            let block = &self.blocks[at];
            if block.msgs() > 0 && block.last_seq < to {
                return Ok(());
            }
            if block.msgs() == 0 || block.first_seq > from {
                continue;
            }
            self.load(at)?;
            let Some(content) = &self.blocks[at].content else { continue };
            let places = content.places_to(from).rev();
            if self.visit(at, places, |seq| seq >= to, filter, visit)? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn count_before(&mut self, seq: u64) -> u64 {
        let at = self.block_of(seq);
        let whole: u64 = self.blocks[..at].iter().map(Block::msgs).sum();
        let block = &self.blocks[at];
        let span = seq.min(block.last_seq + 1).saturating_sub(block.first_seq);
        whole + span - block.deleted.iter().take_while(|deleted| *deleted < seq).count() as u64
    }

    fn take(&mut self, seq: u64, manner: Manner) -> Result<Option<Taken>, StoreError> {
        self.take_message(seq, manner)
    }

    fn drop_before(&mut self, seq: u64, next_seq: u64, time_ns: i64) -> Result<(), StoreError> {
        self.drop_messages_before(seq, next_seq, time_ns)
    }

    fn drop_after(&mut self, seq: u64, time_ns: i64) -> Result<(), StoreError> {
        self.drop_messages_after(seq, time_ns)
    }

    fn gaps(&self, first: u64, last: u64, limit: usize) -> Vec<u64> {
        let mut gaps = Vec::new();
        let mut expected = first;
        for block in self.blocks.iter().filter(|block| block.msgs() > 0) {
            gaps.extend((expected..block.first_seq).take(limit - gaps.len()));
            gaps.extend(block.deleted.iter().take(limit - gaps.len()));
            expected = block.last_seq + 1;
        }
        gaps.extend((expected..=last).take(limit - gaps.len()));
        gaps
    }

    fn update_config(&mut self, config: &StoreConfig) -> Result<(), StoreError> {
        self.config = config.clone();
        self.block_size = super::sizes::block_size(config, self.place.keys.is_some());
        Ok(())
    }

    fn commit(&mut self) -> Result<Durability, StoreError> {
        self.flush()?;
        self.order_clearing();
        Ok(self.place.journal.current())
    }

    fn wants_maintenance(&self) -> bool {
        self.is_index_dirty
            || self.is_index_stale
            || self.tick != self.idle_tick + 1
            || self.num_rewriting() > 0
            || !self.doomed.is_empty()
    }

    fn maintain(&mut self, now_ns: i64, summary: &Summary<'_>) -> Result<Option<i64>, StoreError> {
        self.maintain_files(now_ns, summary)
    }

    fn consumer(&mut self, name: &str, meta: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError> {
        super::consumer::FileConsumerStore::open(&self.place, name, meta)
    }

    fn consumers(&self) -> Vec<(String, Vec<u8>)> {
        super::consumer::found(&self.place)
    }

    fn update_meta(&mut self, meta: &[u8]) -> Result<(), StoreError> {
        super::meta::write(&self.place, &self.place.directory, &self.place.name, meta)
    }

    fn utilization(&self) -> u64 {
        self.blocks.iter().map(|block| block.raw).sum()
    }

    fn read_again(&mut self) -> Result<Option<(StoreState, SubjectIndex)>, StoreError> {
        self.read_blocks_again().map(Some)
    }

    fn drop_contents(&mut self) {
        self.drop_contents_of(|_| true);
    }

    fn lost(&self) -> (u64, u64) {
        self.lost
    }

    fn close(&mut self, summary: &Summary<'_>) -> Result<(), StoreError> {
        self.flush()?;
        self.finish_rewrites();
        self.clear_doomed()?;
        self.write_index(summary)
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        self.settle_all();
        self.spare_doomed();
        self.place.remove_stream()
    }
}
