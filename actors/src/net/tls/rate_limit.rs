//! `connection_rate_limit`: most TLS connections per second.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(1);

/// Text sent in clear before a refused connection is closed (`Maximum Connections Exceeded`).
pub const THROTTLED: &str = "Connection throttling is active. Please try again later.";

/// Counts connections in windows of one second; a window opens with the first connection after the last one
/// closed, as in nats-server. Shared by all listeners of one `tls {}` block.
#[derive(Debug)]
pub struct ConnectionRateLimit {
    limit: u32,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    end: Option<Instant>,
    allowed: u32,
    refused: u64,
}

impl ConnectionRateLimit {
    /// Allows `limit` connections per window; zero is unlimited.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, window: Mutex::default() }
    }

    /// Counts one connection and says whether it may go on.
    pub fn allow(&self, now: Instant) -> bool {
        if self.limit == 0 {
            return true;
        }
        let mut window = self.window.lock();
        if window.end.is_none_or(|end| now > end) {
            window.end = Some(now + WINDOW);
            window.allowed = 0;
        }
        let allowed = window.allowed < self.limit;
        if allowed {
            window.allowed += 1;
        } else {
            window.refused += 1;
        }
        allowed
    }

    /// Connections refused since the last call, for the warning `Rejected {n} connections due to TLS rate limiting`,
    /// which nats-server writes once per second while there are any.
    pub fn take_refused(&self) -> u64 {
        std::mem::take(&mut self.window.lock().refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_as_many_per_window_as_configured() {
        let limit = ConnectionRateLimit::new(3);
        let start = Instant::now();
        // Times and answers taken from nats-server with connection_rate_limit: 3.
        let cases = [
            (0, true),
            (150, true),
            (310, true),
            (440, false),
            (570, false),
            (970, false),
            (1120, true),
            (1280, true),
            (1430, true),
            (1560, false),
            (2090, false),
            (2250, true),
        ];
        for (millis, allowed) in cases {
            assert_eq!(limit.allow(start + Duration::from_millis(millis)), allowed, "{millis} ms");
        }
        assert_eq!((limit.take_refused(), limit.take_refused()), (5, 0));
    }

    #[test]
    fn zero_is_unlimited() {
        let limit = ConnectionRateLimit::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| limit.allow(now)));
    }
}
