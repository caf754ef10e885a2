//! Messages leaving blocks, and blocks leaving the directory.

use bytes::Bytes;

use super::block::Block;
use super::content::Content;
use super::doomed::unlink;
use super::log::FileLog;
use crate::disk;
use crate::format::{BlockReader, Kind, Record};
use crate::log::{Manner, Taken};
use crate::{StoreError, ttl};

impl FileLog {
    pub(super) fn take_message(&mut self, seq: u64, manner: Manner) -> Result<Option<Taken>, StoreError> {
        let at = self.block_of(seq);
        if !self.blocks[at].holds(seq) {
            return Ok(None);
        }
        self.load(at)?;
        let content = self.blocks[at].content.as_ref();
        let found = content.and_then(|content| content.record_at(content.find(seq).ok()?));
        let Some((record, size)) = found else { return Err(self.corrupt(at, seq)) };
        let taken = Taken {
            time_ns: record.time_ns,
            size: size as u64,
            subject: Bytes::copy_from_slice(record.subject),
            is_marker: ttl::is_marker(record.headers),
        };
        // First what can fail: a tombstone without a removal is harmless, the reverse would bring the message back.
        let is_noted = match manner {
            Manner::Limit => false,
            // A lazy store does as nats-server does, and leaves it to the next start.
            Manner::SubjectLimit => self.place.journal.is_always(),
            Manner::Request | Manner::Erase => true,
        };
        if is_noted {
            self.write_tombstone(seq, taken.time_ns)?;
        }
        self.is_index_dirty = true;
        // The tombstone may have started a block, and this one's content gone for it.
        self.load(at)?;
        self.blocks[at].forget(seq, taken.size);
        if self.blocks[at].msgs() == 0 && at + 1 < self.blocks.len() && !self.has_needed_tombstones(at) {
            self.remove_block(at)?;
        } else if manner == Manner::Erase {
            self.rewrite(at)?;
        }
        Ok(Some(taken))
    }

    /// Tells whether a block without messages still keeps removed ones of other blocks from coming back.
    pub(super) fn has_needed_tombstones(&self, at: usize) -> bool {
        let block = &self.blocks[at];
        let Some(content) = &block.content else { return true };
        let first_seq = self.lowest_seq();
        BlockReader::new(content.bytes(), &block.checksum).flatten().any(|(_, record)| {
            record.kind == Kind::Tombstone && record.seq >= first_seq && self.block_of(record.seq) != at
        })
    }

    /// Removes a block that is not the last. When it held the last sequence, that is noted in the last block.
    pub(super) fn remove_block(&mut self, at: usize) -> Result<(), StoreError> {
        let (last_seq, last_time_ns) = (self.blocks[at].last_seq, self.blocks[at].last_time_ns);
        if self.last().last_seq == last_seq && self.last().msgs() == 0 {
            self.write_tombstone(last_seq, last_time_ns)?;
            self.flush()?;
        }
        let block = self.blocks.remove(at);
        self.doom(block);
        Ok(())
    }

    pub(super) fn drop_messages_before(&mut self, seq: u64, next_seq: u64, time_ns: i64) -> Result<(), StoreError> {
        self.is_index_dirty = true;
        let last_seq = self.last().last_seq;
        if seq > last_seq {
            return self.start_over(next_seq, time_ns);
        }
        self.clear_doomed()?;
        let is_before = |blocks: &[Block]| blocks.len() > 1 && blocks[0].last_seq < seq && blocks[1].first_seq <= seq;
        while is_before(&self.blocks) {
            let block = self.blocks.remove(0);
            self.doom(block);
        }
        self.clear_doomed_at_once()?;
        let at = 0;
        if self.blocks[at].first_seq >= seq {
            return Ok(());
        }
        self.load(at)?;
        let block = &self.blocks[at];
        let Some(content) = &block.content else { return Ok(()) };
        let doomed = content.places_from(block.first_seq).map(|place| (place, content.seq_at(place)));
        let doomed: Vec<(u64, u64)> = doomed
            .take_while(|(_, doomed)| *doomed < seq)
            .filter(|(_, doomed)| block.holds(*doomed))
            .filter_map(|(place, doomed)| content.record_at(place).map(|(_, size)| (doomed, size as u64)))
            .collect();
        for (doomed, size) in doomed {
            self.blocks[at].forget(doomed, size);
        }
        // Without the removed messages the block says by itself where it starts.
        self.rewrite(at)
    }

    /// Leaves one new block that remembers the last sequence. The directory is exchanged as a whole, so that a crash
    /// leaves all or nothing.
    fn start_over(&mut self, next_seq: u64, time_ns: i64) -> Result<(), StoreError> {
        self.settle_all();
        self.spare_doomed();
        self.flush()?;
        let index = self.last().index + 1;
        let mut block = Block::new(&self.place, index, next_seq, time_ns);
        let (old, new) = (self.place.directory.join("__msgs__"), self.place.directory.join("__new_msgs__"));
        self.place.remove_directory(&new)?;
        self.place.remove_directory(&old)?;
        self.place.create_directory(&new)?;
        if let Some(keys) = &self.place.keys {
            let (cipher, key) = keys.new_block_key(index)?;
            self.place.replace(&new.join(format!("{index}.key")), &key)?;
            block.cipher = Some(cipher);
        }
        let mut content = Content::open_at(0);
        if let Some(buffer) = content.buffer() {
            Record::empty(Kind::Tombstone, next_seq - 1, time_ns).encode(&block.checksum, buffer);
        }
        let mut bytes = content.bytes().to_vec();
        if let Some(cipher) = &block.cipher {
            cipher.apply(0, &mut bytes);
        }
        block.raw = bytes.len() as u64;
        block.content = Some(content);
        self.place.replace(&new.join(format!("{index}.blk")), &bytes)?;
        let messages = self.place.messages();
        self.place.settle()?;
        self.place.journal.forget_for(&messages, &self.place.block_path(index), block.raw)?;
        self.place.rename(&messages, &old)?;
        self.place.rename(&new, &messages)?;
        if self.place.journal.is_always() {
            self.place.sync_directory(&self.place.directory)?;
        }
        self.written = block.raw;
        self.blocks = vec![block];
        self.place.remove_directory(&old)
    }

    pub(super) fn drop_messages_after(&mut self, seq: u64, time_ns: i64) -> Result<(), StoreError> {
        self.is_index_dirty = true;
        if seq == 0 {
            return self.start_over(1, 0);
        }
        self.settle_all();
        self.flush()?;
        // Removed newest first, so that a crash leaves a beginning. What is left needs a block to be written on.
        while self.blocks.len() > 1 && self.last().first_seq > seq {
            let Some(block) = self.blocks.pop() else { break };
            // The journal must not make it again.
            self.place.void_block(block.index);
            self.place.journal.current().wait()?;
            self.is_index_stale = true;
            unlink(&self.place, block.index)?;
            self.reopen_last()?;
        }
        let at = self.blocks.len() - 1;
        self.load(at)?;
        self.written = self.last().raw;
        let block = &mut self.blocks[at];
        let mut doomed: u64 = 0;
        if let Some(content) = &block.content {
            for place in content.places_from(seq + 1).filter(|place| block.holds(content.seq_at(*place))) {
                doomed += content.record_at(place).map_or(0, |(_, size)| size as u64);
            }
        }
        let gone: Vec<u64> = block.deleted.iter().filter(|deleted| *deleted > seq).collect();
        for deleted in gone {
            block.deleted.remove(deleted);
        }
        block.bytes -= doomed;
        // Between two blocks there may be sequences that are in neither.
        let end = block.last_seq.min(seq);
        block.last_seq = end;
        block.last_time_ns = time_ns;
        block.first_seq = block.first_seq.min(end + 1);
        self.rewrite(at)?;
        if end < seq { self.write_skip(end + 1, seq - end, time_ns) } else { Ok(()) }
    }

    /// Makes the last block one that can be written on.
    pub(super) fn reopen_last(&mut self) -> Result<(), StoreError> {
        let at = self.blocks.len() - 1;
        let block = &mut self.blocks[at];
        block.content = None;
        if block.is_packed(&self.place)? {
            let data = block.read_file(&self.place)?;
            block.raw = data.len() as u64;
            block.content = Some(Content::parse(data, true, &block.checksum));
            self.written = block.raw;
            return self.rewrite(at);
        }
        block.raw = block.length(&self.place)?;
        self.written = block.raw;
        Ok(())
    }

    /// Removes the index file, before a block changes that it tells of.
    pub(super) fn remove_index(&mut self) -> Result<(), StoreError> {
        if self.has_index {
            self.place.remove_opt(&self.place.messages().join("index.db"))?;
            (self.has_index, self.is_index_stale) = (false, true);
        }
        Ok(())
    }

    /// Replaces a block's file by plain bytes, which are encrypted if the block is.
    pub(super) fn replace_block_file(&mut self, at: usize, mut bytes: Vec<u8>) -> Result<(), StoreError> {
        let block = &self.blocks[at];
        if let Some(cipher) = &block.cipher {
            cipher.apply(0, &mut bytes);
        }
        let path = block.path(&self.place);
        // It tells of a block that is not there any more.
        self.remove_index()?;
        if self.place.journal.is_always() {
            self.place.secure_block(&path)?;
        }
        self.place.journal.forget_for(&path, &path, bytes.len() as u64)?;
        disk::replace(&*self.place.disk, &path, &bytes, self.place.journal.is_always())
            .map_err(|error| StoreError::io("write", &path, error))?;
        self.blocks[at].file = None;
        self.place.journal.note(&path);
        Ok(())
    }
}
