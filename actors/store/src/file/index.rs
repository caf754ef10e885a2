//! Files that spare reading all blocks at start, and what else is done now and then.

use super::block::Block;
use super::log::FileLog;
use crate::StoreError;
use crate::format::{self, BlockMarks, Checksum, IndexFile, SubjectSummary};
use crate::log::Summary;
use crate::{SubjectFilter, subjects::SubjectInfo};

/// How often `index.db` is written while the stream changes.
const INDEX_EVERY_NS: i64 = 120 * 1_000_000_000;
/// How often contents of blocks not used meanwhile are dropped.
const IDLE_EVERY_NS: i64 = 10 * 1_000_000_000;
/// How often it is written when it is of no use any more.
const STALE_INDEX_EVERY_NS: i64 = 10 * 1_000_000_000;
/// How often blocks are looked through for what is gone.
const COMPACTION_EVERY_NS: i64 = 30 * 1_000_000_000;
/// How soon to come back while blocks are written anew.
const REWRITING_EVERY_NS: i64 = 1_000_000_000;
/// More subjects than this are written only when the store closes.
const MANY_SUBJECTS: usize = 1_000_000;
/// More subjects than this take too long to be written more often than every two minutes.
const SOME_SUBJECTS: usize = 100_000;

impl FileLog {
    pub(super) fn maintain_files(&mut self, now_ns: i64, summary: &Summary<'_>) -> Result<Option<i64>, StoreError> {
        self.flush()?;
        self.drop_idle();
        let adopted = self.adopt_rewritten();
        let compacts = now_ns >= self.compaction_due_ns;
        self.order_rewrites(compacts);
        self.order_clearing();
        let is_rewriting = self.num_rewriting() > 0;
        if compacts && !is_rewriting {
            self.compaction_due_ns = now_ns + COMPACTION_EVERY_NS;
        }
        // While blocks are written anew it would be of no use soon.
        if (self.is_index_dirty || self.is_index_stale) && !is_rewriting && now_ns >= self.index_due(summary) {
            if self.index_due_ns > 0 && summary.subjects.len() <= MANY_SUBJECTS {
                self.write_index(summary)?;
            }
            self.index_due_ns = now_ns + INDEX_EVERY_NS;
        }
        adopted?;
        let is_written = !self.is_index_dirty && !self.is_index_stale;
        let is_idle = is_written && self.doomed.is_empty() && self.blocks.iter().all(|block| block.content.is_none());
        Ok(if is_rewriting {
            Some(now_ns + REWRITING_EVERY_NS)
        } else if is_idle {
            self.has_sparse().then_some(self.compaction_due_ns)
        } else {
            Some(now_ns + IDLE_EVERY_NS)
        })
    }

    /// When the index is to be written: sooner where the next start would have to read all blocks.
    fn index_due(&self, summary: &Summary<'_>) -> i64 {
        let is_urgent = self.is_index_stale && summary.subjects.len() <= SOME_SUBJECTS;
        if is_urgent { self.index_due_ns - (INDEX_EVERY_NS - STALE_INDEX_EVERY_NS) } else { self.index_due_ns }
    }

    /// Drops the contents not used since the last time, and closes their files.
    fn drop_idle(&mut self) {
        let idle_tick = std::mem::replace(&mut self.idle_tick, self.tick);
        self.drop_contents_of(|block| block.used_at <= idle_tick);
        self.tick += 1;
    }

    /// Drops contents, but for what is not written yet, and closes their files.
    pub(super) fn drop_contents_of(&mut self, is_meant: impl Fn(&Block) -> bool) {
        let (last, written) = (self.blocks.len() - 1, self.written);
        for (at, block) in self.blocks.iter_mut().enumerate() {
            let is_written = at != last || block.content.as_ref().is_none_or(|content| content.end() <= written);
            if is_meant(block) && is_written {
                block.content = None;
                block.file = None;
            }
        }
    }

    pub(super) fn write_index(&mut self, summary: &Summary<'_>) -> Result<(), StoreError> {
        self.flush()?;
        let messages = self.place.messages();
        let file = self.index_file(summary)?;
        let mut bytes = file.encode();
        if let Some(keys) = &self.place.keys {
            bytes = keys.seal(&bytes)?;
        }
        let checksum = Checksum::named(&self.place.name);
        IndexFile::sign(&mut bytes, &checksum);
        self.place.replace_lazily(&messages.join("index.db"), &bytes)?;
        let index_sum = bytes.last_chunk().copied().unwrap_or_default();
        let marks = BlockMarks { index_sum, blocks: self.blocks.iter().map(super::block::Block::mark).collect() };
        self.place.replace_lazily(&messages.join("marks.db"), &marks.encode(&checksum))?;
        let stamp = summary.state.last_seq + 1;
        self.replace_or_remove(
            "thw.db",
            self.config.allow_msg_ttl.then(|| format::encode_deadlines(summary.deadlines.iter(), stamp)),
        )?;
        let schedules_stamp = summary.schedules.through + 1;
        self.replace_or_remove(
            "sched.db",
            self.config.allow_schedules.then(|| format::encode_schedules(summary.schedules.iter(), schedules_stamp)),
        )?;
        let sources = self.place.directory.join("sources.db");
        match format::encode_sources(summary.sources.iter(), summary.sources_through + 1) {
            Some(bytes) => self.place.replace_lazily(&sources, &bytes)?,
            None => self.place.remove_opt(&sources)?,
        }
        (self.is_index_dirty, self.is_index_stale, self.has_index) = (false, false, true);
        Ok(())
    }

    fn replace_or_remove(&self, name: &str, bytes: Option<Vec<u8>>) -> Result<(), StoreError> {
        let path = self.place.messages().join(name);
        match bytes {
            Some(bytes) => self.place.replace_lazily(&path, &bytes),
            None => self.place.remove_opt(&path),
        }
    }

    fn index_file(&mut self, summary: &Summary<'_>) -> Result<IndexFile, StoreError> {
        let state = summary.state;
        let mut subjects = Vec::with_capacity(summary.subjects.len());
        let _ = summary.subjects.walk(&SubjectFilter::all(), None, &mut |subject, info| {
            subjects.push(self.subject_summary(subject, info));
            std::ops::ControlFlow::Continue(())
        });
        let last_checksum = self.last_checksum()?;
        Ok(IndexFile {
            msgs: state.msgs,
            bytes: state.bytes,
            first_seq: state.first_seq,
            first_time_ns: state.first_time_ns,
            last_seq: state.last_seq,
            last_time_ns: state.last_time_ns,
            subjects,
            blocks: self.blocks.iter().map(super::block::Block::summary).collect(),
            last_block: self.last().index,
            last_checksum,
        })
    }

    fn subject_summary(&self, subject: &[u8], info: &SubjectInfo) -> SubjectSummary {
        let first = self.blocks.partition_point(|block| block.last_seq < info.lower());
        let first = first.min(self.blocks.len() - 1);
        let last = self.block_of(info.upper());
        SubjectSummary {
            subject: subject.to_vec(),
            msgs: info.msgs,
            first_block: self.blocks[first.min(last)].index,
            last_block: self.blocks[last].index,
        }
    }

    /// Returns the checksum of the last record in the last block; zeros for none.
    fn last_checksum(&mut self) -> Result<[u8; 8], StoreError> {
        let last = self.blocks.len() - 1;
        if self.blocks[last].raw == 0 {
            return Ok([0; 8]);
        }
        let content = self.blocks[last].content.as_ref();
        if content.is_none_or(|content| content.bytes().len() < 8) {
            self.load(last)?;
        }
        let bytes = self.blocks[last].content.as_ref().map_or(&[][..], |content| content.bytes());
        Ok(bytes.last_chunk().copied().unwrap_or_default())
    }
}
