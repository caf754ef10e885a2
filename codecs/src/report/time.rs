//! Time stamps and durations, as texts and as numbers.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::conf::format_duration;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// A moment, shown in RFC 3339 in UTC with as many digits of the second as it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub SystemTime);

impl Timestamp {
    /// A moment so many seconds after (or before) the start of 1970.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Self {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        Self(if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance })
    }

    /// Time from `earlier` to this moment; zero where it is the other way round.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.duration_since(earlier.0).unwrap_or_default()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Fails for years beyond 9999 only.
        f.write_str(&OffsetDateTime::from(self.0).format(&Rfc3339).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Serializes a duration in whole nanoseconds.
///
/// # Errors
/// Those of the serializer.
pub fn nanoseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// A time that passed, in whole seconds: `1y2d3h4m5s`, with everything below the largest unit.
#[must_use]
pub fn uptime_text(duration: Duration) -> String {
    let all = duration.as_secs();
    let (seconds, minutes, hours) = (all % 60, all / 60 % 60, all / 3600 % 24);
    let (days, years) = (all / SECONDS_PER_DAY % 365, all / SECONDS_PER_DAY / 365);
    if years > 0 {
        return format!("{years}y{days}d{hours}h{minutes}m{seconds}s");
    }
    if days > 0 {
        return format!("{days}d{hours}h{minutes}m{seconds}s");
    }
    if hours > 0 {
        return format!("{hours}h{minutes}m{seconds}s");
    }
    if minutes > 0 {
        return format!("{minutes}m{seconds}s");
    }
    format!("{seconds}s")
}

/// A round trip time: in whole microseconds below a millisecond, else exact.
#[must_use]
pub fn rtt_text(rtt: Duration) -> String {
    let mut nanoseconds = i64::try_from(rtt.as_nanos()).unwrap_or(i64::MAX);
    if (1_001..1_000_000).contains(&nanoseconds) {
        nanoseconds -= nanoseconds % 1_000;
    }
    format_duration(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_have_no_needless_digits() {
        let at = |seconds, nanoseconds| Timestamp(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds));
        assert_eq!(at(0, 0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(at(1_764_104_219, 718_536_602).to_string(), "2025-11-25T20:56:59.718536602Z");
        assert_eq!(at(1_764_104_219, 718_000_000).to_string(), "2025-11-25T20:56:59.718Z");
        assert_eq!(Timestamp::from_unix_seconds(-1).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(at(5, 0).since(at(3, 0)), Duration::from_secs(2));
        assert_eq!(at(3, 0).since(at(5, 0)), Duration::ZERO);
    }

    #[test]
    fn up_times_show_the_largest_unit_first() {
        let cases = [(0, "0s"), (59, "59s"), (61, "1m1s"), (3_600, "1h0m0s"), (90_061, "1d1h1m1s")];
        for (seconds, text) in cases {
            assert_eq!(uptime_text(Duration::from_secs(seconds)), text);
        }
        assert_eq!(uptime_text(Duration::from_secs(366 * SECONDS_PER_DAY + 1)), "1y1d0h0m1s");
    }

    #[test]
    fn round_trip_times_below_a_millisecond_are_cut() {
        let cases = [
            (0, "0s"),
            (900, "900ns"),
            (1_000, "1µs"),
            (555_432, "555µs"),
            (1_316_611, "1.316611ms"),
            (2_000_000_000, "2s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(rtt_text(Duration::from_nanos(nanoseconds)), text);
        }
    }
}
