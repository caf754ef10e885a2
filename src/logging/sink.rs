//! Where lines end.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;

use super::severity::Severity;

/// Lines written in one go, each with its kind and ending with a line feed.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<(usize, Severity)>,
}

impl Batch {
    /// Adds a line.
    pub fn push(&mut self, severity: Severity, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push((self.bytes.len(), severity));
    }

    /// All lines.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each line with its kind.
    pub fn lines(&self) -> impl Iterator<Item = (Severity, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        starts.zip(&self.ends).map(|(start, (end, severity))| (*severity, &self.bytes[start..*end]))
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Removes the lines, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// A destination. Called from the writer thread only; may block.
pub trait Sink: Send {
    /// Writes the lines.
    ///
    /// # Errors
    /// A line could not be written. Lines behind it may be lost too.
    fn write(&mut self, batch: &Batch) -> io::Result<()>;
}

/// Standard error.
#[derive(Debug, Default)]
pub struct StderrSink;

impl Sink for StderrSink {
    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        io::stderr().lock().write_all(batch.bytes())
    }
}

/// Memory, for tests. Clones share the lines.
#[derive(Clone, Debug, Default)]
pub struct MemorySink {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl MemorySink {
    /// Everything written so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock()).into_owned()
    }
}

impl Sink for MemorySink {
    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.bytes.lock().extend_from_slice(batch.bytes());
        Ok(())
    }
}
