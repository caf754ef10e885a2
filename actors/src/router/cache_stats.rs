//! What the match caches have done.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one cache has done so far, and holds. Its thread alone writes it, once for a batch: nobody waits for a number.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct CacheStats {
    lookups: AtomicU64,
    misses: AtomicU64,
    subjects: AtomicU64,
    subscribers: AtomicU64,
    max_fanout: AtomicU64,
}

/// The numbers of one cache, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Messages whose receivers were looked up.
    pub lookups: u64,
    /// Those that the index had to be asked for.
    pub misses: u64,
    /// Subjects remembered.
    pub subjects: u64,
    /// Receivers of all these subjects.
    pub subscribers: u64,
    /// Most receivers of one of them.
    pub max_fanout: u64,
}

impl CacheStats {
    /// Shows new numbers.
    pub(super) fn show(&self, figures: &CacheFigures) {
        let all = [
            (&self.lookups, figures.lookups),
            (&self.misses, figures.misses),
            (&self.subjects, figures.subjects),
            (&self.subscribers, figures.subscribers),
            (&self.max_fanout, figures.max_fanout),
        ];
        all.into_iter().for_each(|(shown, number)| shown.store(number, Ordering::Relaxed));
    }

    fn read(&self) -> CacheFigures {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        CacheFigures {
            lookups: of(&self.lookups),
            misses: of(&self.misses),
            subjects: of(&self.subjects),
            subscribers: of(&self.subscribers),
            max_fanout: of(&self.max_fanout),
        }
    }
}

impl CacheFigures {
    /// The numbers of several caches together.
    #[must_use]
    pub fn sum<'a>(all: impl IntoIterator<Item = &'a CacheStats>) -> Self {
        all.into_iter().map(CacheStats::read).fold(Self::default(), |sum, one| Self {
            lookups: sum.lookups + one.lookups,
            misses: sum.misses + one.misses,
            subjects: sum.subjects + one.subjects,
            subscribers: sum.subscribers + one.subscribers,
            max_fanout: sum.max_fanout.max(one.max_fanout),
        })
    }
}
