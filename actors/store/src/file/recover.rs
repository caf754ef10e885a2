//! From the files of a stream to its store.

use super::block::Block;
use super::content::Content;
use super::gathered::Gathered;
use super::indexed::read_index;
use super::log::FileLog;
use super::place::Place;
use super::scan::{Scanned, Tombstone};
use super::seal::BlockCipher;
use super::sizes::block_size;
use crate::format::{self, Fault};
use crate::ledger::{Deadlines, Schedules};
use crate::log::Recovered;
use crate::subjects::SubjectIndex;
use crate::{StoreConfig, StoreError, StoreState};

impl FileLog {
    /// Makes the log of a stream without blocks.
    fn create(place: Place, config: StoreConfig) -> Result<Self, StoreError> {
        let cipher = match &place.keys {
            Some(keys) => Some(keys.make_block_key(&place, 1)?),
            None => None,
        };
        Ok(Self::empty(place, config, cipher))
    }

    /// Makes the log of a stream whose first block has that cipher.
    pub(super) fn empty(place: Place, config: StoreConfig, cipher: Option<BlockCipher>) -> Self {
        let mut block = Block::new(&place, 1, config.first_seq.max(1), 0);
        block.content = Some(Content::open_at(0));
        block.cipher = cipher;
        let path = block.path(&place);
        if place.journal.durable_length(&path) != Some(0) {
            place.journal.set_length(&path, 0);
        }
        Self::with_blocks(place, config, vec![block])
    }

    pub(super) fn with_blocks(place: Place, config: StoreConfig, blocks: Vec<Block>) -> Self {
        Self {
            block_size: block_size(&config, place.keys.is_some()),
            lease: None,
            written: blocks.last().map_or(0, |block| block.raw),
            place,
            blocks,
            config,
            tick: 1,
            idle_tick: 0,
            is_index_dirty: false,
            index_due_ns: 0,
            lost: (0, 0),
            has_failed: false,
            has_index: true,
            doomed: super::doomed::Doomed::default(),
            is_index_stale: false,
            compaction_due_ns: 0,
        }
    }

    /// Opens the log of a stream: from its index if that fits the blocks, else by reading all of them.
    pub(super) fn recover(place: Place, config: StoreConfig) -> Result<Recovered<Self>, StoreError> {
        finish_purge(&place)?;
        let indexes = block_indexes(&place)?;
        if indexes.is_empty() {
            let log = Self::create(place, config)?;
            return Ok(Recovered::empty(log));
        }
        let index = read_index(&place)?;
        // One that does not fit the blocks any more still knows a sequence that was given.
        let prior_last = index.as_ref().map(|index| (index.file.last_seq, index.file.last_time_ns));
        let mut recovered = match Self::from_index(&place, &config, &indexes, index)? {
            Some(mut recovered) => {
                recovered.read_timers()?;
                recovered
            }
            // Messages that left by a limit are back: what the timers' files say of them is not all.
            None => {
                let mut recovered = Self::from_blocks(place, config, &indexes, prior_last)?;
                // What is written from now on may look as if it were part of what that tells of.
                recovered.log.remove_index()?;
                recovered
            }
        };
        recovered.read_sources()?;
        recovered.log.reopen_last()?;
        recovered.log.note_durable()?;
        Ok(recovered)
    }

    /// Reads all blocks again, after one was found damaged, and puts aside what is damaged.
    pub(super) fn read_blocks_again(&mut self) -> Result<(StoreState, SubjectIndex), StoreError> {
        self.flush()?;
        self.settle_all();
        self.clear_doomed()?;
        self.remove_index()?;
        // What is damaged now was whole: nothing of it is the torn end of a block.
        self.note_durable()?;
        self.place.journal.set_length(&self.blocks[self.blocks.len() - 1].path(&self.place), self.written);
        let indexes = block_indexes(&self.place)?;
        // The damage may be to the last message of all.
        let prior_last = Some((self.last().last_seq, self.last().last_time_ns));
        let recovered = Self::from_blocks(self.place.clone(), self.config.clone(), &indexes, prior_last)?;
        let Recovered { mut log, state, subjects, .. } = recovered;
        log.reopen_last()?;
        log.note_durable()?;
        log.lost = (self.lost.0 + log.lost.0, self.lost.1 + log.lost.1);
        (log.index_due_ns, log.compaction_due_ns) = (self.index_due_ns, self.compaction_due_ns);
        (log.has_index, log.is_index_stale) = (false, true);
        log.lease = self.lease.take();
        *self = log;
        Ok((state, subjects))
    }

    /// Makes sure that the journal knows how much of the last block is durable: all of it, before more is written.
    fn note_durable(&mut self) -> Result<(), StoreError> {
        let (place, written) = (self.place.clone(), self.written);
        let path = self.last().path(&place);
        if !place.journal.is_always() || place.journal.durable_length(&path) == Some(written) {
            return Ok(());
        }
        let file = place.disk.open(&path).map_err(|error| StoreError::io("open", &path, error))?;
        file.sync().map_err(|error| StoreError::io("sync", &path, error))?;
        place.journal.set_length(&path, written);
        Ok(())
    }

    /// Reads all blocks. `prior_last` is the last sequence that is known to be given, and its time.
    fn from_blocks(
        place: Place,
        config: StoreConfig,
        indexes: &[u32],
        prior_last: Option<(u64, i64)>,
    ) -> Result<Recovered<Self>, StoreError> {
        let mut gathered = Gathered::default();
        let (mut lost, mut damaged, mut is_cut) = ((0, 0), Vec::new(), false);
        let last_index = indexes.last().copied();
        for index in indexes {
            // Behind a torn block nothing was promised that is not known to be there.
            let durable = place.journal.durable_length(&place.block_path(*index));
            if is_cut && durable == Some(0) {
                cut(&place, *index, 0)?;
            }
            let scanned = gathered.scan(&place, *index, durable)?;
            let is_last = Some(*index) == last_index;
            let torn_at = scanned.torn_at.or_else(|| guess_torn(&scanned, is_last && durable.is_none()));
            let Scanned { mut block, tombstones, faults, data, is_unreadable, .. } = scanned;
            if let Some(offset) = torn_at {
                cut(&place, *index, offset as u64)?;
                block.raw = offset as u64;
                is_cut = true;
            }
            let faults: Vec<&Fault> = faults.iter().filter(|fault| Some(fault.offset) != torn_at).collect();
            if !faults.is_empty() {
                place.quarantine(&index.to_string(), &data)?;
                if is_unreadable {
                    place.replace(&place.block_path(*index), &[])?;
                }
                damaged.push(gathered.blocks.len());
                lost.0 += faults.len() as u64;
                lost.1 += faults.iter().map(|fault| (fault.resumes - fault.offset) as u64).sum::<u64>();
            }
            gathered.add(block, tombstones);
        }
        let (mut log, subjects, tombstones) = gathered.into_log(place, config, &damaged)?;
        log.lost = lost;
        log.remember_last(&tombstones, prior_last)?;
        log.summarize(subjects)
    }

    /// Removes what tombstones say is removed.
    pub(super) fn apply(&mut self, tombstones: &[Tombstone], subjects: &mut SubjectIndex) -> Result<(), StoreError> {
        let mut sorted: Vec<u64> = tombstones.iter().map(|tombstone| tombstone.seq).collect();
        sorted.sort_unstable();
        sorted.dedup();
        for seq in sorted {
            let at = self.block_of(seq);
            if !self.blocks[at].holds(seq) {
                continue;
            }
            self.load(at)?;
            let content = self.blocks[at].content.as_ref();
            let found = content.and_then(|content| content.record_at(content.find(seq).ok()?));
            let Some((record, size)) = found else { continue };
            subjects.take(record.subject, seq);
            self.blocks[at].forget(seq, size as u64);
        }
        Ok(())
    }

    /// Makes the last sequence that ever was the last one again, so that no sequence is given twice.
    pub(super) fn remember_last(
        &mut self,
        tombstones: &[Tombstone],
        prior: Option<(u64, i64)>,
    ) -> Result<(), StoreError> {
        let noted = tombstones.iter().map(|tombstone| (tombstone.seq, tombstone.time_ns)).max();
        let highest = noted.into_iter().chain(prior).max();
        let known = self.blocks.iter().map(|block| block.last_seq).max().unwrap_or(0);
        let Some((seq, time_ns)) = highest.filter(|highest| highest.0 > known) else { return Ok(()) };
        let is_noted = noted.is_some_and(|noted| noted.0 == seq);
        if !is_noted {
            self.reopen_last()?;
            self.roll(seq + 1, time_ns)?;
            self.write_tombstone(seq, time_ns)?;
            self.flush()?;
        }
        let last = self.last();
        if last.msgs() > 0 {
            last.deleted.extend(last.last_seq + 1..=seq);
        } else {
            last.first_seq = seq + 1;
        }
        (last.last_seq, last.last_time_ns) = (seq, time_ns);
        Ok(())
    }

    /// Adds up the blocks.
    pub(super) fn summarize(mut self, subjects: SubjectIndex) -> Result<Recovered<Self>, StoreError> {
        let last = self.last();
        let (last_seq, last_time_ns) = (last.last_seq, last.last_time_ns);
        let mut state = StoreState { last_seq, last_time_ns, first_seq: last_seq + 1, ..StoreState::default() };
        for block in self.blocks.iter().filter(|block| block.msgs() > 0) {
            if state.msgs == 0 {
                (state.first_seq, state.first_time_ns) = (block.first_seq, block.first_time_ns);
            }
            state.msgs += block.msgs();
            state.bytes += block.bytes;
        }
        Ok(Recovered { state, subjects, ..Recovered::empty(self) })
    }
}

impl Recovered<FileLog> {
    /// Reads deadlines and schedules from their files.
    fn read_timers(&mut self) -> Result<(), StoreError> {
        let place = &self.log.place;
        let messages = place.messages();
        let deadlines = place.read_opt(&messages.join("thw.db"))?.and_then(|bytes| format::decode_deadlines(&bytes));
        if let Some((entries, stamp)) = deadlines {
            self.deadlines = Deadlines::default();
            entries.into_iter().for_each(|(expires_ns, seq)| self.deadlines.add(expires_ns, seq));
            self.deadlines_from = stamp;
        }
        let schedules = place.read_opt(&messages.join("sched.db"))?.and_then(|bytes| format::decode_schedules(&bytes));
        if let Some((entries, stamp)) = schedules {
            self.schedules = Schedules::default();
            entries.into_iter().for_each(|schedule| self.schedules.set(schedule));
            self.schedules.through = stamp.saturating_sub(1).min(self.state.last_seq);
        }
        Ok(())
    }

    /// Reads positions of sources from their file.
    fn read_sources(&mut self) -> Result<(), StoreError> {
        let place = &self.log.place;
        let sources = place.read_opt(&place.directory.join("sources.db"))?;
        if let Some((entries, stamp)) = sources.and_then(|bytes| format::decode_sources(&bytes)) {
            self.sources = entries.into_iter().collect();
            self.sources_through = stamp.saturating_sub(1).min(self.state.last_seq);
        }
        Ok(())
    }
}

/// Ends or undoes a purge that a crash interrupted.
fn finish_purge(place: &Place) -> Result<(), StoreError> {
    let (old, new) = (place.directory.join("__msgs__"), place.directory.join("__new_msgs__"));
    let names = place.list(&new)?;
    if names.iter().any(|(name, _)| name.ends_with(".blk")) {
        place.remove_directory(&place.messages())?;
        place.rename(&new, &place.messages())?;
        place.sync_directory(&place.directory)?;
    } else {
        for (name, _) in names.iter().filter(|(name, _)| name.ends_with(".key")) {
            place.remove_opt(&place.messages().join(name.replace(".key", ".blk")))?;
        }
        place.remove_directory(&new)?;
    }
    place.remove_directory(&old)
}

/// Lists the numbers of blocks, ascending; removes files of work that a crash interrupted.
fn block_indexes(place: &Place) -> Result<Vec<u32>, StoreError> {
    let messages = place.messages();
    place.create_directory(&messages)?;
    let mut indexes = Vec::new();
    for (name, is_directory) in place.list(&messages)? {
        let is_leftover = [".tmp", ".new", ".idx", ".fss"].iter().any(|ending| name.ends_with(ending));
        if is_leftover && !is_directory {
            place.remove_opt(&messages.join(&name))?;
        }
        indexes.extend(name.strip_suffix(".blk").and_then(|index| index.parse::<u32>().ok()));
    }
    indexes.sort_unstable();
    Ok(indexes)
}

/// Where the last block was not written whole, as far as that can be told from the block alone.
fn guess_torn(scanned: &Scanned, is_guessed: bool) -> Option<usize> {
    let [fault] = scanned.faults[..] else { return None };
    let is_end = fault.resumes == scanned.data.len() && scanned.block.raw > 0;
    (is_guessed && is_end).then_some(fault.offset)
}

/// Cuts off what nobody was promised.
fn cut(place: &Place, index: u32, length: u64) -> Result<(), StoreError> {
    let path = place.block_path(index);
    let file = place.disk.open(&path).map_err(|error| StoreError::io("open", &path, error))?;
    file.set_len(length).map_err(|error| StoreError::io("truncate", &path, error))?;
    file.sync().map_err(|error| StoreError::io("sync", &path, error))
}
