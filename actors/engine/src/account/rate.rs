//! How fast a user or an account may publish.
//!
//! Every message takes one from the budget of messages and its size from that of bytes. Budgets fill up with time, up to the
//! burst. One message may overdraw a budget; the next one waits until the debt is paid.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::options::{Rate, RateOptions};

/// Longest time one message makes others wait, however large it is.
pub const MAX_DEBT: Duration = Duration::from_secs(10);
/// Shorter waits are not worth it.
const MIN_WAIT: Duration = Duration::from_millis(1);

/// One budget.
#[derive(Debug)]
struct Budget {
    rate: Rate,
    /// What may be taken; below zero is debt.
    left: f64,
}

impl Budget {
    fn fill(&mut self, passed: Duration) {
        let more = passed.as_secs_f64() * self.rate.per_second as f64;
        self.left = (self.left + more).min(self.rate.burst as f64);
    }

    /// Time until something may be taken.
    fn wait(&self) -> Duration {
        if self.left >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-self.left / self.rate.per_second as f64)
    }

    fn take(&mut self, amount: u64) {
        let least = -MAX_DEBT.as_secs_f64() * self.rate.per_second as f64;
        self.left = (self.left - amount as f64).max(least);
    }
}

#[derive(Debug)]
struct Budgets {
    messages: Option<Budget>,
    bytes: Option<Budget>,
    filled: Option<Instant>,
}

/// The budgets of one user or account, shared by all of its connections.
#[derive(Debug)]
pub struct RateLimiter {
    options: RateOptions,
    budgets: Mutex<Budgets>,
    num_waits: AtomicU64,
}

impl RateLimiter {
    /// Full budgets; `None` where nothing is limited.
    #[must_use]
    pub fn new(options: RateOptions) -> Option<Self> {
        if options == RateOptions::default() {
            return None;
        }
        let full = |rate: Rate| Budget { rate, left: rate.burst as f64 };
        let budgets = Budgets { messages: options.messages.map(full), bytes: options.bytes.map(full), filled: None };
        Some(Self { options, budgets: Mutex::new(budgets), num_waits: AtomicU64::new(0) })
    }

    /// What is limited.
    #[must_use]
    pub fn options(&self) -> RateOptions {
        self.options
    }

    /// Times a connection had to wait.
    #[must_use]
    pub fn num_waits(&self) -> u64 {
        self.num_waits.load(Ordering::Relaxed)
    }

    /// How long a message has to wait; zero is not at all.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = budgets.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        budgets.filled = Some(budgets.filled.map_or(now, |filled| filled.max(now)));
        let Budgets { messages, bytes, .. } = &mut *budgets;
        let wait = messages.iter_mut().chain(bytes).map(|budget| {
            budget.fill(passed);
            budget.wait()
        });
        let wait = wait.max().unwrap_or_default();
        if wait < MIN_WAIT {
            return Duration::ZERO;
        }
        self.num_waits.fetch_add(1, Ordering::Relaxed);
        wait
    }

    /// Takes a message of `size` bytes from the budgets.
    pub fn take(&self, size: usize) {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = &mut budgets.messages {
            budget.take(1);
        }
        if let Some(budget) = &mut budgets.bytes {
            budget.take(size as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(messages: Option<(u64, u64)>, bytes: Option<(u64, u64)>) -> RateLimiter {
        let rate = |(per_second, burst)| Rate { per_second, burst };
        RateLimiter::new(RateOptions { messages: messages.map(rate), bytes: bytes.map(rate) }).expect("it has limits")
    }

    /// Messages that pass within `millis` when each is sent as soon as it may be.
    fn passed(limiter: &RateLimiter, size: usize, millis: u64) -> u64 {
        let start = Instant::now();
        let (mut now, mut count) = (Duration::ZERO, 0);
        while now <= Duration::from_millis(millis) {
            match limiter.wait(start + now) {
                Duration::ZERO => {
                    limiter.take(size);
                    count += 1;
                }
                wait => now += wait,
            }
        }
        count
    }

    #[test]
    fn rates_hold_after_the_burst() {
        assert!(RateLimiter::new(RateOptions::default()).is_none());
        let count = passed(&limiter(Some((1000, 50)), None), 10, 2000);
        assert!((2045..=2060).contains(&count), "{count}");
        let count = passed(&limiter(None, Some((1000, 100))), 10, 2000);
        assert!((205..=220).contains(&count), "{count}");
        let count = passed(&limiter(Some((1000, 50)), Some((1000, 100))), 10, 2000);
        assert!((205..=220).contains(&count), "the smaller budget decides: {count}");
    }

    #[test]
    fn a_message_larger_than_the_burst_passes_and_the_next_one_waits() {
        let limiter = limiter(None, Some((1000, 100)));
        let now = Instant::now();
        assert_eq!(limiter.wait(now), Duration::ZERO);
        limiter.take(1100);
        assert_eq!(limiter.wait(now), Duration::from_secs(1));
        assert_eq!(limiter.wait(now + Duration::from_millis(999)), Duration::from_millis(1));
        assert_eq!(limiter.wait(now + Duration::from_secs(1)), Duration::ZERO);
        limiter.take(1 << 30);
        assert_eq!(limiter.wait(now + Duration::from_secs(1)), MAX_DEBT);
        assert_eq!(limiter.num_waits(), 3);
    }
}
