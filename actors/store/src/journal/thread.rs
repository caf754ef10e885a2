//! The thread that makes batches durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::checkpoint::{Checkpointer, Full, sync};
use super::entry::seal;
use super::handle::{Shared, SyncPolicy};
use super::segment::Segment;
use crate::{StoreError, Ticket};

/// Segments in turn.
const SEGMENTS: usize = 3;
/// How long to wait before a failed disk is tried again. Short in tests, whose disks fail all the time.
pub(super) const RETRY: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 250 });
/// Attempts at the end of the process.
pub(super) const LAST_ATTEMPTS: u32 = 3;

/// Starts the threads. `number` is that of the last use of a segment.
pub(super) fn start(shared: Arc<Shared>, directory: PathBuf, number: u64) -> Result<JoinHandle<()>, StoreError> {
    let io = |error| StoreError::io("start thread", &directory, error);
    let thread = std::thread::Builder::new().name("journal".to_owned());
    if let SyncPolicy::Every(interval) = shared.policy {
        remove_segments(&shared, &directory)?;
        return thread.spawn(move || run_lazily(&shared, interval)).map_err(io);
    }
    let mut segments = Vec::new();
    for name in 0..SEGMENTS {
        let mut segment = Segment::open(&*shared.disk, &directory, name)?;
        segment.free()?;
        segments.push(segment);
    }
    shared.disk.sync_directory(&directory).map_err(|error| StoreError::io("sync", &directory, error))?;
    let mut segment = segments.remove(0);
    segment.begin(number + 1)?;
    let (freed, free) = channel();
    for segment in segments {
        drop(freed.send(segment));
    }
    let (full, to_free) = channel();
    let checkpoint_failure = Arc::new(Mutex::new(None));
    let failure = checkpoint_failure.clone();
    let checkpointer = Checkpointer { shared: shared.clone(), full: to_free, free: freed, failure };
    let checkpoints = std::thread::Builder::new().name("checkpoint".to_owned());
    let checkpoints = checkpoints.spawn(move || checkpointer.run()).map_err(io)?;
    let number = number + 1;
    let worker = Worker { shared, segment, number, pending: Vec::new(), full, free, checkpoint_failure, checkpoints };
    thread.spawn(move || worker.run()).map_err(io)
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
    /// The segment in use.
    segment: Segment,
    number: u64,
    /// A batch that could not be written yet.
    pending: Vec<u8>,
    full: Sender<Full>,
    free: Receiver<Segment>,
    checkpoint_failure: Arc<Mutex<Option<StoreError>>>,
    checkpoints: JoinHandle<()>,
}

impl Worker {
    fn run(mut self) {
        self.write_batches();
        let shared = self.shared.clone();
        self.end();
        let mut state = shared.state.lock();
        state.has_ended = true;
        if let Some(ticket) = state.ticket.take() {
            ticket.finish(Err(StoreError::Closed));
        }
    }

    fn write_batches(&mut self) {
        let mut attempts = 0;
        loop {
            let (ticket, is_closing) = self.take_batch();
            if self.pending.is_empty() {
                ticket.finish(Ok(()));
                if is_closing {
                    return;
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
        if has_failed || !self.segment.has_room(self.pending.len()) {
            self.next_segment()?;
        }
        seal(&mut self.pending, &self.segment.checksum);
        self.segment.append(&self.pending)
    }

    /// Goes on to the next free segment; the checkpoint thread frees this one.
    fn next_segment(&mut self) -> Result<(), StoreError> {
        let mut next = loop {
            match self.free.recv_timeout(RETRY) {
                Ok(segment) => break segment,
                Err(RecvTimeoutError::Timeout) => match self.checkpoint_failure.lock().clone() {
                    Some(failure) => return Err(failure),
                    None => continue,
                },
                Err(RecvTimeoutError::Disconnected) => return Err(StoreError::Closed),
            }
        };
        if let Err(error) = next.begin(self.number + 1) {
            // It is free again after its turn.
            drop(self.full.send(Full { segment: next, dirty: super::handle::Dirty::default() }));
            return Err(error);
        }
        self.number += 1;
        // What is written from now on belongs to the next segment.
        let dirty = std::mem::take(&mut self.shared.state.lock().dirty);
        let segment = std::mem::replace(&mut self.segment, next);
        drop(self.full.send(Full { segment, dirty }));
        Ok(())
    }

    /// Makes the files durable and leaves an empty journal.
    fn end(self) {
        let dirty = std::mem::take(&mut self.shared.state.lock().dirty);
        drop(self.full.send(Full { segment: self.segment, dirty }));
        drop(self.full);
        // A panic of the thread was reported by the process's panic hook.
        drop(self.checkpoints.join());
    }
}

/// Makes files durable now and then.
fn run_lazily(shared: &Shared, interval: Duration) {
    let mut due = Instant::now() + interval;
    loop {
        let mut state = shared.state.lock();
        if !state.is_closing {
            shared.changed.wait_until(&mut state, due);
        }
        let is_closing = state.is_closing;
        if !is_closing && Instant::now() < due {
            continue;
        }
        let dirty = std::mem::take(&mut state.dirty);
        drop(state);
        let outcome = sync(shared, &dirty);
        let pause = if outcome.is_err() { RETRY.min(interval) } else { interval };
        if outcome.is_err() {
            let mut state = shared.state.lock();
            state.dirty.files.extend(dirty.files);
            state.dirty.directories.extend(dirty.directories);
        }
        shared.set_failure(outcome.err());
        if is_closing {
            shared.state.lock().has_ended = true;
            return;
        }
        due = Instant::now() + pause;
    }
}
