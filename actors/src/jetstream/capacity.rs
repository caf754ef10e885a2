//! What all accounts together may keep, and do.

use std::sync::atomic::{AtomicU64, Ordering};

use troupe_codecs::api::stream::StorageType;
use troupe_engine::options::JetStreamOptions;

/// Limit and use of one kind of storage.
#[derive(Debug)]
struct Room {
    most: AtomicU64,
    used: AtomicU64,
}

impl Room {
    fn new(most: u64) -> Self {
        Self { most: AtomicU64::new(most), used: AtomicU64::new(0) }
    }
}

/// Limits and use of the server.
#[derive(Debug)]
pub struct Capacity {
    memory: Room,
    file: Room,
}

impl Capacity {
    /// Limits in bytes; nothing is used.
    #[must_use]
    pub fn new(memory: u64, file: u64) -> Self {
        Self { memory: Room::new(memory), file: Room::new(file) }
    }

    fn room(&self, storage: StorageType) -> &Room {
        match storage {
            StorageType::Memory => &self.memory,
            StorageType::File => &self.file,
        }
    }

    /// Takes over other limits, where the configuration has some.
    pub fn set_limits(&self, options: &JetStreamOptions) {
        for (room, most) in [(&self.memory, options.max_memory), (&self.file, options.max_file)] {
            if let Some(most) = most {
                room.most.store(most, Ordering::Relaxed);
            }
        }
    }

    /// Most bytes of a storage.
    #[must_use]
    pub fn limit(&self, storage: StorageType) -> u64 {
        self.room(storage).most.load(Ordering::Relaxed)
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
        let capacity = Capacity::new(1000, 100);
        capacity.changed(StorageType::File, 0, 90);
        capacity.changed(StorageType::File, 90, 60);
        assert!(!capacity.is_full(StorageType::File, 60, 100), "no more than may be");
        assert!(capacity.is_full(StorageType::File, 60, 101));
        assert!(!capacity.is_full(StorageType::Memory, 0, 1000), "the other storage");
        capacity.set_limits(&JetStreamOptions { max_file: Some(200), ..JetStreamOptions::default() });
        assert!(!capacity.is_full(StorageType::File, 60, 101));
        assert_eq!((capacity.limit(StorageType::File), capacity.limit(StorageType::Memory)), (200, 1000));
    }
}
