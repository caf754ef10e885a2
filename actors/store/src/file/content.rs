//! The records of a block in memory.

use bytes::Bytes;

use crate::StoredMessage;
use crate::format::{Kind, Record};

/// Growing with the block that is written, or complete and shared with readers.
#[derive(Debug)]
enum Data {
    Open(Vec<u8>),
    Closed(Bytes),
}

/// Where a message's record starts.
#[derive(Clone, Copy, Debug)]
struct Place {
    seq: u64,
    offset: u32,
}

/// A block's records from some offset on, and where messages are among them.
#[derive(Debug)]
pub(super) struct Content {
    /// Offset in the block of the first byte held.
    base: u64,
    data: Data,
    /// Ascending by sequence; messages only.
    places: Vec<Place>,
}

impl Content {
    /// Starts with nothing, at the block's end.
    pub(super) fn open_at(base: u64) -> Self {
        Self { base, data: Data::Open(Vec::new()), places: Vec::new() }
    }

    /// Takes a whole block, complete or to be written on. What follows damage is still found.
    pub(super) fn parse(data: Vec<u8>, is_open: bool, checksum: &crate::format::Checksum) -> Self {
        let mut places: Vec<Place> = Vec::new();
        let mut offset = 0;
        while offset < data.len() {
            let Ok((record, size)) = Record::parse(&data[offset..]) else {
                offset = next_good(&data, offset + 1, checksum);
                continue;
            };
            let is_later = places.last().is_none_or(|place| place.seq < record.seq);
            if record.kind == Kind::Message && is_later {
                places.push(Place { seq: record.seq, offset: offset as u32 });
            }
            offset += size;
        }
        let data = if is_open { Data::Open(data) } else { Data::Closed(data.into()) };
        Self { base: 0, data, places }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Offset in the block behind the last byte held.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes().len() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Open(data) => data,
            Data::Closed(data) => data,
        }
    }

    /// Bytes of the block from an offset on.
    pub(super) fn bytes_from(&self, offset: u64) -> &[u8] {
        self.bytes().get(offset.saturating_sub(self.base) as usize..).unwrap_or_default()
    }

    /// The buffer to write the next record to; none once the content is closed.
    pub(super) fn buffer(&mut self) -> Option<&mut Vec<u8>> {
        match &mut self.data {
            Data::Open(data) => Some(data),
            Data::Closed(_) => None,
        }
    }

    /// Notes that the message written last starts at an offset of the buffer.
    pub(super) fn note(&mut self, seq: u64, offset: usize) {
        self.places.push(Place { seq, offset: offset as u32 });
    }

    /// Ends it: from now on readers share its buffer.
    pub(super) fn close(&mut self) {
        if let Data::Open(data) = &mut self.data {
            let mut data = std::mem::take(data);
            data.shrink_to_fit();
            self.data = Data::Closed(data.into());
        }
    }

    pub(super) fn places_from(&self, seq: u64) -> std::ops::Range<usize> {
        self.find(seq).unwrap_or_else(|at| at)..self.places.len()
    }

    pub(super) fn places_to(&self, seq: u64) -> std::ops::Range<usize> {
        0..self.find(seq).map_or_else(|at| at, |at| at + 1)
    }

    pub(super) fn seq_at(&self, place: usize) -> u64 {
        self.places[place].seq
    }

    /// The record at a place; none if it is damaged.
    pub(super) fn record_at(&self, place: usize) -> Option<(Record<'_>, usize)> {
        Record::parse(self.bytes().get(self.places[place].offset as usize..)?).ok()
    }

    pub(super) fn find(&self, seq: u64) -> Result<usize, usize> {
        let first = self.places.first().map_or(0, |place| place.seq);
        let guess = seq.wrapping_sub(first) as usize;
        if self.places.get(guess).is_some_and(|place| place.seq == seq) {
            return Ok(guess);
        }
        self.places.binary_search_by(|place| place.seq.cmp(&seq))
    }

    /// Reads a message: slices of the block once that is closed, a copy before. None if its record is damaged.
    pub(super) fn message_at(&self, place: usize, checksum: &crate::format::Checksum) -> Option<StoredMessage> {
        let offset = self.places[place].offset as usize;
        let (record, size) = Record::decode(self.bytes().get(offset..)?, checksum).ok()?;
        // Subject, headers and payload lie in the record in this order; the payload ends before the checksum.
        let (start, end) = (22, size - 8);
        let payload_start = end - start - record.payload.len();
        let places = (record.subject.len(), payload_start - record.headers.len(), payload_start);
        let range = offset + start..offset + end;
        let buffer = match &self.data {
            Data::Open(data) => Bytes::copy_from_slice(&data[range]),
            Data::Closed(data) => data.slice(range),
        };
        Some(StoredMessage::new((record.seq, record.time_ns), buffer, places))
    }
}

/// Searches for the next record with a right checksum.
fn next_good(data: &[u8], from: usize, checksum: &crate::format::Checksum) -> usize {
    let last = data.len().saturating_sub(Record::EMPTY - 1);
    (from..last).find(|at| Record::decode(&data[*at..], checksum).is_ok()).unwrap_or(data.len())
}
