//! Where a stream's files are, and how they are kept safe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seal::Keys;
use crate::StoreError;
use crate::disk::{self, Disk};
use crate::journal::Journal;
use crate::workshop::Workshop;

/// A stream's directory with what its store shares with the others.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) journal: Journal,
    pub(crate) workshop: Workshop,
    pub(crate) directory: PathBuf,
    /// The stream's name; checksums depend on it.
    pub(crate) name: String,
    /// Keys of an encrypted stream.
    pub(crate) keys: Option<Arc<Keys>>,
}

impl Place {
    pub(crate) fn messages(&self) -> PathBuf {
        self.directory.join("msgs")
    }

    pub(crate) fn consumers(&self) -> PathBuf {
        self.directory.join("obs")
    }

    pub(super) fn block_path(&self, index: u32) -> PathBuf {
        self.messages().join(format!("{index}.blk"))
    }

    /// Makes sure that a block is in its file, under its name, before the journal forgets it: only that was sure to have it.
    pub(super) fn secure_block(&self, path: &Path) -> Result<(), StoreError> {
        let synced = self.disk.open(path).and_then(|file| file.sync());
        synced.map_err(|error| StoreError::io("sync", path, error))?;
        self.sync_directory(&self.messages())
    }

    /// Replaces a file, durable at once if the store is.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        disk::replace(&*self.disk, path, bytes, self.journal.is_always())
            .map_err(|error| StoreError::io("write", path, error))
    }

    /// Replaces a file that can be made anew; durable when the journal gets to it.
    pub(crate) fn replace_lazily(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        disk::replace(&*self.disk, path, bytes, false).map_err(|error| StoreError::io("write", path, error))?;
        self.journal.note(path);
        Ok(())
    }

    /// Replaces `meta.inf` and `meta.sum` of a directory: a crash leaves the old ones or the new ones, and the new ones
    /// if the store is durable.
    pub(crate) fn replace_meta(&self, directory: &Path, sum: &[u8], meta: &[u8]) -> Result<(), StoreError> {
        let is_always = self.journal.is_always();
        if is_always {
            self.journal.check()?;
            self.journal.record_meta(directory, sum, meta);
            self.journal.current().wait()?;
        }
        let files = [(directory.join("meta.inf"), meta), (directory.join("meta.sum"), sum)];
        disk::replace_all(&*self.disk, &files, is_always).map_err(|error| StoreError::io("write", directory, error))?;
        files.iter().for_each(|(path, _)| self.journal.note(path));
        Ok(())
    }

    pub(crate) fn read_opt(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        disk::read_opt(&*self.disk, path).map_err(|error| StoreError::io("read", path, error))
    }

    pub(crate) fn remove_opt(&self, path: &Path) -> Result<(), StoreError> {
        disk::remove_opt(&*self.disk, path).map_err(|error| StoreError::io("remove", path, error))
    }

    pub(crate) fn create_directory(&self, path: &Path) -> Result<(), StoreError> {
        let is_missing = |path: &&Path| self.disk.list(path).is_err();
        let made: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
        self.disk.create_directory(path).map_err(|error| StoreError::io("create", path, error))?;
        if self.journal.is_always() {
            for parent in made.iter().filter_map(|made| made.parent()) {
                self.sync_directory(parent)?;
            }
        }
        Ok(())
    }

    /// Makes a directory whose name the journal makes durable with what is in it.
    pub(crate) fn create_directory_lazily(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.create_directory(path).map_err(|error| StoreError::io("create", path, error))?;
        if let Some(parent) = path.parent() {
            self.journal.note_directory(parent);
        }
        Ok(())
    }

    pub(crate) fn sync_directory(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.sync_directory(path).map_err(|error| StoreError::io("sync", path, error))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.disk.rename(from, to).map_err(|error| StoreError::io("rename", from, error))
    }

    /// Removes a directory that may not be there.
    pub(crate) fn remove_directory(&self, path: &Path) -> Result<(), StoreError> {
        match self.disk.remove_directory(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
            _ => Ok(()),
        }
    }

    /// Lists a directory; empty if it is not there.
    pub(crate) fn list(&self, path: &Path) -> Result<Vec<(String, bool)>, StoreError> {
        match self.disk.list(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|error| StoreError::io("list", path, error)),
        }
    }

    /// Keeps a copy of what could not be read in the stream's directory `lost`, and returns where.
    pub(super) fn quarantine(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        let directory = self.directory.join("lost");
        self.create_directory(&directory)?;
        let path = directory.join(format!("{name}.{}", self.list(&directory)?.len()));
        self.replace(&path, bytes)?;
        Ok(path)
    }
}
