//! Ids of messages that count once within a window.

use std::collections::VecDeque;

use ahash::AHashMap;

/// Ids of the last messages, with their sequences.
#[derive(Debug, Default)]
pub struct Dedupe {
    by_id: AHashMap<Box<[u8]>, u64>,
    /// In the order they came, with the time.
    order: VecDeque<(i64, Box<[u8]>)>,
}

impl Dedupe {
    /// The sequence of the message that had this id within the window.
    #[must_use]
    pub fn get(&self, id: &[u8]) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// Notes an id. A later message of the same id, which a stream may store, takes its place.
    pub fn insert(&mut self, id: &[u8], seq: u64, now: i64) {
        self.by_id.insert(id.into(), seq);
        self.order.push_back((now, id.into()));
    }

    /// Forgets ids that are older than the window.
    pub fn expire(&mut self, window: i64, now: i64) {
        while let Some((time, _)) = self.order.front()
            && now.saturating_sub(*time) >= window
        {
            let Some((_, id)) = self.order.pop_front() else { return };
            self.by_id.remove(&id);
        }
    }

    /// When the oldest id leaves the window.
    #[must_use]
    pub fn deadline(&self, window: i64) -> Option<i64> {
        self.order.front().map(|(time, _)| time.saturating_add(window))
    }

    /// Ids that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_once_within_the_window() {
        let mut dedupe = Dedupe::default();
        dedupe.insert(b"a", 1, 100);
        dedupe.insert(b"b", 2, 150);
        assert_eq!((dedupe.get(b"a"), dedupe.deadline(50)), (Some(1), Some(150)));
        dedupe.expire(50, 150);
        assert_eq!((dedupe.get(b"a"), dedupe.get(b"b"), dedupe.len()), (None, Some(2), 1));
    }
}
