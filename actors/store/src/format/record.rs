//! One record of a block: a message, or the note that one is gone.

use super::Checksum;

const ERASED: u64 = 1 << 63;
const TOMBSTONE: u64 = 1 << 62;
const HAS_HEADERS: u32 = 1 << 31;
const FIXED: usize = 22;
const HEADERS_LENGTH: usize = 4;
const HASH: usize = 8;
/// Longer records are not written, and not believed when read.
const LONGEST: usize = 32 * 1024 * 1024;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message.
    Message,
    /// Its sequence, and those between the record before and it, have no message.
    Erased,
    /// The message of its sequence, in this or an earlier block, is removed; also remembers the last sequence.
    Tombstone,
}

/// A record, borrowed from a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says.
    pub kind: Kind,
    /// Sequence it is about.
    pub seq: u64,
    /// Nanoseconds since 1970.
    pub time_ns: i64,
    /// Subject, empty unless it is a message.
    pub subject: &'a [u8],
    /// Header block.
    pub headers: &'a [u8],
    /// Body.
    pub payload: &'a [u8],
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The block ends within it.
    CutOff,
    /// Its lengths contradict each other.
    Malformed,
    /// Its checksum is wrong.
    Checksum,
}

/// Returns the size of a message's record.
#[must_use]
pub fn record_size(subject: usize, headers: usize, payload: usize) -> usize {
    let headers = if headers == 0 { 0 } else { HEADERS_LENGTH + headers };
    FIXED + subject + headers + payload + HASH
}

impl<'a> Record<'a> {
    /// Size of a record without a message.
    pub const EMPTY: usize = FIXED + HASH;

    /// Makes a record without a message.
    #[must_use]
    pub fn empty(kind: Kind, seq: u64, time_ns: i64) -> Self {
        Self { kind, seq, time_ns, subject: &[], headers: &[], payload: &[] }
    }

    /// Returns the number of bytes it takes; None if they are too many.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        let size = record_size(self.subject.len(), self.headers.len(), self.payload.len());
        (size <= LONGEST && self.subject.len() <= usize::from(u16::MAX)).then_some(size)
    }

    /// Appends the record; its size must be possible.
    pub fn encode(&self, checksum: &Checksum, out: &mut Vec<u8>) {
        let size = record_size(self.subject.len(), self.headers.len(), self.payload.len());
        let flag = if self.headers.is_empty() { 0 } else { HAS_HEADERS };
        let bit = match self.kind {
            Kind::Message => 0,
            Kind::Erased => ERASED,
            Kind::Tombstone => TOMBSTONE,
        };
        out.reserve(size);
        let start = out.len();
        out.extend_from_slice(&(size as u32 | flag).to_le_bytes());
        out.extend_from_slice(&(self.seq | bit).to_le_bytes());
        out.extend_from_slice(&self.time_ns.to_le_bytes());
        out.extend_from_slice(&(self.subject.len() as u16).to_le_bytes());
        out.extend_from_slice(self.subject);
        if !self.headers.is_empty() {
            out.extend_from_slice(&(self.headers.len() as u32).to_le_bytes());
            out.extend_from_slice(self.headers);
        }
        out.extend_from_slice(self.payload);
        let hash = checksum.of(&[&out[start + 4..start + 20], self.subject, self.headers, self.payload]);
        out.extend_from_slice(&hash);
    }

    /// Reads the record at the start of `bytes`, and returns its size with it. The checksum is not looked at.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, usize), RecordError> {
        let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
        let long = |at: usize| bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes);
        let length = word(0).ok_or(RecordError::CutOff)?;
        let (has_headers, size) = (length & HAS_HEADERS != 0, (length & !HAS_HEADERS) as usize);
        if !(Self::EMPTY..=LONGEST).contains(&size) {
            return Err(RecordError::Malformed);
        }
        if size > bytes.len() {
            return Err(RecordError::CutOff);
        }
        let (Some(seq), Some(time)) = (long(4), long(12)) else { return Err(RecordError::CutOff) };
        let subject_end = FIXED + usize::from(u16::from_le_bytes([bytes[20], bytes[21]]));
        let end = size - HASH;
        let (headers_start, headers_length) = if has_headers {
            if subject_end + HEADERS_LENGTH > end {
                return Err(RecordError::Malformed);
            }
            (subject_end + HEADERS_LENGTH, word(subject_end).ok_or(RecordError::CutOff)? as usize)
        } else {
            (subject_end, 0)
        };
        if headers_start > end || headers_length > end - headers_start {
            return Err(RecordError::Malformed);
        }
        let kind = match (seq & ERASED, seq & TOMBSTONE) {
            (0, 0) => Kind::Message,
            (0, _) => Kind::Tombstone,
            _ => Kind::Erased,
        };
        let headers_end = headers_start + headers_length;
        let record = Self {
            kind,
            seq: seq & !(ERASED | TOMBSTONE),
            time_ns: time as i64,
            subject: &bytes[FIXED..subject_end],
            headers: &bytes[headers_start..headers_end],
            payload: &bytes[headers_end..end],
        };
        Ok((record, size))
    }

    /// Reads the record at the start of `bytes` as [`parse`](Self::parse) does, and checks its checksum.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn decode(bytes: &'a [u8], checksum: &Checksum) -> Result<(Self, usize), RecordError> {
        let (record, size) = Self::parse(bytes)?;
        let hash = checksum.of(&[&bytes[4..20], record.subject, record.headers, record.payload]);
        if hash == bytes[size - HASH..size] { Ok((record, size)) } else { Err(RecordError::Checksum) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_back_and_damage_shows(
            seq in 1..u64::MAX >> 2,
            time_ns: i64,
            subject in prop::collection::vec(any::<u8>(), 0..40),
            headers in prop::collection::vec(any::<u8>(), 0..40),
            payload in prop::collection::vec(any::<u8>(), 0..200),
            bit: prop::sample::Index,
        ) {
            let checksum = Checksum::of_block("S", 1);
            let (subject, headers, payload) = (&subject[..], &headers[..], &payload[..]);
            let record = Record { kind: Kind::Message, seq, time_ns, subject, headers, payload };
            let mut bytes = Vec::new();
            record.encode(&checksum, &mut bytes);
            prop_assert_eq!(record.size(), Some(bytes.len()));
            prop_assert_eq!(Record::decode(&bytes, &checksum), Ok((record, bytes.len())));
            for cut in 0..bytes.len() {
                prop_assert!(Record::decode(&bytes[..cut], &checksum).is_err());
            }
            let at = bit.index(bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            if let Ok((read, _)) = Record::decode(&bytes, &checksum) {
                // Lengths are not part of the checksum: what they cut differently is the same bytes in a row.
                prop_assert_eq!((read.seq, read.time_ns), (seq, time_ns));
            }
        }
    }
}
