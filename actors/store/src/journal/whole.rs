//! Files that are written whole, and directories of streams and consumers that come and go: durable with one sync.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::Entry;
use super::handle::{Journal, State};
use crate::disk;

/// Directories from a stream's to the one of all accounts.
const UP_TO_ROOT: usize = 4;

/// A directory of a stream or consumer that is to be made, with what it has from the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewDirectory<'a> {
    pub(crate) path: &'a Path,
    pub(crate) is_stream: bool,
    /// Content of `meta.sum` and `meta.inf`.
    pub(crate) meta: (&'a [u8], &'a [u8]),
    /// Files beside these, keys.
    pub(crate) files: &'a [(PathBuf, Vec<u8>)],
}

impl NewDirectory<'_> {
    /// The files in it, with their content.
    pub(crate) fn all_files(&self) -> Vec<(PathBuf, &[u8])> {
        let (sum, meta) = self.meta;
        let others = self.files.iter().map(|(path, bytes)| (path.clone(), bytes.as_slice()));
        let [inf, sum_path] = meta_paths(self.path);
        others.chain([(inf, meta), (sum_path, sum)]).collect()
    }
}

/// The files of a directory's configuration.
pub(crate) fn meta_paths(directory: &Path) -> [PathBuf; 2] {
    ["meta.inf", "meta.sum"].map(|name| directory.join(name))
}

impl State {
    fn hold(&mut self, path: &Path, content: Arc<[u8]>) {
        self.dirty.add_file(path);
        match self.held.get_mut(path) {
            Some(held) => *held = content,
            None => drop(self.held.insert(path.to_owned(), content)),
        }
    }
}

impl Journal {
    /// Keeps the whole content of a file, which is written out later. Not for journals that are not synced always.
    pub fn hold(&self, path: &Path, bytes: &[u8]) {
        let content: Arc<[u8]> = bytes.into();
        self.add(&|state| {
            state.hold(path, content.clone());
            Entry::Replace { path: self.shared.relative(path), bytes }
        });
    }

    /// As [`Self::hold`], of a file whose content is set back: what it had before looks as if it were further.
    pub fn hold_anew(&self, path: &Path, bytes: &[u8]) {
        let content: Arc<[u8]> = bytes.into();
        let relative = self.shared.relative(path);
        let mut state = self.shared.state.lock();
        state.hold(path, content);
        self.take(state, &[Entry::Known { path: relative, sum: b"" }, Entry::Replace { path: relative, bytes }]);
    }

    /// Returns the content of a file that only the journal has.
    #[must_use]
    pub fn held(&self, path: &Path) -> Option<Arc<[u8]>> {
        self.shared.state.lock().held.get(path).cloned()
    }

    /// As [`Self::hold`], of `meta.inf` and `meta.sum` of a directory: both or none of them are there after a crash.
    /// `old_sum` is what it takes the place of.
    pub fn hold_meta(&self, directory: &Path, old_sum: &[u8], sum: &[u8], meta: &[u8]) {
        let bytes = [sum, meta].concat();
        let [inf, sum_path] = meta_paths(directory);
        let path = self.shared.relative(directory);
        let mut state = self.shared.state.lock();
        state.hold(&inf, meta.into());
        state.hold(&sum_path, sum.into());
        self.take(state, &[Entry::Known { path, sum: old_sum.trim_ascii() }, Entry::Meta { path, bytes: &bytes }]);
    }

    /// As [`Self::hold`], of all there is in a new directory, which is there after a crash with all of it or not at all.
    pub(crate) fn hold_new(&self, new: &NewDirectory<'_>) {
        let shared = &*self.shared;
        let (path, bytes) = (shared.relative(new.path), [new.meta.0, new.meta.1].concat());
        let block = new.path.join("msgs/1.blk");
        let mut entries = Vec::with_capacity(new.files.len() + 3);
        entries.push(Entry::Known { path, sum: b"" });
        if new.is_stream {
            let path_of_block = shared.relative(&block);
            shared.lengths.lock().set(path_of_block, 0);
            entries.push(Entry::Create { path, bytes: &bytes });
            entries.push(Entry::Length { path: path_of_block, length: 0 });
        } else {
            entries.push(Entry::Meta { path, bytes: &bytes });
        }
        entries.extend(new.files.iter().map(|(path, bytes)| Entry::Replace { path: shared.relative(path), bytes }));
        let mut state = shared.state.lock();
        new.all_files().into_iter().for_each(|(path, bytes)| state.hold(&path, bytes.into()));
        self.take(state, &entries);
    }

    /// Writes files that only the journal has; it makes them durable later.
    ///
    /// # Errors
    ///
    /// I/O errors; the journal goes on to have them.
    pub fn write_out(&self, paths: &[PathBuf]) -> io::Result<()> {
        let _writing = self.shared.writing.lock();
        let held = |path: &PathBuf| Some((path.clone(), self.held(path)?));
        let files: Vec<(PathBuf, Arc<[u8]>)> = paths.iter().filter_map(held).collect();
        let contents: Vec<(&PathBuf, &[u8])> = files.iter().map(|(path, bytes)| (path, &**bytes)).collect();
        disk::replace_all(&*self.shared.disk, &contents, false)?;
        let mut state = self.shared.state.lock();
        for (path, bytes) in files {
            if state.held.get(&path).is_some_and(|newest| Arc::ptr_eq(newest, &bytes)) {
                state.held.remove(&path);
            }
        }
        Ok(())
    }

    /// Notes that a directory goes, after `detach` has seen to it that it is not taken for what it was. The caller removes
    /// it once that is durable.
    ///
    /// # Errors
    ///
    /// Those of `detach`; nothing is noted then.
    pub fn remove(&self, path: &Path, detach: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let _writing = self.shared.writing.lock();
        let [_, sum] = meta_paths(path);
        let on_disk = disk::read_opt(&*self.shared.disk, &sum);
        detach()?;
        let relative = self.shared.relative(path);
        self.shared.lengths.lock().forget(relative);
        let mut state = self.shared.state.lock();
        let held = state.held.get(&sum).cloned();
        state.forget(path);
        state.dirty.directories.insert(path.to_owned());
        state.dirty.directories.extend(path.parent().map(Path::to_owned));
        let known = |sum| Entry::Known { path: relative, sum };
        let mut entries = Vec::with_capacity(3);
        // What cannot be read is not known.
        if let Ok(on_disk) = &on_disk {
            let on_disk = on_disk.as_deref().unwrap_or_default();
            let held = held.as_deref().unwrap_or(on_disk);
            entries.extend([known(on_disk.trim_ascii()), known(held.trim_ascii())]);
        }
        entries.push(Entry::Remove { path: relative });
        self.take(state, &entries);
        Ok(())
    }

    /// Notes that a stream's directory came or went: for some time only the journal knows that for sure.
    pub fn note_unsettled(&self, path: &Path) {
        let mut state = self.shared.state.lock();
        state.dirty.directories.extend(path.ancestors().take(UP_TO_ROOT).map(Path::to_owned));
        if self.is_always() {
            state.num_unsettled += 1;
            let number = state.num_unsettled;
            state.unsettled.insert(path.to_owned(), number);
            state.dirty.unsettled.push((path.to_owned(), number));
        }
    }

    /// Makes durable that a stream's directory came or went, before something is done that the journal does not know of.
    /// Returns whether that was to be done.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn settle(&self, path: &Path) -> io::Result<bool> {
        if !self.shared.state.lock().unsettled.contains_key(path) {
            return Ok(false);
        }
        for directory in path.ancestors().take(UP_TO_ROOT) {
            match self.shared.disk.sync_directory(directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.shared.state.lock().unsettled.remove(path);
        Ok(true)
    }
}
