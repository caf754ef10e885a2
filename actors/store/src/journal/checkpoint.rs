//! Files made durable, so that the journal may forget what it remembers of them.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use parking_lot::Mutex;

use super::handle::{Dirty, Shared};
use super::lengths::Lengths;
use super::segment::Segment;
use super::thread::{LAST_ATTEMPTS, RETRY};
use crate::StoreError;
use crate::disk;

/// A full segment, and what its entries changed.
pub(super) struct Full {
    pub(super) segment: Segment,
    pub(super) dirty: Dirty,
}

/// Frees full segments, one after the other, until there are no more to come.
pub(super) struct Checkpointer {
    pub(super) shared: Arc<Shared>,
    pub(super) full: Receiver<Full>,
    pub(super) free: Sender<Segment>,
    /// Why the last attempt failed; none once one succeeds.
    pub(super) failure: Arc<Mutex<Option<StoreError>>>,
}

impl Checkpointer {
    pub(super) fn run(self) {
        while let Ok(mut full) = self.full.recv() {
            let mut attempts = 0;
            while let Err(error) = free(&self.shared, &mut full) {
                *self.failure.lock() = Some(error);
                attempts += 1;
                let mut state = self.shared.state.lock();
                if state.is_closing && attempts >= LAST_ATTEMPTS {
                    // The segment stays as it is: the next start applies it.
                    return;
                }
                self.shared.retry.wait_for(&mut state, RETRY);
            }
            *self.failure.lock() = None;
            // Nobody waits for it at the end.
            drop(self.free.send(full.segment));
        }
    }
}

fn free(shared: &Shared, full: &mut Full) -> Result<(), StoreError> {
    sync(shared, &full.dirty)?;
    full.segment.free()
}

/// Makes files durable, the names of them in their directories, and what is known of their lengths.
pub(super) fn sync(shared: &Shared, dirty: &Dirty) -> Result<(), StoreError> {
    let mut parents: BTreeSet<&Path> = dirty.directories.iter().map(std::path::PathBuf::as_path).collect();
    for path in &dirty.files {
        let num_parents = if sync_file(shared, path)? { usize::MAX } else { 1 };
        let above = path.ancestors().skip(1).take_while(|parent| parent.starts_with(&shared.root));
        parents.extend(above.take(num_parents));
    }
    for parent in parents {
        match shared.disk.sync_directory(parent) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::io("sync", parent, error)),
            _ => {}
        }
    }
    let mut state = shared.state.lock();
    for (path, number) in &dirty.unsettled {
        if state.unsettled.get(path) == Some(number) {
            state.unsettled.remove(path);
        }
    }
    drop(state);
    save_lengths(shared)
}

/// Saves what is known of lengths. Stores go on meanwhile: what they change is saved the next time.
fn save_lengths(shared: &Shared) -> Result<(), StoreError> {
    let Some(bytes) = shared.lengths.lock().take_changed() else { return Ok(()) };
    let directory = shared.root.join("journal");
    let saved = Lengths::save(&*shared.disk, &directory, &bytes);
    if saved.is_err() {
        shared.lengths.lock().mark_changed();
    }
    saved.map_err(|error| StoreError::io("write", &directory, error))
}

/// Makes one file durable, if it is there; its name in its directory is made so later. True if directories were made for
/// it: whoever wants the file has not come to make them.
fn sync_file(shared: &Shared, path: &Path) -> Result<bool, StoreError> {
    let _writing = shared.writing.lock();
    let held = shared.state.lock().held.get(path).cloned();
    if let Some(bytes) = held {
        let write = || disk::replace_all(&*shared.disk, &[(path, &bytes)], true);
        let is_homeless = match write() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(path);
                let made = shared.disk.create_directory(parent).and_then(|()| write());
                made.map_err(|error| StoreError::io("write", path, error))?;
                true
            }
            written => written.map(|()| false).map_err(|error| StoreError::io("write", path, error))?,
        };
        let mut state = shared.state.lock();
        if state.held.get(path).is_some_and(|newest| Arc::ptr_eq(newest, &bytes)) {
            state.held.remove(path);
        }
        return Ok(is_homeless);
    }
    let file = match shared.disk.open_existing(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other.map_err(|error| StoreError::io("open", path, error))?,
    };
    let length = file.len().map_err(|error| StoreError::io("stat", path, error))?;
    file.sync().map_err(|error| StoreError::io("sync", path, error))?;
    shared.lengths.lock().set(shared.relative(path), length);
    Ok(false)
}
