//! What stores hold of the journal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::entry::Entry;
use super::replay::replay;
use super::thread;
use crate::disk::{Disk, DiskFile};
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
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) root: PathBuf,
    pub(super) policy: SyncPolicy,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
    /// Whether the state has a failure: asked for each message.
    pub(super) has_failed: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Encoded entries not yet taken by the thread.
    pub(super) batch: Vec<u8>,
    /// Files written since their last sync.
    pub(super) dirty: BTreeSet<PathBuf>,
    /// Done when `batch` is durable.
    pub(super) ticket: Option<Ticket>,
    /// The one the thread is at.
    pub(super) in_flight: Option<Ticket>,
    /// The last attempt failed, and what it tried is tried again.
    pub(super) failure: Option<StoreError>,
    pub(super) is_closing: bool,
    pub(super) has_ended: bool,
}

impl Shared {
    pub(super) fn set_failure(&self, failure: Option<StoreError>) {
        self.has_failed.store(failure.is_some(), Ordering::Relaxed);
        self.state.lock().failure = failure;
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
        let mut number = 0;
        if policy == SyncPolicy::Always {
            disk.create_directory(&directory).map_err(|error| StoreError::io("create", &directory, error))?;
            disk.sync_directory(root).map_err(|error| StoreError::io("sync", root, error))?;
        }
        if disk.list(&directory).is_ok() {
            number = replay(&*disk, root, &directory)?;
        }
        let shared = Arc::new(Shared {
            disk,
            root: root.to_owned(),
            policy,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            has_failed: AtomicBool::new(false),
        });
        let thread = thread::start(shared.clone(), directory, number)?;
        Ok(Self { shared, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Tells whether what is acknowledged must be durable.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.shared.policy == SyncPolicy::Always
    }

    /// Takes note of bytes written to a file.
    pub fn record(&self, path: &Path, _file: &Arc<dyn DiskFile>, offset: u64, bytes: &[u8]) {
        self.add(path, &|path, out| Entry::Write { path, offset, bytes }.encode(out));
    }

    /// Takes note of a file replaced.
    pub fn replaced(&self, path: &Path, bytes: &[u8]) {
        self.add(path, &|path, out| Entry::Replace { path, bytes }.encode(out));
    }

    /// Takes note of a file that is durable already, or need not be soon.
    pub fn note(&self, path: &Path) {
        self.shared.state.lock().dirty.insert(path.to_owned());
    }

    /// Makes void what was recorded about a path and all below it; blocks until that is durable.
    ///
    /// # Errors
    ///
    /// I/O errors.
    pub fn forget(&self, path: &Path) -> Result<(), StoreError> {
        {
            let mut state = self.shared.state.lock();
            state.dirty.retain(|dirty| !dirty.starts_with(path));
        }
        if !self.is_always() {
            return Ok(());
        }
        self.add(path, &|path, out| Entry::Forget { path }.encode(out));
        self.current().wait()
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
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was reported by the process's panic hook.
            drop(thread.join());
        }
    }

    fn add(&self, path: &Path, encode: &dyn Fn(&str, &mut Vec<u8>)) {
        let mut state = self.shared.state.lock();
        let is_known = state.dirty.contains(path);
        if !is_known {
            state.dirty.insert(path.to_owned());
        }
        if !self.is_always() || state.has_ended {
            return;
        }
        let relative = path.strip_prefix(&self.shared.root).ok().and_then(Path::to_str).unwrap_or_default();
        encode(relative, &mut state.batch);
        state.ticket.get_or_insert_with(Ticket::new);
        drop(state);
        self.shared.changed.notify_one();
    }
}
