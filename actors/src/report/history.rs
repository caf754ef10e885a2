//! The last fifteen minutes, a sample a second.

use std::collections::VecDeque;

use troupe_codecs::report::eventsz::Sample;

/// Samples that are kept: fifteen minutes.
pub const CAPACITY: usize = 900;

/// A ring of samples. The oldest make room.
#[derive(Clone, Debug, Default)]
pub struct SampleHistory {
    samples: VecDeque<Sample>,
}

impl SampleHistory {
    /// Adds the newest sample. When the clock was set back, what came before has no place any more.
    pub fn add(&mut self, sample: Sample) {
        if self.last().is_some_and(|last| sample.at <= last.at) {
            self.samples.clear();
        }
        if self.samples.len() == CAPACITY {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// The newest sample.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// All samples, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: u64) -> Sample {
        Sample { at, ..Sample::default() }
    }

    #[test]
    fn fifteen_minutes_are_kept() {
        let mut history = SampleHistory::default();
        assert!(history.last().is_none());
        (1..=1_000).for_each(|at| history.add(sample(at)));
        assert_eq!(history.iter().count(), CAPACITY);
        assert_eq!(history.iter().next().map(|first| first.at), Some(101));
        assert_eq!(history.last().map(|last| last.at), Some(1_000));
    }

    #[test]
    fn a_clock_that_is_set_back_starts_a_new_history() {
        let mut history = SampleHistory::default();
        [5, 6, 4, 7].into_iter().for_each(|at| history.add(sample(at)));
        assert_eq!(history.iter().map(|sample| sample.at).collect::<Vec<_>>(), [4, 7]);
    }
}
