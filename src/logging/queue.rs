//! Lines on their way to the writer thread.
//!
//! Whoever logs only copies a line into the queue; the writer thread alone touches disks and sockets. Full policy:
//!
//! - The queue holds up to [`CAPACITY`] bytes, and the writer as many again.
//! - When it is full, the thread that logs waits for room: a slow destination slows the server down, as it does
//!   nats-server, and no line is lost.
//! - When the writer finishes nothing for [`STALL_LIMIT`], or one line waited [`WAIT_LIMIT`] in all, the destination
//!   counts as stuck: this line and the following are dropped and counted, without waiting, until the writer comes
//!   back. It then reports how many were dropped.
//! - [`LogQueue::flush`] waits for everything queued before it, with a limit.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};

use super::line::LineStyle;
use super::severity::Severity;
use super::sink::{Batch, Sink};

/// Bytes that may wait. One batch of this size must be written within [`STALL_LIMIT`] by a disk that is alive.
pub const CAPACITY: usize = 1024 * 1024;
/// Longest wait for a writer that finishes nothing.
pub const STALL_LIMIT: Duration = Duration::from_millis(250);
/// Longest wait of one line, however lively the writer is.
pub const WAIT_LIMIT: Duration = Duration::from_secs(1);

/// Queue in front of a destination that is written by a thread of its own.
pub struct LogQueue {
    state: Mutex<State>,
    /// There is something to write, or the queue was closed.
    work: Condvar,
    /// The queue was emptied into the writer, or the destination turned out to be stuck.
    room: Condvar,
    /// A batch was written.
    written: Condvar,
    sink: Mutex<Box<dyn Sink>>,
    style: RwLock<LineStyle>,
    num_batches_written: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: Batch,
    writer_is_busy: bool,
    is_stuck: bool,
    num_dropped: u64,
    is_closed: bool,
}

impl LogQueue {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(sink: Box<dyn Sink>, style: LineStyle) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            written: Condvar::new(),
            sink: Mutex::new(sink),
            style: RwLock::new(style),
            num_batches_written: AtomicU64::new(0),
        });
        let writer = Arc::clone(&queue);
        std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.write_until_closed())?;
        Ok(queue)
    }

    /// Layout of lines.
    #[must_use]
    pub fn style(&self) -> LineStyle {
        *self.style.read()
    }

    /// Queues a line that ends with a line feed. Waits or drops as the module says.
    pub fn push(&self, severity: Severity, line: &[u8]) {
        let mut state = self.state.lock();
        if state.is_closed {
            return;
        }
        if !state.has_room_for(line) {
            self.wait_for_room(&mut state, line);
        }
        if state.is_stuck && !state.has_room_for(line) {
            state.num_dropped += 1;
            return;
        }
        let was_empty = state.waiting.is_empty();
        state.waiting.push(severity, line);
        if was_empty {
            self.work.notify_one();
        }
    }

    /// Waits until everything queued is written. Whether it was within the limit.
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while !state.waiting.is_empty() || state.writer_is_busy {
            if self.written.wait_until(&mut state, deadline).timed_out() {
                return state.waiting.is_empty() && !state.writer_is_busy;
            }
        }
        true
    }

    /// Replaces destination and layout behind the lines queued so far. Whether that was possible within the limit; a
    /// destination that is stuck in a write cannot be replaced.
    pub fn replace(&self, sink: Box<dyn Sink>, style: LineStyle, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        self.flush(limit);
        let Some(mut current) = self.sink.try_lock_until(deadline) else {
            return false;
        };
        *current = sink;
        *self.style.write() = style;
        true
    }

    /// Writes what is queued and ends the writer thread. Lines pushed later are ignored.
    pub fn close(&self, limit: Duration) -> bool {
        let is_flushed = self.flush(limit);
        self.state.lock().is_closed = true;
        self.work.notify_all();
        is_flushed
    }

    fn wait_for_room(&self, state: &mut MutexGuard<'_, State>, line: &[u8]) {
        let give_up = Instant::now() + WAIT_LIMIT;
        while !state.has_room_for(line) && !state.is_stuck && !state.is_closed {
            let seen = self.num_batches_written.load(Ordering::Relaxed);
            let pause_end = give_up.min(Instant::now() + STALL_LIMIT);
            let timed_out = self.room.wait_until(state, pause_end).timed_out();
            let made_progress = self.num_batches_written.load(Ordering::Relaxed) != seen;
            if timed_out && (!made_progress || Instant::now() >= give_up) {
                state.is_stuck = true;
                self.room.notify_all();
            }
        }
    }

    fn write_until_closed(&self) {
        let mut batch = Batch::default();
        let mut is_failing = false;
        while self.take(&mut batch) {
            let result = self.sink.lock().write(&batch);
            report_failure(&result, &mut is_failing);
            batch.clear();
            self.num_batches_written.fetch_add(1, Ordering::Relaxed);
            self.state.lock().writer_is_busy = false;
            self.written.notify_all();
        }
    }

    /// Swaps the waiting lines into the batch. `false` once the queue is closed and empty.
    fn take(&self, batch: &mut Batch) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.is_closed {
                return false;
            }
            self.work.wait(&mut state);
        }
        mem::swap(&mut state.waiting, batch);
        state.writer_is_busy = true;
        state.is_stuck = false;
        let num_dropped = mem::take(&mut state.num_dropped);
        self.room.notify_all();
        drop(state);
        if num_dropped > 0 {
            let text = format!("{num_dropped} log lines dropped, the log destination does not keep up");
            batch.push(Severity::Warning, &self.style().own_line(Severity::Warning, &text, false));
        }
        true
    }
}

impl State {
    /// A line longer than the whole queue passes alone.
    fn has_room_for(&self, line: &[u8]) -> bool {
        self.waiting.is_empty() || self.waiting.len() + line.len() <= CAPACITY
    }
}

/// Tells the first of several failures on standard error, the one place left.
fn report_failure(result: &io::Result<()>, is_failing: &mut bool) {
    let Err(error) = result else {
        *is_failing = false;
        return;
    };
    if !mem::replace(is_failing, true) {
        use std::io::Write as _;
        let text = crate::text::system_error(error);
        let _ = writeln!(io::stderr(), "{}: cannot write the log: {text}", crate::PROGRAM_NAME);
    }
}

#[cfg(test)]
mod tests;
