//! Segments: files of a fixed size, used again and again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::StoreError;
use crate::disk::{Disk, DiskFile};
use crate::format::Checksum;

/// Size of a segment; a larger batch makes one larger. Small in tests, so that segments are used again.
pub(super) const SIZE: u64 = if cfg!(test) { 128 * 1024 } else { 16 * 1024 * 1024 };
/// Where entries start: the segment's number is before them, in a sector of its own.
pub(super) const START: u64 = 512;
const MAGIC: &[u8; 8] = b"TROUPEJ1";
const ZEROS: usize = 256 * 1024;

/// A file of the journal.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    /// Number of this use; checksums depend on it.
    pub(super) number: u64,
    pub(super) position: u64,
    pub(super) checksum: Checksum,
}

/// Returns the checksum that entries of a segment's use have.
pub(super) fn checksum_of(number: u64) -> Checksum {
    Checksum::named(&format!("journal {number}"))
}

/// Returns the number in a segment's head; None if it is not in use.
pub(super) fn number_of(bytes: &[u8]) -> Option<u64> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let number = u64::from_le_bytes(*rest.first_chunk()?);
    let sum = rest.get(8..16)?;
    (magic == MAGIC && Checksum::named("journal").of(&[&number.to_le_bytes()]) == sum).then_some(number)
}

impl Segment {
    /// Opens or makes a segment's file, filled with zeros to its full size.
    pub(super) fn open(disk: &dyn Disk, directory: &Path, name: usize) -> Result<Self, StoreError> {
        let path = directory.join(format!("{name}.journal"));
        let io = |action| move |error| StoreError::io(action, &path_of(directory, name), error);
        let file = disk.open(&path).map_err(io("open"))?;
        let zeros = vec![0; ZEROS];
        let mut filled = file.len().map_err(io("stat"))?;
        while filled < SIZE {
            let count = ZEROS.min((SIZE - filled) as usize);
            file.write_all_at(&zeros[..count], filled).map_err(io("write"))?;
            filled += count as u64;
        }
        file.sync().map_err(io("sync"))?;
        Ok(Self { path, file, number: 0, position: START, checksum: checksum_of(0) })
    }

    /// Starts a new use. Durable with the first sync of entries.
    pub(super) fn begin(&mut self, number: u64) -> Result<(), StoreError> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&number.to_le_bytes());
        head.extend_from_slice(&Checksum::named("journal").of(&[&number.to_le_bytes()]));
        self.write_at(&head, 0)?;
        (self.number, self.position, self.checksum) = (number, START, checksum_of(number));
        Ok(())
    }

    /// Ends a use: what the segment holds is in the files.
    pub(super) fn free(&mut self) -> Result<(), StoreError> {
        self.write_at(&[0; 24], 0)?;
        self.sync()
    }

    pub(super) fn has_room(&self, length: usize) -> bool {
        self.position + length as u64 <= SIZE
    }

    /// Writes sealed entries and makes them durable.
    pub(super) fn append(&mut self, batch: &[u8]) -> Result<(), StoreError> {
        self.write_at(batch, self.position)?;
        self.sync()?;
        self.position += batch.len() as u64;
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StoreError> {
        self.file.write_all_at(bytes, offset).map_err(|error| StoreError::io("write", &self.path, error))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.file.sync().map_err(|error| StoreError::io("sync", &self.path, error))
    }
}

fn path_of(directory: &Path, name: usize) -> PathBuf {
    directory.join(format!("{name}.journal"))
}
