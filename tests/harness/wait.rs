//! Waiting for a condition instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// The longest time any single expectation may take. Generous, because test machines are shared; nothing waits
/// this long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Polls `condition` until it yields a value, for at most [`PATIENCE`].
///
/// # Panics
/// Panics with `what` when the time is over.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "gave up after {PATIENCE:?} waiting for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
