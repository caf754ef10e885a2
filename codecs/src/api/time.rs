//! Points in time as text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, Time};

/// A point in time: RFC 3339 with up to nanoseconds in JSON. The default is Go's zero, the start of the year one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

const ZERO: Timestamp = match Date::from_calendar_date(1, Month::January, 1) {
    Ok(date) => Timestamp(date.with_time(Time::MIDNIGHT).assume_utc()),
    Err(_) => Timestamp(OffsetDateTime::UNIX_EPOCH),
};

impl Timestamp {
    /// The point this many nanoseconds after 1970 began, in UTC.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(nanos)).map_or(ZERO, Self)
    }

    /// As [`Timestamp::from_nanos`], with Go's zero for zero: how an empty stream shows the time of its messages.
    #[must_use]
    pub fn from_nanos_or_zero(nanos: i64) -> Self {
        if nanos == 0 { ZERO } else { Self::from_nanos(nanos) }
    }

    /// Nanoseconds after 1970 began; the nearest there are for points outside of 1677 to 2262.
    #[must_use]
    pub fn nanos(self) -> i64 {
        let nanos = self.0.unix_timestamp_nanos();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whether this is Go's zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == ZERO
    }

    /// Reads RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Self)
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        ZERO
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let fault = || serde::de::Error::custom(format!("parsing time \"{text}\" as RFC 3339"));
        Self::parse(&text).ok_or_else(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_that_of_go() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
        ] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(Timestamp::from_nanos(nanos)));
        }
        assert_eq!(Timestamp::default().to_string(), "0001-01-01T00:00:00Z");
        assert!(Timestamp::from_nanos_or_zero(0).is_zero());
        let offset = "2023-11-14T22:13:20.5+02:00";
        assert_eq!(Timestamp::parse(offset).map(|time| time.to_string()).as_deref(), Some(offset));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
