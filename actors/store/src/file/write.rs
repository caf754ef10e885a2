//! Records on their way into the last block, and from there to the disk.

use super::block::Block;
use super::content::Content;
use super::log::FileLog;
use crate::format::{Kind, Record};
use crate::{Compression, NewMessage, StoreError, Ttl};

/// Unwritten bytes that are handed to the operating system without waiting for a commit.
const MOST_UNWRITTEN: usize = 512 * 1024;
/// Bytes of the last block that stay in memory though nobody has read from it.
const MOST_UNREAD: usize = 1024 * 1024;
/// Skips longer than this are a gap between blocks, not marks in one.
const LONG_SKIP: u64 = 65_536;

impl FileLog {
    pub(super) fn write_message(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError> {
        let record = Record {
            kind: Kind::Message,
            seq,
            time_ns: message.time_ns,
            subject: message.subject,
            headers: message.headers,
            payload: message.payload,
        };
        let size = record.size().ok_or(StoreError::TooLarge)? as u64;
        self.make_room(size, seq)?;
        let has_schedule =
            self.config.allow_schedules && crate::ttl::header(message.headers, b"Nats-Schedule").is_some();
        let tick = self.tick;
        let block = self.last();
        block.used_at = tick;
        let offset = write_record(block, &record);
        if let Some(content) = &mut block.content {
            content.note(seq, offset);
        }
        if block.msgs() == 0 {
            block.first_seq = seq;
            block.first_time_ns = message.time_ns;
        }
        block.last_seq = seq;
        block.last_time_ns = message.time_ns;
        block.bytes += size;
        block.ttls += u64::from(message.ttl != Ttl::Limits);
        block.schedules += u64::from(has_schedule);
        self.is_index_dirty = true;
        Ok(())
    }

    pub(super) fn write_skip(&mut self, seq: u64, count: u64, time_ns: i64) -> Result<(), StoreError> {
        if count > LONG_SKIP && self.last().msgs() > 0 {
            self.roll(seq, time_ns)?;
        }
        self.make_room(Record::EMPTY as u64, seq)?;
        let end = seq + count - 1;
        let block = self.last();
        write_record(block, &Record::empty(Kind::Erased, end, time_ns));
        if block.msgs() == 0 {
            block.first_seq = end + 1;
        } else {
            block.deleted.extend(seq..=end);
        }
        block.last_seq = end;
        block.last_time_ns = time_ns;
        self.is_index_dirty = true;
        Ok(())
    }

    /// Notes that a message is gone, or the last sequence and its time.
    pub(super) fn write_tombstone(&mut self, seq: u64, time_ns: i64) -> Result<(), StoreError> {
        let next_seq = self.last().last_seq + 1;
        self.make_room(Record::EMPTY as u64, next_seq)?;
        write_record(self.last(), &Record::empty(Kind::Tombstone, seq, time_ns));
        self.is_index_dirty = true;
        Ok(())
    }

    /// Makes sure that the last block takes a record, and that earlier failures are over.
    fn make_room(&mut self, size: u64, next_seq: u64) -> Result<(), StoreError> {
        if self.has_failed {
            self.flush()?;
        }
        self.place.journal.check()?;
        let block_size = self.block_size;
        let written = self.written;
        let block = self.last();
        if block.raw > 0 && block.raw + size > block_size {
            let last_time_ns = block.last_time_ns;
            return self.roll(next_seq, last_time_ns);
        }
        let unwritten = block.content.as_ref().map_or(0, |content| content.bytes_from(written).len());
        if unwritten > MOST_UNWRITTEN { self.flush() } else { Ok(()) }
    }

    /// Ends the last block and starts another.
    pub(super) fn roll(&mut self, next_seq: u64, last_time_ns: i64) -> Result<(), StoreError> {
        self.flush()?;
        let last = self.blocks.len() - 1;
        // Who reads goes on in memory; what nobody has read need not stay there.
        let (is_read, is_compressed) = (self.blocks[last].is_read, self.config.compression == Compression::S2);
        if let Some(content) = &mut self.blocks[last].content {
            if content.base() == 0 && is_read {
                content.close();
            } else {
                self.blocks[last].content = None;
            }
        }
        let index = self.blocks[last].index + 1;
        let mut block = Block::new(&self.place, index, next_seq, last_time_ns);
        block.cipher = match &self.place.keys {
            Some(keys) => Some(keys.make_block_key(&self.place, index)?),
            None => None,
        };
        block.content = Some(Content::open_at(0));
        self.blocks.push(block);
        self.written = 0;
        self.blocks[last].file = None;
        if is_compressed {
            // If there is no room for it now, it is done later.
            self.blocks[last].is_unpacked = true;
            self.order_rewrite(last);
        }
        self.tick += 1;
        self.blocks[last].used_at = self.tick;
        self.drop_old_contents(last);
        Ok(())
    }

    /// Hands the last block's new records to the operating system, and the journal if there is one.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        self.has_failed = true;
        let last = self.blocks.len() - 1;
        let place = self.place.clone();
        let block = &mut self.blocks[last];
        let Some(content) = block.content.as_ref().filter(|content| content.end() > self.written) else {
            self.has_failed = false;
            return Ok(());
        };
        let mut sealed = Vec::new();
        let bytes = match &block.cipher {
            None => content.bytes_from(self.written),
            Some(cipher) => {
                sealed.extend_from_slice(content.bytes_from(self.written));
                cipher.apply(self.written, &mut sealed);
                &sealed
            }
        };
        let end = content.end();
        let path = place.block_path(block.index);
        let file = match &block.file {
            Some(file) => file.clone(),
            None => place.disk.open(&path).map_err(|error| StoreError::io("open", &path, error))?,
        };
        file.write_all_at(bytes, self.written).map_err(|error| StoreError::io("write", &path, error))?;
        place.journal.record(&path, self.written, bytes);
        block.file = Some(file);
        let is_long = content.bytes().len() > MOST_UNREAD;
        if is_long && !block.is_read {
            block.content = Some(Content::open_at(end));
        }
        self.written = end;
        self.has_failed = false;
        Ok(())
    }
}

/// Appends a record to a block's content, and returns where it starts in it.
fn write_record(block: &mut Block, record: &Record<'_>) -> usize {
    let raw = block.raw;
    let content = block.content.get_or_insert_with(|| Content::open_at(raw));
    let Some(buffer) = content.buffer() else { return 0 };
    let offset = buffer.len();
    record.encode(&block.checksum, buffer);
    block.raw += (buffer.len() - offset) as u64;
    offset
}
