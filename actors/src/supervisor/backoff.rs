//! How long to wait before a restart, and when to stop restarting. Pure: the caller brings the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Says how often and how fast a failed actor may come back.
///
/// The first restart of a calm actor is immediate, so that one panic costs callers next to nothing. The delay then starts
/// at `initial` and doubles up to `max`. An actor that ran for `calm` before it failed again starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartLimits {
    /// Delay before the second restart in a row.
    pub initial: Duration,
    /// Longest delay between two restarts.
    pub max: Duration,
    /// Run time after which an actor counts as recovered and its delays start over.
    pub calm: Duration,
    /// Restarts allowed within `window`; `None` restarts for ever (delays still grow).
    pub max_restarts: Option<u32>,
    /// Length of the intensity window.
    pub window: Duration,
}

impl RestartLimits {
    /// Five restarts in ten seconds; delays 0, 10, 20, 40, 80 ms. A sixth failure inside the window gives up.
    pub const DEFAULT: Self = Self {
        initial: Duration::from_millis(10),
        max: Duration::from_secs(5),
        calm: Duration::from_secs(10),
        max_restarts: Some(5),
        window: Duration::from_secs(10),
    };

    /// Restarts for ever with delays of at most `max`: for actors whose failure lies outside the process (a port in use).
    pub const fn unlimited(max: Duration) -> Self {
        Self { max, max_restarts: None, ..Self::DEFAULT }
    }

    /// Delay before the restart that follows `failures_in_a_row` failures (1 for the first).
    pub fn delay(&self, failures_in_a_row: u32) -> Duration {
        match failures_in_a_row {
            0 | 1 => Duration::ZERO,
            more => {
                let factor = 1_u32.checked_shl(more - 2).unwrap_or(u32::MAX);
                self.initial.saturating_mul(factor).min(self.max)
            }
        }
    }
}

impl Default for RestartLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What to do about one failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartDecision {
    /// Start again after this delay.
    RestartAfter(Duration),
    /// The intensity limit is exceeded: `failures` failures lie within the window.
    GiveUp {
        /// Failures within the window, the last one included.
        failures: u32,
    },
}

/// Remembers the recent failures of one actor.
#[derive(Clone, Debug)]
pub struct RestartLog {
    limits: RestartLimits,
    /// Times of the failures within the window, oldest first. Never longer than `max_restarts` + 1.
    failures: VecDeque<Instant>,
    failures_in_a_row: u32,
}

impl RestartLog {
    /// Creates the log of an actor that has not failed yet.
    pub fn new(limits: RestartLimits) -> Self {
        Self { limits, failures: VecDeque::new(), failures_in_a_row: 0 }
    }

    /// Records a failure at `now` of an actor that had run for `ran_for`, and decides what follows.
    pub fn on_failure(&mut self, now: Instant, ran_for: Duration) -> RestartDecision {
        self.failures_in_a_row = if ran_for >= self.limits.calm { 1 } else { self.failures_in_a_row.saturating_add(1) };
        let delay = self.limits.delay(self.failures_in_a_row);
        let Some(max_restarts) = self.limits.max_restarts else {
            return RestartDecision::RestartAfter(delay);
        };
        self.forget_before(now);
        self.failures.push_back(now);
        let failures = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if failures > max_restarts {
            self.failures.pop_front();
            return RestartDecision::GiveUp { failures };
        }
        RestartDecision::RestartAfter(delay)
    }

    /// Failures in a row without a calm run between them: 0 before the first.
    pub fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }

    fn forget_before(&mut self, now: Instant) {
        while let Some(oldest) = self.failures.front() {
            if now.saturating_duration_since(*oldest) < self.limits.window {
                return;
            }
            self.failures.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn milliseconds(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn delays_grow_from_nothing_to_the_cap() {
        let limits = RestartLimits { max: milliseconds(100), ..RestartLimits::DEFAULT };
        let table = [(0, 0), (1, 0), (2, 10), (3, 20), (4, 40), (5, 80), (6, 100), (33, 100), (u32::MAX, 100)];
        for (failures, expected) in table {
            assert_eq!(limits.delay(failures), milliseconds(expected), "after {failures} failures");
        }
    }

    #[test]
    fn sixth_failure_in_the_window_gives_up() {
        let start = Instant::now();
        let mut log = RestartLog::new(RestartLimits::DEFAULT);
        for (at, delay) in [(0, 0), (1_000, 10), (2_000, 20), (3_000, 40), (9_998, 80)] {
            let decision = log.on_failure(start + milliseconds(at), milliseconds(1));
            assert_eq!(decision, RestartDecision::RestartAfter(milliseconds(delay)), "at {at} ms");
        }
        let decision = log.on_failure(start + milliseconds(9_999), milliseconds(1));
        assert_eq!(decision, RestartDecision::GiveUp { failures: 6 });
    }

    #[test]
    fn failures_leave_the_window_when_it_has_passed() {
        let start = Instant::now();
        let mut log = RestartLog::new(RestartLimits::DEFAULT);
        for at in [0, 1, 2, 3, 4] {
            log.on_failure(start + milliseconds(at), milliseconds(1));
        }
        let decision = log.on_failure(start + milliseconds(10_000), milliseconds(1));
        assert_eq!(decision, RestartDecision::RestartAfter(milliseconds(160)));
    }

    #[test]
    fn a_calm_run_starts_the_delays_over() {
        let start = Instant::now();
        let mut log = RestartLog::new(RestartLimits::unlimited(milliseconds(50)));
        for _ in 0..20 {
            log.on_failure(start, milliseconds(1));
        }
        assert_eq!(log.on_failure(start, milliseconds(1)), RestartDecision::RestartAfter(milliseconds(50)));
        let after_calm = log.on_failure(start + milliseconds(20_000), milliseconds(10_000));
        assert_eq!(after_calm, RestartDecision::RestartAfter(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn gives_up_exactly_when_a_naive_count_exceeds_the_limit(
            gaps in proptest::collection::vec(0_u64..4_000, 1..60),
            max_restarts in 0_u32..8,
            window in 1_u64..10_000,
        ) {
            let limits = RestartLimits {
                max_restarts: Some(max_restarts), window: milliseconds(window), ..RestartLimits::DEFAULT
            };
            let start = Instant::now();
            let mut log = RestartLog::new(limits);
            let mut times = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                times.push(now);
                let within = times.iter().filter(|time| now - **time < window).count();
                let gave_up = matches!(
                    log.on_failure(start + milliseconds(now), milliseconds(gap)), RestartDecision::GiveUp { .. }
                );
                prop_assert_eq!(gave_up, within > max_restarts as usize);
            }
        }

        #[test]
        fn delays_never_shrink_and_never_pass_the_cap(initial in 0_u64..1_000, max in 0_u64..100_000, failures in 0_u32..200) {
            let limits = RestartLimits { initial: milliseconds(initial), max: milliseconds(max), ..RestartLimits::DEFAULT };
            prop_assert!(limits.delay(failures) <= limits.delay(failures + 1));
            prop_assert!(limits.delay(failures) <= milliseconds(max));
        }
    }
}
