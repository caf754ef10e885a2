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
            place.replace(&block.path(place), &[])?;
            let fault = Fault { offset: 0, resumes: packed.len(), error: RecordError::Malformed };
            (block.first_seq, block.last_seq) = (1, 0);
            let (tombstones, faults) = (Vec::new(), vec![fault]);
            return Ok(Scanned { block, tombstones, faults, data: packed, torn_at: None });
        }
        other => other?,
    };
    block.raw = data.len() as u64;
    (block.first_seq, block.last_seq) = (0, 0);
    let (mut tombstones, mut faults, mut torn_at) = (Vec::new(), Vec::new(), None);
    let checksum = block.checksum.clone();
    block.lowest_seq = u64::MAX;
    for item in BlockReader::new(&data, &checksum) {
        match item {
            Err(fault) if durable.is_some_and(|durable| fault.offset as u64 >= durable) => {
                torn_at = Some(fault.offset);
                break;
            }
            Err(fault) => faults.push(fault),
            Ok((_, record)) if record.kind == Kind::Tombstone => {
                tombstones.push(Tombstone { seq: record.seq, time_ns: record.time_ns });
            }
            Ok((_, record)) => {
                if count(&mut block, &record) {
                    block.lowest_seq = block.lowest_seq.min(record.seq);
                    show(&record);
                }
            }
        }
    }
    if block.first_seq == 0 {
        // Nothing but tombstones: the last says where the stream was.
        let last = tombstones.iter().max_by_key(|tombstone| tombstone.seq);
        block.last_seq = last.map_or(0, |last| last.seq);
        block.last_time_ns = last.map_or(0, |last| last.time_ns);
        block.first_seq = block.last_seq + 1;
    }
    block.lowest_seq = block.lowest_seq.min(block.first_seq);
    Ok(Scanned { block, tombstones, faults, data, torn_at })
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
