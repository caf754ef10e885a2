//! What all accounts together may keep, and do.

use std::sync::atomic::{AtomicU64, Ordering};

use troupe_codecs::api::stream::StorageType;
use troupe_engine::options::JetStreamOptions;

/// Limit and use of one kind of storage.
#[derive(Debug)]
struct Room {
    /// `u64::MAX` is no limit.
    most: AtomicU64,
    used: AtomicU64,
}

impl Room {
    fn new(most: Option<u64>) -> Self {
        Self { most: AtomicU64::new(most.unwrap_or(u64::MAX)), used: AtomicU64::new(0) }
    }
}

/// Limits and use of the server.
#[derive(Debug)]
pub struct Capacity {
    memory: Room,
    file: Room,
}

impl Capacity {
    /// Limits of the configuration; nothing is used.
    #[must_use]
    pub fn new(options: &JetStreamOptions) -> Self {
        Self { memory: Room::new(options.max_memory), file: Room::new(options.max_file) }
    }

    fn room(&self, storage: StorageType) -> &Room {
        match storage {
            StorageType::Memory => &self.memory,
            StorageType::File => &self.file,
        }
    }

    /// Takes over other limits.
    pub fn set_limits(&self, options: &JetStreamOptions) {
        self.memory.most.store(options.max_memory.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.file.most.store(options.max_file.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Most bytes of a storage.
    #[must_use]
    pub fn limit(&self, storage: StorageType) -> Option<u64> {
        Some(self.room(storage).most.load(Ordering::Relaxed)).filter(|most| *most != u64::MAX)
    }

    /// A stream that held `before` bytes holds `after` now.
    pub(super) fn changed(&self, storage: StorageType, before: u64, after: u64) {
        // Wrapping: a stream that shrinks takes away what it added.
        self.room(storage).used.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Whether more is held than may be, counting a stream that told of `told` bytes with those it holds now.
    #[must_use]
    pub fn is_full(&self, storage: StorageType, told: u64, now: u64) -> bool {
        let room = self.room(storage);
        let used = room.used.load(Ordering::Relaxed).saturating_sub(told).saturating_add(now);
        used > room.most.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_streams_hold_is_added_up() {
        let options = JetStreamOptions { max_file: Some(100), ..JetStreamOptions::default() };
        let capacity = Capacity::new(&options);
        capacity.changed(StorageType::File, 0, 90);
        capacity.changed(StorageType::File, 90, 60);
        assert!(!capacity.is_full(StorageType::File, 60, 100), "no more than may be");
        assert!(capacity.is_full(StorageType::File, 60, 101));
        assert!(!capacity.is_full(StorageType::Memory, 0, u64::MAX), "no limit");
        capacity.set_limits(&JetStreamOptions { max_file: Some(200), ..JetStreamOptions::default() });
        assert!(!capacity.is_full(StorageType::File, 60, 101));
        assert_eq!((capacity.limit(StorageType::File), capacity.limit(StorageType::Memory)), (Some(200), None));
    }
}
