//! How much of each block file is durable: what lies beyond may be torn by a power cut, damage below is damage.

use std::collections::BTreeMap;
use std::path::Path;

use crate::disk::{self, Disk};
use crate::format::Checksum;

const MAGIC: &[u8; 8] = b"TROUPEL1";
/// The file's name in the journal's directory.
const NAME: &str = "lengths";

/// Durable lengths of block files, by directory (relative to the store's) and number.
///
/// Only the newest block of a directory need be known: earlier ones were made durable before it was.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    known: BTreeMap<String, BTreeMap<u32, u64>>,
    is_changed: bool,
}

/// Splits the path of a block file; None for other files.
fn parts(path: &str) -> Option<(&str, u32)> {
    let (directory, name) = path.rsplit_once('/')?;
    Some((directory, name.strip_suffix(".blk")?.parse().ok()?))
}

impl Lengths {
    /// Reads what was saved; nothing if there is none, or it is damaged.
    pub(super) fn read(disk: &dyn Disk, directory: &Path) -> Self {
        let bytes = disk::read_opt(disk, &directory.join(NAME)).ok().flatten();
        bytes.and_then(|bytes| Self::decode(&bytes)).unwrap_or_default()
    }

    /// Returns what is to be saved, if it changed since the last time.
    pub(super) fn take_changed(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        for blocks in self.known.values_mut() {
            while blocks.len() > 1 {
                blocks.pop_first();
            }
        }
        Some(self.encode())
    }

    /// What [`Self::take_changed`] returned could not be saved.
    pub(super) fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Saves what [`Self::take_changed`] returned.
    pub(super) fn save(disk: &dyn Disk, directory: &Path, bytes: &[u8]) -> std::io::Result<()> {
        disk::replace(disk, &directory.join(NAME), bytes, true)
    }

    /// Sets how much of a file is durable.
    pub(super) fn set(&mut self, path: &str, length: u64) {
        let Some((directory, index)) = parts(path) else { return };
        self.is_changed = true;
        match self.known.get_mut(directory) {
            Some(blocks) => drop(blocks.insert(index, length)),
            None => drop(self.known.insert(directory.to_owned(), BTreeMap::from([(index, length)]))),
        }
    }

    /// Notes that at least so much of a file is durable.
    pub(super) fn raise(&mut self, path: &str, length: u64) {
        let known = parts(path).and_then(|(directory, index)| self.known.get(directory)?.get(&index).copied());
        if known.is_none_or(|known| known < length) {
            self.set(path, length);
        }
    }

    /// Forgets a path and all below it.
    pub(super) fn forget(&mut self, top: &str) {
        self.is_changed = true;
        if let Some((directory, index)) = parts(top) {
            if let Some(blocks) = self.known.get_mut(directory) {
                blocks.remove(&index);
            }
            return;
        }
        self.known.remove(top);
        let below = format!("{top}/");
        let gone = self.known.range(below.clone()..).map(|(directory, _)| directory);
        let gone: Vec<String> = gone.take_while(|directory| directory.starts_with(&below)).cloned().collect();
        for directory in gone {
            self.known.remove(&directory);
        }
    }

    /// Returns how much of a file is durable; None if nothing is known about its directory.
    pub(super) fn of(&self, path: &str) -> Option<u64> {
        let (directory, index) = parts(path)?;
        let blocks = self.known.get(directory)?;
        let newest = *blocks.keys().next_back()?;
        match blocks.get(&index) {
            Some(length) => Some(*length),
            None if index > newest => Some(0),
            None => Some(u64::MAX),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for (directory, blocks) in &self.known {
            for (index, length) in blocks {
                out.extend_from_slice(&(directory.len() as u16).to_le_bytes());
                out.extend_from_slice(directory.as_bytes());
                out.extend_from_slice(&index.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
            }
        }
        let sum = Checksum::named("lengths").of(&[&out]);
        out.extend_from_slice(&sum);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<8>()?;
        if Checksum::named("lengths").of(&[body]) != *sum {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let mut lengths = Self::default();
        while let Some((size, behind)) = rest.split_first_chunk::<2>() {
            let (directory, behind) = behind.split_at_checked(u16::from_le_bytes(*size).into())?;
            let (index, behind) = behind.split_first_chunk::<4>()?;
            let (length, behind) = behind.split_first_chunk::<8>()?;
            let blocks = lengths.known.entry(String::from_utf8(directory.to_vec()).ok()?).or_default();
            blocks.insert(u32::from_le_bytes(*index), u64::from_le_bytes(*length));
            rest = behind;
        }
        rest.is_empty().then_some(lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_follows_from_what_is() {
        let mut lengths = Lengths::default();
        assert_eq!(lengths.of("a/msgs/1.blk"), None, "nothing is known of the stream");
        lengths.set("a/msgs/3.blk", 70);
        lengths.raise("a/msgs/3.blk", 50);
        lengths.raise("b/msgs/1.blk", 9);
        assert_eq!(lengths.of("a/msgs/3.blk"), Some(70));
        assert_eq!(lengths.of("a/msgs/2.blk"), Some(u64::MAX), "closed long ago");
        assert_eq!(lengths.of("a/msgs/4.blk"), Some(0), "nothing of it was acknowledged");
        let mut again = Lengths::decode(&lengths.encode()).expect("it can be read");
        assert_eq!((again.of("a/msgs/3.blk"), again.of("b/msgs/1.blk")), (Some(70), Some(9)));
        again.forget("b/msgs/1.blk");
        again.forget("a");
        assert_eq!((again.of("a/msgs/3.blk"), again.of("b/msgs/1.blk")), (None, None));
        assert!(lengths.take_changed().is_some());
        assert_eq!(lengths.take_changed(), None, "nothing changed since");
        lengths.mark_changed();
        assert_eq!(lengths.take_changed(), Some(lengths.encode()));
        let mut bytes = lengths.encode();
        bytes[9] ^= 1;
        assert!(Lengths::decode(&bytes).is_none(), "damage is seen");
    }
}
