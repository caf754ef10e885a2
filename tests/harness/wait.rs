//! Waiting for a condition instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// The longest time any single expectation may take. Generous, because test machines are shared; nothing waits
/// this long unless it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `condition` until it yields a value, for at most [`PATIENCE`].
///
/// # Panics
/// Panics with `what` when the time is over.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    patiently(condition).unwrap_or_else(|| panic!("gave up after {PATIENCE:?} waiting for: {what}"))
}

/// Polls `condition` until it yields a value; `None` when [`PATIENCE`] is over first.
pub fn patiently<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
