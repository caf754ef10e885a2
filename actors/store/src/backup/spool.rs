//! An archive that arrives in pieces, kept in a file until it is whole.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// A file of pieces; removed when dropped.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Spool {
    /// Makes an empty file in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn create(directory: &Path, name: &str) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(|error| StoreError::io("create", directory, error))?;
        let path = directory.join(name);
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(|error| StoreError::io("create", &path, error))?;
        Ok(Self { path, file, length: 0 })
    }

    /// Adds a piece. The write goes to the operating system's cache.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(piece).map_err(|error| StoreError::io("write", &self.path, error))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Returns the bytes added.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns a reader from the start.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn reader(&self) -> Result<File, StoreError> {
        let io = |error| StoreError::io("read", &self.path, error);
        let mut file = self.file.try_clone().map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(file)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A file that cannot be removed is removed at the next start, with its directory.
        drop(std::fs::remove_file(&self.path));
    }
}
