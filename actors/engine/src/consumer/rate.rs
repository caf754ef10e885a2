//! Rate limit and original timing: when the next message may be sent.

/// A bucket of bytes that fills with time.
#[derive(Clone, Debug)]
pub struct RateLimit {
    bytes_per_second: f64,
    burst: f64,
    available: f64,
    at: i64,
}

impl RateLimit {
    /// So many bits per second, `burst` bytes at once.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn new(bits_per_second: u64, burst: u64, now: i64) -> Self {
        let burst = burst.max(1) as f64;
        Self { bytes_per_second: (bits_per_second / 8).max(1) as f64, burst, available: burst, at: now }
    }

    /// When so many bytes may be sent: now, or a time to come. What is larger than the burst waits for a full bucket.
    #[must_use]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub fn ready_at(&self, num_bytes: u64, now: i64) -> i64 {
        let missing = (num_bytes as f64).min(self.burst) - self.available_at(now);
        if missing <= 0.0 {
            return now;
        }
        now.saturating_add((missing / self.bytes_per_second * 1e9).ceil() as i64)
    }

    /// Takes so many bytes out.
    #[allow(clippy::cast_precision_loss)]
    pub fn take(&mut self, num_bytes: u64, now: i64) {
        self.available = self.available_at(now) - num_bytes as f64;
        self.at = now;
    }

    #[allow(clippy::cast_precision_loss)]
    fn available_at(&self, now: i64) -> f64 {
        let elapsed = now.saturating_sub(self.at).max(0) as f64 / 1e9;
        (self.available + elapsed * self.bytes_per_second).min(self.burst)
    }
}

/// Delivers stored messages with the gaps they came with, up to where the stream was when the replay began.
#[derive(Clone, Debug)]
pub struct Replay {
    through: u64,
    /// Time of the last message, and when it was sent.
    last: Option<(i64, i64)>,
}

impl Replay {
    /// Through this sequence of the stream.
    #[must_use]
    pub fn new(through: u64) -> Self {
        Self { through, last: None }
    }

    /// Whether messages from this sequence on came after the replay began.
    #[must_use]
    pub fn is_over(&self, next_seq: u64) -> bool {
        next_seq > self.through
    }

    /// When a message of this time may be sent: now, or a time to come. Gaps of a millisecond are none.
    #[must_use]
    pub fn ready_at(&self, timestamp: i64, now: i64) -> i64 {
        let Some((last, sent)) = self.last else { return now };
        let gap = timestamp.saturating_sub(last);
        if gap > 1_000_000 { sent.saturating_add(gap).max(now) } else { now }
    }

    /// Records that a message of this time was sent.
    pub fn sent(&mut self, timestamp: i64, now: i64) {
        self.last = Some((timestamp, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_bucket_empties_and_fills() {
        let mut limit = RateLimit::new(8_000, 500, 0);
        assert_eq!(limit.ready_at(500, 0), 0);
        limit.take(500, 0);
        assert_eq!(limit.ready_at(100, 0), SECOND / 10);
        assert_eq!(limit.ready_at(100, SECOND / 10), SECOND / 10);
        assert_eq!(limit.ready_at(500, 10 * SECOND), 10 * SECOND, "never fuller than the burst");
        assert_eq!(limit.ready_at(5_000, 10 * SECOND), 10 * SECOND, "what never fits waits for a full bucket");
        limit.take(5_000, 10 * SECOND);
        assert_eq!(limit.ready_at(1, 10 * SECOND), 14 * SECOND + SECOND / 2 + SECOND / 1000);
    }

    #[test]
    fn a_replay_keeps_gaps() {
        let mut replay = Replay::new(10);
        assert_eq!(replay.ready_at(7, 100), 100);
        replay.sent(SECOND, 100);
        assert_eq!(replay.ready_at(SECOND + 1_000_000, 150), 150, "a millisecond is no gap");
        assert_eq!(replay.ready_at(3 * SECOND, 150), 100 + 2 * SECOND);
        assert_eq!(replay.ready_at(3 * SECOND, 5 * SECOND), 5 * SECOND);
        assert!(!replay.is_over(10) && replay.is_over(11));
    }
}
