//! What a block holds, from reading all of it.

use super::block::Block;
use super::place::Place;
use crate::format::{BlockReader, Fault, Kind, Record, RecordError};
use crate::{StoreError, ttl};

/// A removal noted somewhere behind the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tombstone {
    pub(super) seq: u64,
    pub(super) time_ns: i64,
}

/// A block read whole.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) block: Block,
    pub(super) tombstones: Vec<Tombstone>,
    pub(super) faults: Vec<Fault>,
    pub(super) data: Vec<u8>,
    /// Where what nobody was promised is torn: nothing from there on counts.
    pub(super) torn_at: Option<usize>,
    /// It does not even unpack: its data is as it is in the file.
    pub(super) is_unreadable: bool,
}

/// Reads a block's file and shows its messages. Damage from the offset `durable` on, if that is known, was left by a
/// power cut.
pub(super) fn scan(
    place: &Place,
    index: u32,
    durable: Option<u64>,
    show: &mut dyn FnMut(&Record<'_>),
) -> Result<Scanned, StoreError> {
    let mut block = Block::new(place, index, 1, 0);
    block.cipher = match &place.keys {
        Some(keys) => keys.block_cipher(place, index)?,
        None => None,
    };
    // What is compressed was synced before it took the place of what was not.
    let durable = if block.is_packed(place)? { Some(u64::MAX) } else { durable };
    let data = match block.read_file(place) {
        Err(StoreError::Corrupt { .. }) => {
            // It does not unpack at all: the whole of it is one fault.
            let packed = place.read_opt(&block.path(place))?.unwrap_or_default();
            let fault = Fault { offset: 0, resumes: packed.len(), error: RecordError::Malformed };
            (block.first_seq, block.last_seq) = (1, 0);
            return Ok(Scanned { faults: vec![fault], data: packed, is_unreadable: true, ..Scanned::of(block) });
        }
        other => other?,
    };
    (block.first_seq, block.last_seq) = (0, 0);
    block.lowest_seq = u64::MAX;
    let mut scanned = Scanned { data, ..Scanned::of(block) };
    scanned.read_from(0, durable, show);
    let block = &mut scanned.block;
    if block.first_seq == 0 {
        // Nothing but tombstones: the last says where the stream was.
        let last = scanned.tombstones.iter().max_by_key(|tombstone| tombstone.seq);
        block.last_seq = last.map_or(0, |last| last.seq);
        block.last_time_ns = last.map_or(0, |last| last.time_ns);
        block.first_seq = block.last_seq + 1;
    }
    block.lowest_seq = block.lowest_seq.min(block.first_seq);
    Ok(scanned)
}

/// Reads what a block holds behind what is known of it: its first `known` bytes, which end with a checksum. None if they
/// do not, or the block cannot be read.
pub(super) fn scan_behind(
    place: &Place,
    block: Block,
    known: u64,
    checksum: [u8; 8],
    show: &mut dyn FnMut(&Record<'_>),
) -> Result<Option<Scanned>, StoreError> {
    let durable = place.journal.durable_length(&block.path(place));
    let data = match block.read_file(place) {
        Err(StoreError::Corrupt { .. }) => return Ok(None),
        other => other?,
    };
    let Some(before) = data.get(..known as usize) else { return Ok(None) };
    if before.last_chunk().copied().unwrap_or_default() != checksum {
        return Ok(None);
    }
    let mut scanned = Scanned { data, ..Scanned::of(block) };
    scanned.read_from(known as usize, durable, show);
    Ok(Some(scanned))
}

impl Scanned {
    fn of(block: Block) -> Self {
        let (tombstones, faults, data) = (Vec::new(), Vec::new(), Vec::new());
        Self { block, tombstones, faults, data, torn_at: None, is_unreadable: false }
    }

    /// Adds the records from an offset on to the block's numbers.
    fn read_from(&mut self, from: usize, durable: Option<u64>, show: &mut dyn FnMut(&Record<'_>)) {
        let Self { block, tombstones, faults, data, torn_at, .. } = self;
        block.raw = data.len() as u64;
        let checksum = block.checksum.clone();
        for item in BlockReader::new(&data[from..], &checksum) {
            match item {
                Err(mut fault) => {
                    fault.offset += from;
                    fault.resumes += from;
                    if durable.is_some_and(|durable| fault.offset as u64 >= durable) {
                        *torn_at = Some(fault.offset);
                        break;
                    }
                    faults.push(fault);
                }
                Ok((_, record)) if record.kind == Kind::Tombstone => {
                    tombstones.push(Tombstone { seq: record.seq, time_ns: record.time_ns });
                }
                Ok((_, record)) => {
                    if count(block, &record) {
                        block.lowest_seq = block.lowest_seq.min(record.seq);
                        show(&record);
                    }
                }
            }
        }
    }
}

/// Adds a record to a block's numbers. Returns whether it is a message that counts.
fn count(block: &mut Block, record: &Record<'_>) -> bool {
    if record.seq == 0 || record.seq <= block.last_seq {
        return false;
    }
    let has_messages = block.first_seq != 0 && block.first_seq <= block.last_seq;
    let is_message = record.kind == Kind::Message;
    if has_messages {
        let end = if is_message { record.seq } else { record.seq + 1 };
        block.deleted.extend(block.last_seq + 1..end);
    } else if is_message {
        block.first_seq = record.seq;
        block.first_time_ns = record.time_ns;
    } else {
        block.first_seq = record.seq + 1;
    }
    block.last_seq = record.seq;
    if is_message || record.time_ns != 0 {
        block.last_time_ns = record.time_ns;
    }
    if is_message {
        block.bytes += record.size().unwrap_or_default() as u64;
        block.ttls += u64::from(ttl::header(record.headers, b"Nats-TTL").is_some());
        block.schedules += u64::from(ttl::header(record.headers, b"Nats-Schedule").is_some());
    }
    is_message
}
