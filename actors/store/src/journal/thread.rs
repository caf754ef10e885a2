//! The thread that makes batches durable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::entry::seal;
use super::handle::{Shared, SyncPolicy};
use super::segment::Segment;
use crate::{StoreError, Ticket};

/// Segments in turn.
const SEGMENTS: usize = 3;
/// How long to wait before a failed disk is tried again.
const RETRY: Duration = Duration::from_millis(250);
/// Attempts at the end of the process.
const LAST_ATTEMPTS: u32 = 3;

/// Starts the thread. `number` is that of the last use of a segment.
pub(super) fn start(shared: Arc<Shared>, directory: PathBuf, number: u64) -> Result<JoinHandle<()>, StoreError> {
    let mut segments = Vec::new();
    if shared.policy == SyncPolicy::Always {
        for name in 0..SEGMENTS {
            let mut segment = Segment::open(&*shared.disk, &directory, name)?;
            segment.free()?;
            segments.push(segment);
        }
        shared.disk.sync_directory(&directory).map_err(|error| StoreError::io("sync", &directory, error))?;
        segments[0].begin(number + 1)?;
    } else {
        remove_segments(&shared, &directory)?;
    }
    let mut worker = Worker { shared, segments, used: 0, number: number + 1, pending: Vec::new(), old: Vec::new() };
    let thread = std::thread::Builder::new().name("journal".to_owned());
    thread.spawn(move || worker.run()).map_err(|error| StoreError::io("start thread", &directory, error))
}

/// A journal that is not used any more was applied already.
fn remove_segments(shared: &Shared, directory: &Path) -> Result<(), StoreError> {
    let io = |error| StoreError::io("remove", directory, error);
    let Ok(names) = shared.disk.list(directory) else { return Ok(()) };
    for (name, _) in names.into_iter().filter(|(name, _)| name.ends_with(".journal")) {
        shared.disk.remove_file(&directory.join(name)).map_err(io)?;
    }
    Ok(())
}

struct Worker {
    shared: Arc<Shared>,
    segments: Vec<Segment>,
    /// The segment in use.
    used: usize,
    number: u64,
    /// A batch that could not be written yet.
    pending: Vec<u8>,
    /// Files that entries of each earlier segment changed, by segment.
    old: Vec<(usize, BTreeSet<PathBuf>)>,
}

impl Worker {
    fn run(&mut self) {
        match self.shared.policy {
            SyncPolicy::Always => self.run_always(),
            SyncPolicy::Every(interval) => self.run_lazily(interval),
        }
        let mut state = self.shared.state.lock();
        state.has_ended = true;
        if let Some(ticket) = state.ticket.take() {
            ticket.finish(Err(StoreError::Closed));
        }
    }

    fn run_always(&mut self) {
        let mut attempts = 0;
        loop {
            let (ticket, is_closing) = self.take_batch();
            if self.pending.is_empty() {
                ticket.finish(Ok(()));
                if is_closing {
                    return self.end();
                }
                continue;
            }
            match self.write_pending() {
                Ok(()) => {
                    self.pending.clear();
                    if attempts > 0 {
                        self.shared.set_failure(None);
                    }
                    ticket.finish(Ok(()));
                    attempts = 0;
                }
                Err(error) => {
                    // The batch stays and is written again elsewhere: after a failed sync nobody knows what is there.
                    self.shared.set_failure(Some(error.clone()));
                    ticket.finish(Err(error));
                    attempts += 1;
                    if is_closing && attempts >= LAST_ATTEMPTS {
                        return;
                    }
                    let mut state = self.shared.state.lock();
                    self.shared.changed.wait_for(&mut state, RETRY);
                }
            }
        }
    }

    /// Waits for entries, unless some are left from a failure, and takes them.
    fn take_batch(&mut self) -> (Ticket, bool) {
        let mut state = self.shared.state.lock();
        while state.batch.is_empty() && self.pending.is_empty() && !state.is_closing {
            state.in_flight = None;
            self.shared.changed.wait(&mut state);
        }
        if self.pending.is_empty() {
            std::mem::swap(&mut self.pending, &mut state.batch);
        } else {
            self.pending.extend_from_slice(&state.batch);
            state.batch.clear();
        }
        let ticket = state.ticket.take().unwrap_or_default();
        state.in_flight = Some(ticket.clone());
        (ticket, state.is_closing)
    }

    fn write_pending(&mut self) -> Result<(), StoreError> {
        let has_failed = self.shared.has_failed.load(std::sync::atomic::Ordering::Relaxed);
        if has_failed || !self.segments[self.used].has_room(self.pending.len()) {
            self.next_segment()?;
        }
        let segment = &mut self.segments[self.used];
        seal(&mut self.pending, &segment.checksum);
        segment.append(&self.pending)
    }

    /// Goes on to the next segment, after what it holds from its last use is in the files.
    fn next_segment(&mut self) -> Result<(), StoreError> {
        let next = (self.used + 1) % self.segments.len();
        // What is written from now on belongs to the next segment.
        let dirty = std::mem::take(&mut self.shared.state.lock().dirty);
        self.old.push((self.used, dirty));
        if let Some(at) = self.old.iter().position(|(segment, _)| *segment == next) {
            let (_, files) = self.old[at].clone();
            sync_files(&self.shared, &files)?;
            self.segments[next].free()?;
            self.old.remove(at);
        }
        self.segments[next].begin(self.number + 1)?;
        self.number += 1;
        self.used = next;
        Ok(())
    }

    /// Makes the files durable and leaves an empty journal.
    fn end(&mut self) {
        let mut files = std::mem::take(&mut self.shared.state.lock().dirty);
        for (_, old) in self.old.drain(..) {
            files.extend(old);
        }
        if sync_files(&self.shared, &files).is_ok() {
            for segment in &mut self.segments {
                if segment.free().is_err() {
                    return;
                }
            }
        }
    }

    fn run_lazily(&mut self, interval: Duration) {
        let mut due = Instant::now() + interval;
        loop {
            let mut state = self.shared.state.lock();
            if !state.is_closing {
                self.shared.changed.wait_until(&mut state, due);
            }
            let is_closing = state.is_closing;
            if !is_closing && Instant::now() < due {
                continue;
            }
            let files = std::mem::take(&mut state.dirty);
            drop(state);
            let outcome = sync_files(&self.shared, &files);
            let pause = if outcome.is_err() { RETRY.min(interval) } else { interval };
            if outcome.is_err() {
                self.shared.state.lock().dirty.extend(files);
            }
            self.shared.set_failure(outcome.err());
            if is_closing {
                return;
            }
            due = Instant::now() + pause;
        }
    }
}

/// Makes files durable, and the names of them in their directories. Those that are gone need not be.
fn sync_files(shared: &Shared, files: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
    let mut parents = BTreeSet::new();
    for path in files {
        let Some(parent) = path.parent() else { continue };
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Ok(names) = shared.disk.list(parent) else { continue };
        if names.iter().any(|(known, is_directory)| known == name && !is_directory) {
            let synced = shared.disk.open(path).and_then(|file| file.sync());
            synced.map_err(|error| StoreError::io("sync", path, error))?;
            parents.insert(parent);
        }
    }
    for parent in parents {
        shared.disk.sync_directory(parent).map_err(|error| StoreError::io("sync", parent, error))?;
    }
    Ok(())
}
