//! `index.db`: what a stream's blocks hold, so that they need not be read at start.

use super::varint::{self, Cursor};
use super::{Checksum, SequenceSet};

const MAGIC: u8 = 11;
const VERSION: u8 = 4;
const HASH: usize = 8;

/// Totals of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectSummary {
    /// The subject.
    pub subject: Vec<u8>,
    /// Its messages.
    pub msgs: u64,
    /// Block that holds the first.
    pub first_block: u32,
    /// Block that holds the last.
    pub last_block: u32,
}

/// Totals of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockSummary {
    /// Number in the file's name.
    pub index: u32,
    /// Bytes of its live messages.
    pub bytes: u64,
    /// First sequence, of a live message.
    pub first_seq: u64,
    /// Its time.
    pub first_time_ns: i64,
    /// Last sequence, live or not.
    pub last_seq: u64,
    /// Its time.
    pub last_time_ns: i64,
    /// Messages with a time to live.
    pub ttls: u64,
    /// Messages with a schedule.
    pub schedules: u64,
    /// Sequences between first and last that have no message.
    pub deleted: SequenceSet,
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFile {
    /// Live messages.
    pub msgs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// First sequence.
    pub first_seq: u64,
    /// Its time, zero for none.
    pub first_time_ns: i64,
    /// Last sequence.
    pub last_seq: u64,
    /// Its time.
    pub last_time_ns: i64,
    /// By subject.
    pub subjects: Vec<SubjectSummary>,
    /// By block, ascending.
    pub blocks: Vec<BlockSummary>,
    /// Number of the last block.
    pub last_block: u32,
    /// Checksum of the last record in it.
    pub last_checksum: [u8; HASH],
}

impl IndexFile {
    /// Encodes the file but for its checksum, which covers what encryption makes of this.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![MAGIC, VERSION];
        varint::put(&mut out, self.msgs);
        varint::put(&mut out, self.bytes);
        varint::put(&mut out, self.first_seq);
        varint::put_signed(&mut out, self.first_time_ns);
        varint::put(&mut out, self.last_seq);
        varint::put_signed(&mut out, self.last_time_ns);
        varint::put(&mut out, self.subjects.len() as u64);
        for subject in &self.subjects {
            varint::put(&mut out, subject.subject.len() as u64);
            out.extend_from_slice(&subject.subject);
            varint::put(&mut out, subject.msgs);
            varint::put(&mut out, u64::from(subject.first_block));
            varint::put(&mut out, u64::from(subject.last_block));
        }
        varint::put(&mut out, self.blocks.len() as u64);
        for block in &self.blocks {
            self.encode_block(block, &mut out);
        }
        varint::put(&mut out, u64::from(self.last_block));
        out.extend_from_slice(&self.last_checksum);
        out
    }

    fn encode_block(&self, block: &BlockSummary, out: &mut Vec<u8>) {
        varint::put(out, u64::from(block.index));
        varint::put(out, block.bytes);
        varint::put(out, block.first_seq);
        varint::put_signed(out, block.first_time_ns.wrapping_sub(self.first_time_ns));
        varint::put(out, block.last_seq);
        varint::put_signed(out, block.last_time_ns.wrapping_sub(self.first_time_ns));
        varint::put(out, block.deleted.len());
        varint::put(out, block.ttls);
        varint::put(out, block.schedules);
        if !block.deleted.is_empty() {
            block.deleted.encode(out);
        }
    }

    /// Decodes the file without its checksum; None if it is malformed.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let (magic, version) = (cursor.byte()?, cursor.byte()?);
        if magic != MAGIC || !(1..=VERSION).contains(&version) {
            return None;
        }
        let mut file = Self {
            msgs: cursor.unsigned()?,
            bytes: cursor.unsigned()?,
            first_seq: cursor.unsigned()?,
            first_time_ns: cursor.signed()?,
            last_seq: cursor.unsigned()?,
            last_time_ns: cursor.signed()?,
            ..Self::default()
        };
        for _ in 0..cursor.count(3)? {
            let subject = cursor.prefixed()?.to_vec();
            let msgs = cursor.unsigned()?;
            let first_block = u32::try_from(cursor.unsigned()?).ok()?;
            let has_last = version >= 4 || msgs > 1;
            let last_block = if has_last { u32::try_from(cursor.unsigned()?).ok()? } else { first_block };
            file.subjects.push(SubjectSummary { subject, msgs, first_block, last_block });
        }
        for _ in 0..cursor.count(7)? {
            let block = file.decode_block(&mut cursor, version)?;
            file.blocks.push(block);
        }
        file.last_block = u32::try_from(cursor.unsigned()?).ok()?;
        file.last_checksum = cursor.take(HASH)?.try_into().ok()?;
        Some(file)
    }

    fn decode_block(&self, cursor: &mut Cursor<'_>, version: u8) -> Option<BlockSummary> {
        let mut block = BlockSummary {
            index: u32::try_from(cursor.unsigned()?).ok()?,
            bytes: cursor.unsigned()?,
            first_seq: cursor.unsigned()?,
            first_time_ns: cursor.signed()?.wrapping_add(self.first_time_ns),
            last_seq: cursor.unsigned()?,
            last_time_ns: cursor.signed()?.wrapping_add(self.first_time_ns),
            ..BlockSummary::default()
        };
        let num_deleted = cursor.unsigned()?;
        if version >= 2 {
            block.ttls = cursor.unsigned()?;
        }
        if version >= 3 {
            block.schedules = cursor.unsigned()?;
        }
        if num_deleted > 0 {
            let (deleted, length) = SequenceSet::decode(cursor.rest())?;
            cursor.take(length)?;
            block.deleted = deleted;
        }
        Some(block)
    }

    /// Appends the file's checksum.
    pub fn sign(bytes: &mut Vec<u8>, checksum: &Checksum) {
        let hash = checksum.of(&[bytes]);
        bytes.extend_from_slice(&hash);
    }

    /// Returns what is before the file's checksum; None if that is wrong.
    #[must_use]
    pub fn verify<'a>(bytes: &'a [u8], checksum: &Checksum) -> Option<&'a [u8]> {
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        (checksum.of(&[body]) == hash).then_some(body)
    }
}
