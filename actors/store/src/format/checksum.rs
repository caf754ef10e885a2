//! HighwayHash with a key made of a name.

use highway::{HighwayHash, HighwayHasher, Key};
use sha2::{Digest, Sha256};

/// Parts of this many bytes together are put in a row first: the hash takes one piece faster than several.
const SHORT: usize = 512;

/// Makes checksums under one name.
#[derive(Clone, Debug)]
pub struct Checksum {
    start: HighwayHasher,
}

impl Checksum {
    /// For a stream's files: its name; for a consumer's: `<stream>/<consumer>`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let mut words = [0_u64; 4];
        for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = bytes.try_into().map_or(0, u64::from_le_bytes);
        }
        Self { start: HighwayHasher::new(Key(words)) }
    }

    /// For the records of a block.
    #[must_use]
    pub fn of_block(stream: &str, index: u32) -> Self {
        Self::named(&format!("{stream}-{index}"))
    }

    /// Returns the checksum of parts in a row.
    #[must_use]
    pub fn of(&self, parts: &[&[u8]]) -> [u8; 8] {
        let mut hasher = self.start.clone();
        let mut row = [0; SHORT];
        match joined(parts, &mut row) {
            Some(row) => hasher.append(row),
            None => parts.iter().for_each(|part| hasher.append(part)),
        }
        hasher.finalize64().to_le_bytes()
    }
}

/// Parts in a row, if there is room for them.
fn joined<'a>(parts: &[&[u8]], row: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    for part in parts {
        row.get_mut(end..end + part.len())?.copy_from_slice(part);
        end += part.len();
    }
    Some(&row[..end])
}
