//! The time, as streams count it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

/// Time since a moment in nanoseconds since 1970.
pub(super) fn since(moment: i64) -> Duration {
    Duration::from_nanos(u64::try_from(now().saturating_sub(moment)).unwrap_or_default())
}
