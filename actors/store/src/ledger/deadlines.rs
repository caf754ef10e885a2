//! When messages end their lives.

use std::collections::BTreeSet;

/// Sequences by the time they expire. Entries of messages removed before stay until their time.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    entries: BTreeSet<(i64, u64)>,
}

impl Deadlines {
    pub(crate) fn add(&mut self, expires_ns: i64, seq: u64) {
        self.entries.insert((expires_ns, seq));
    }

    pub(crate) fn next(&self) -> Option<i64> {
        self.entries.first().map(|(expires_ns, _)| *expires_ns)
    }

    /// Takes out sequences that are due, `limit` at most, ascending.
    pub(crate) fn take_due(&mut self, now_ns: i64, limit: usize) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some((_, seq)) = self.entries.first().filter(|entry| entry.0 <= now_ns && due.len() < limit) {
            due.push(*seq);
            self.entries.pop_first();
        }
        due.sort_unstable();
        due
    }

    pub(crate) fn forget_after(&mut self, seq: u64) {
        self.entries.retain(|entry| entry.1 <= seq);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &(i64, u64)> {
        self.entries.iter()
    }
}
