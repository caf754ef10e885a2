//! Where a stream's files are, and how they are kept safe.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seal::Keys;
use crate::StoreError;
use crate::disk::{self, Disk};
use crate::journal::{Journal, NewDirectory, meta_paths};
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

    /// The file of a block's key, if it is encrypted.
    pub(super) fn key_path(&self, index: u32) -> PathBuf {
        self.messages().join(format!("{index}.key"))
    }

    /// Makes void what the journal has of a block's files.
    pub(super) fn void_block(&self, index: u32) {
        self.journal.void(&self.block_path(index));
        if self.keys.is_some() {
            self.journal.void(&self.key_path(index));
        }
    }

    /// Makes sure that a block is in its file, under its name, before the journal forgets it: only that was sure to have it.
    pub(super) fn secure_block(&self, path: &Path) -> Result<(), StoreError> {
        let synced = self.disk.open(path).and_then(|file| file.sync());
        synced.map_err(|error| StoreError::io("sync", path, error))?;
        self.sync_directory(&self.messages())?;
        self.settle().map(drop)
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

    /// Writes a file that is there once what follows is durable.
    pub(super) fn write_with_journal(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        if !self.journal.is_always() {
            return self.replace_lazily(path, bytes);
        }
        self.journal.hold(path, bytes);
        self.journal.write_out(&[path.to_owned()]).map_err(|error| StoreError::io("write", path, error))
    }

    /// Replaces `meta.inf` and `meta.sum` of a directory: a crash leaves the old ones or the new ones, and the new ones
    /// if the store is durable.
    pub(crate) fn replace_meta(&self, directory: &Path, sum: &[u8], meta: &[u8]) -> Result<(), StoreError> {
        let paths = meta_paths(directory);
        if self.journal.is_always() {
            self.journal.check()?;
            let [old_meta, old_sum] = [self.newest(&paths[0])?, self.newest(&paths[1])?];
            self.journal.hold_meta(directory, &old_sum, sum, meta);
            if let Err(error) = self.journal.current().wait() {
                // The journal goes on to try: what it writes in the end is what there was.
                self.journal.hold_meta(directory, sum, &old_sum, &old_meta);
                return Err(error);
            }
            // What cannot be written now the journal writes later.
            drop(self.journal.write_out(&paths));
            return Ok(());
        }
        let files = [(&paths[0], meta), (&paths[1], sum)];
        disk::replace_all(&*self.disk, &files, false).map_err(|error| StoreError::io("write", directory, error))?;
        paths.iter().for_each(|path| self.journal.note(path));
        Ok(())
    }

    /// The newest content of a file, which only the journal may have.
    fn newest(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        match self.journal.held(path) {
            Some(held) => Ok(held.to_vec()),
            None => Ok(self.read_opt(path)?.unwrap_or_default()),
        }
    }

    /// Makes the directory of a stream or consumer with what it has from the beginning: durably if the store is, with one
    /// sync. A crash before that leaves nothing of it.
    pub(super) fn make(&self, new: &NewDirectory<'_>) -> Result<(), StoreError> {
        let made = if self.journal.is_always() {
            self.journal.check()?;
            self.journal.hold_new(new);
            self.journal.current().wait().and_then(|()| self.write_new(new))
        } else {
            self.write_new(new)
        };
        if made.is_err() {
            // Nobody is told of it, and it must not be there later.
            let removed = if new.is_stream { self.remove_stream() } else { self.remove_consumer(new.path) };
            drop(removed);
        }
        made
    }

    fn write_new(&self, new: &NewDirectory<'_>) -> Result<(), StoreError> {
        let io = |error| StoreError::io("create", new.path, error);
        let rooms: &[&str] = if new.is_stream { &["msgs", "obs"] } else { &[""] };
        for room in rooms {
            self.disk.create_directory(&new.path.join(room)).map_err(io)?;
        }
        if new.is_stream {
            self.journal.note_unsettled(new.path);
        } else {
            new.path.ancestors().take(2).for_each(|directory| self.journal.note_directory(directory));
        }
        let files = new.all_files();
        if self.journal.is_always() {
            let paths: Vec<PathBuf> = files.into_iter().map(|(path, _)| path).collect();
            return self.journal.write_out(&paths).map_err(io);
        }
        disk::replace_all(&*self.disk, &files, false).map_err(io)?;
        files.iter().for_each(|(path, _)| self.journal.note(path));
        Ok(())
    }

    /// Removes the stream's directory: durably if the store is. A crash before that leaves it whole, or under a name that
    /// the next start removes.
    pub(crate) fn remove_stream(&self) -> Result<(), StoreError> {
        let hidden = disk::hidden(&self.directory);
        self.remove_directory(&hidden)?;
        let noted = self.journal.remove(&self.directory, || match self.disk.rename(&self.directory, &hidden) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        let gone = match noted {
            Ok(()) => self.journal.current().wait().and_then(|()| self.remove_directory(&hidden)),
            Err(error) => Err(StoreError::io("rename", &self.directory, error)),
        };
        self.journal.note_unsettled(&self.directory);
        gone
    }

    /// Removes a consumer's directory: durably if the store is.
    pub(super) fn remove_consumer(&self, directory: &Path) -> Result<(), StoreError> {
        // Without its configuration the rest is not taken for a consumer if a crash leaves it.
        let meta = directory.join("meta.inf");
        let noted = self.journal.remove(directory, || disk::remove_opt(&*self.disk, &meta));
        noted.map_err(|error| StoreError::io("remove", &meta, error))?;
        self.journal.current().wait()?;
        self.remove_directory(directory)?;
        self.journal.note_directory(&self.consumers());
        Ok(())
    }

    /// Sees to it that what was removed under the stream's name does not come back, before the name is used again. Returns
    /// whether there was something.
    pub(crate) fn free_name(&self) -> Result<bool, StoreError> {
        let hidden = disk::hidden(&self.directory);
        if self.disk.list(&hidden).is_ok() {
            self.remove_directory(&hidden)?;
            self.journal.note_unsettled(&self.directory);
        }
        self.settle()
    }

    /// Makes the names of the stream's directories durable, if only the journal knows them.
    pub(super) fn settle(&self) -> Result<bool, StoreError> {
        self.journal.settle(&self.directory).map_err(|error| StoreError::io("sync", &self.directory, error))
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
