//! What stores hold of the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::entry::Entry;
use super::lengths::Lengths;
use super::replay::replay;
use super::thread;
use crate::disk::Disk;
use crate::{Durability, StoreError, Ticket};

/// When what is written becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before it is acknowledged.
    Always,
    /// Now and then, after this time.
    Every(std::time::Duration),
}

/// A handle of the journal of a store's directory; clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    pub(super) shared: Arc<Shared>,
    /// Held by the one who ends it.
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    /// What the start found to be another server's.
    notes: Arc<[String]>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: PathBuf,
    pub(super) policy: SyncPolicy,
    pub(super) state: Mutex<State>,
    /// Where the journal's thread waits, nobody else: one that is woken is the right one.
    pub(super) changed: Condvar,
    /// Where the checkpoint thread waits before it tries again.
    pub(super) retry: Condvar,
    /// Whether the state has a failure: asked for each message.
    pub(super) has_failed: AtomicBool,
    /// Held while a file the journal keeps is written, before `state` or `lengths`: nobody removes it meanwhile.
    pub(super) writing: Mutex<()>,
    pub(super) lengths: Mutex<Lengths>,
}

/// Files and directories to be synced.
#[derive(Clone, Debug, Default)]
pub(super) struct Dirty {
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) directories: BTreeSet<PathBuf>,
    /// Streams' directories that came or went, each with a number.
    pub(super) unsettled: Vec<(PathBuf, u64)>,
}

impl Dirty {
    pub(super) fn add_file(&mut self, path: &Path) {
        if !self.files.contains(path) {
            self.files.insert(path.to_owned());
        }
    }

    pub(super) fn forget(&mut self, path: &Path) {
        for paths in [&mut self.files, &mut self.directories] {
            for gone in below(paths.range::<Path, _>(from(path)), path) {
                paths.remove(&gone);
            }
        }
    }
}

/// Where a path and what is below it begin in an ordered set: there they follow each other.
pub(super) fn from(top: &Path) -> (Bound<&Path>, Bound<&Path>) {
    (Bound::Included(top), Bound::Unbounded)
}

/// The path and those below it that `paths` begins with.
pub(super) fn below<'a>(paths: impl Iterator<Item = &'a PathBuf>, top: &Path) -> Vec<PathBuf> {
    paths.take_while(|path| path.starts_with(top)).cloned().collect()
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Encoded entries not yet taken by the thread.
    pub(super) batch: Vec<u8>,
    /// What was written since its last sync.
    pub(super) dirty: Dirty,
    /// Newest content of files that only the journal has: written out before the journal forgets it.
    pub(super) held: BTreeMap<PathBuf, Arc<[u8]>>,
    /// Streams' directories that came or went, with the number of the last time: until the journal forgets, only that
    /// knows for sure.
    pub(super) unsettled: BTreeMap<PathBuf, u64>,
    pub(super) num_unsettled: u64,
    /// Done when `batch` is durable.
    pub(super) ticket: Option<Ticket>,
    /// The one the thread is at.
    pub(super) in_flight: Option<Ticket>,
    /// The last attempt failed, and what it tried is tried again.
    pub(super) failure: Option<StoreError>,
    pub(super) is_closing: bool,
    pub(super) has_ended: bool,
}

impl State {
    /// Forgets what was written about a path and all below it.
    pub(super) fn forget(&mut self, path: &Path) {
        self.dirty.forget(path);
        for gone in below(self.held.range::<Path, _>(from(path)).map(|(held, _)| held), path) {
            self.held.remove(&gone);
        }
    }
}

impl Shared {
    pub(super) fn set_failure(&self, failure: Option<StoreError>) {
        self.has_failed.store(failure.is_some(), Ordering::Relaxed);
        self.state.lock().failure = failure;
    }

    /// The path as entries name it.
    pub(super) fn relative<'a>(&self, path: &'a Path) -> &'a str {
        path.strip_prefix(&self.root).ok().and_then(Path::to_str).unwrap_or_default()
    }
}

impl Journal {
    /// Applies what a crash left in the journal, and starts it. `root` is what all paths are below.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn open(disk: Arc<dyn Disk>, root: &Path, policy: SyncPolicy) -> Result<Self, StoreError> {
        let directory = root.join("journal");
        disk.create_directory(&directory).map_err(|error| StoreError::io("create", &directory, error))?;
        if policy == SyncPolicy::Always {
            disk.sync_directory(root).map_err(|error| StoreError::io("sync", root, error))?;
        }
        let mut lengths = Lengths::read(&*disk, &directory);
        let (number, notes) = replay(&*disk, root, &directory, &mut lengths)?;
        let shared = Arc::new(Shared {
            disk,
            root: root.to_owned(),
            policy,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            retry: Condvar::new(),
            has_failed: AtomicBool::new(false),
            writing: Mutex::new(()),
            lengths: Mutex::new(lengths),
        });
        let thread = thread::start(shared.clone(), directory, number)?;
        Ok(Self { shared, thread: Arc::new(Mutex::new(Some(thread))), notes: notes.into() })
    }

    /// What the start left as another server made it, where the journal has something else.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Tells whether what is acknowledged must be durable.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.shared.policy == SyncPolicy::Always
    }

    /// Takes note of bytes written to a file.
    pub fn record(&self, path: &Path, offset: u64, bytes: &[u8]) {
        self.add(&|state| {
            state.dirty.add_file(path);
            Entry::Write { path: self.shared.relative(path), offset, bytes }
        });
    }

    /// Takes note of a file that is durable already, or need not be soon.
    pub fn note(&self, path: &Path) {
        self.shared.state.lock().dirty.add_file(path);
    }

    /// Takes note of a directory whose names need not be durable soon.
    pub fn note_directory(&self, path: &Path) {
        self.shared.state.lock().dirty.directories.insert(path.to_owned());
    }

    /// Makes void what was recorded about a path and all below it; blocks until that is durable.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn forget(&self, path: &Path) -> Result<(), StoreError> {
        self.void(path);
        if self.is_always() { self.current().wait() } else { Ok(()) }
    }

    /// As [`Self::forget`], before files are replaced that will have these durable lengths.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn forget_for(&self, path: &Path, next: &Path, length: u64) -> Result<(), StoreError> {
        self.void(path);
        self.set_length(next, length);
        if self.is_always() { self.current().wait() } else { Ok(()) }
    }

    /// As [`Self::forget`], without waiting.
    pub fn void(&self, path: &Path) {
        let _writing = self.shared.writing.lock();
        let relative = self.shared.relative(path);
        self.shared.lengths.lock().forget(relative);
        self.add(&|state| {
            state.forget(path);
            Entry::Forget { path: relative }
        });
    }

    /// Notes that a block file is durable up to a length.
    pub fn set_length(&self, path: &Path, length: u64) {
        let path = self.shared.relative(path);
        self.shared.lengths.lock().set(path, length);
        self.add(&|_| Entry::Length { path, length });
    }

    /// Returns how much of a block file was durable at the start, or is now; None if that is not known.
    #[must_use]
    pub fn durable_length(&self, path: &Path) -> Option<u64> {
        self.shared.lengths.lock().of(self.shared.relative(path))
    }

    /// Tells when everything recorded so far is durable.
    #[must_use]
    pub fn current(&self) -> Durability {
        if !self.is_always() {
            return Durability::Reached;
        }
        let state = self.shared.state.lock();
        if state.has_ended {
            return Durability::Reached;
        }
        match state.ticket.as_ref().or(state.in_flight.as_ref()) {
            Some(ticket) => Durability::Pending(ticket.clone()),
            None => Durability::Reached,
        }
    }

    /// Fails while the disk takes nothing.
    ///
    /// # Errors
    ///
    /// Why the last attempt failed.
    pub fn check(&self) -> Result<(), StoreError> {
        if !self.shared.has_failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match &self.shared.state.lock().failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }

    /// Makes everything durable and ends the journal; blocks.
    pub fn close(&self) {
        self.shared.state.lock().is_closing = true;
        self.shared.changed.notify_all();
        self.shared.retry.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was reported by the process's panic hook.
            drop(thread.join());
        }
    }

    /// Adds the entry that `change` makes of a change of the state.
    pub(super) fn add<'a>(&self, change: &dyn Fn(&mut State) -> Entry<'a>) {
        let mut state = self.shared.state.lock();
        let entry = change(&mut state);
        self.take(state, &[entry]);
    }

    /// Puts entries into the batch.
    pub(super) fn take(&self, mut state: MutexGuard<'_, State>, entries: &[Entry<'_>]) {
        if !self.is_always() || state.has_ended {
            return;
        }
        entries.iter().for_each(|entry| entry.encode(&mut state.batch));
        state.ticket.get_or_insert_with(Ticket::new);
        drop(state);
        self.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_is_forgotten_and_nothing_beside_it() {
        let all = ["s/obs", "s/obs/C", "s/obs/C-1/o.dat", "s/obs/C.x", "s/obs/C/meta.inf", "s/obs/C/o.dat", "s/obs/D"];
        let mut dirty = Dirty::default();
        all.iter().for_each(|path| dirty.add_file(Path::new(path)));
        dirty.directories = dirty.files.clone();
        dirty.forget(Path::new("s/obs/C"));
        dirty.forget(Path::new("s/obs/D"));
        dirty.forget(Path::new("s/obs/E"));
        let left = ["s/obs", "s/obs/C-1/o.dat", "s/obs/C.x"].map(PathBuf::from).into_iter().collect();
        assert_eq!((&dirty.files, &dirty.directories), (&left, &left));
        dirty.forget(Path::new("s"));
        assert!(dirty.files.is_empty());
    }
}
