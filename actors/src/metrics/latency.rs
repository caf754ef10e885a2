//! How long sampled things took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in nanoseconds: one, two and a half, five of each power of ten, from a microsecond to ten
/// seconds. What takes longer is in a bucket without a bound.
pub const BOUNDS: [u64; 22] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// A histogram that threads add samples to. Two atomic additions for each: for samples, not for messages.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencySnapshot {
    /// Samples in each bucket, not cumulated; the last one has no bound.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// Sum of all samples.
    pub sum: Duration,
}

impl Latency {
    /// Adds a sample.
    pub fn record(&self, sample: Duration) {
        let nanoseconds = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Reads it; samples that come meanwhile may be in one part and not in the other.
    #[must_use]
    pub fn read(&self) -> LatencySnapshot {
        let buckets = std::array::from_fn(|number| self.buckets[number].load(Ordering::Relaxed));
        LatencySnapshot { buckets, sum: Duration::from_nanos(self.sum.load(Ordering::Relaxed)) }
    }
}

impl LatencySnapshot {
    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Adds the samples of another histogram.
    #[must_use]
    pub fn merged(mut self, other: &Self) -> Self {
        for (own, others) in self.buckets.iter_mut().zip(other.buckets) {
            *own += others;
        }
        self.sum += other.sum;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_on_a_bound_is_below_it() {
        let latency = Latency::default();
        for nanoseconds in [0, 1_000, 1_001, 10_000_000_000, 10_000_000_001] {
            latency.record(Duration::from_nanos(nanoseconds));
        }
        let snapshot = latency.read();
        let last = BOUNDS.len();
        let counts = [0, 1, last - 1, last].map(|bucket| snapshot.buckets[bucket]);
        assert_eq!((counts, snapshot.count()), ([2, 1, 1, 1], 5));
        assert_eq!(snapshot.sum, Duration::from_nanos(20_000_002_002));
        assert_eq!(snapshot.merged(&snapshot).count(), 10);
    }
}
