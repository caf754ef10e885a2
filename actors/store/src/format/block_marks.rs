//! `marks.db`: how long the blocks were when `index.db` was written. Only this server writes and reads it.

use super::Checksum;

const MAGIC: &[u8; 8] = b"TROUPEB1";
const HASH: usize = 8;

/// How long a block was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMark {
    /// Number in the file's name.
    pub index: u32,
    /// Length of its records before compression.
    pub raw: u64,
    /// No message of an earlier sequence was in the file.
    pub lowest_seq: u64,
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockMarks {
    /// Checksum at the end of the `index.db` it belongs to.
    pub index_sum: [u8; HASH],
    /// By block, ascending.
    pub blocks: Vec<BlockMark>,
}

impl BlockMarks {
    /// Encodes the file.
    #[must_use]
    pub fn encode(&self, checksum: &Checksum) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.index_sum);
        for block in &self.blocks {
            out.extend_from_slice(&block.index.to_le_bytes());
            out.extend_from_slice(&block.raw.to_le_bytes());
            out.extend_from_slice(&block.lowest_seq.to_le_bytes());
        }
        let hash = checksum.of(&[&out]);
        out.extend_from_slice(&hash);
        out
    }

    /// Decodes the file; None if it is damaged.
    #[must_use]
    pub fn decode(bytes: &[u8], checksum: &Checksum) -> Option<Self> {
        let (body, hash) = bytes.split_last_chunk::<HASH>()?;
        if checksum.of(&[body]) != *hash {
            return None;
        }
        let (index_sum, mut rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<HASH>()?;
        let mut marks = Self { index_sum: *index_sum, blocks: Vec::new() };
        while !rest.is_empty() {
            let (index, behind) = rest.split_first_chunk::<4>()?;
            let (raw, behind) = behind.split_first_chunk::<8>()?;
            let (lowest_seq, behind) = behind.split_first_chunk::<8>()?;
            marks.blocks.push(BlockMark {
                index: u32::from_le_bytes(*index),
                raw: u64::from_le_bytes(*raw),
                lowest_seq: u64::from_le_bytes(*lowest_seq),
            });
            rest = behind;
        }
        Some(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_damage_is_seen() {
        let block = |index| BlockMark { index, raw: u64::from(index) * 1000, lowest_seq: u64::from(index) * 10 };
        let marks = BlockMarks { index_sum: *b"12345678", blocks: (3..9).map(block).collect() };
        let checksum = Checksum::named("S");
        let bytes = marks.encode(&checksum);
        assert_eq!(BlockMarks::decode(&bytes, &checksum), Some(marks));
        assert_eq!(BlockMarks::decode(&bytes, &Checksum::named("T")), None, "another stream's");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(BlockMarks::decode(&damaged, &checksum), None, "byte {at}");
            assert_eq!(BlockMarks::decode(&bytes[..at], &checksum), None, "cut at {at}");
        }
    }
}
