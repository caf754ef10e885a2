//! Pings, round trip time, staleness.

use std::time::{Duration, Instant};

use rand::Rng;
use troupe_engine::options::TimingOptions;

/// Longest time to the first ping after CONNECT.
const FIRST_PING: Duration = Duration::from_secs(2);
/// Age at which the round trip time is measured again even on a busy connection.
const RTT_MAX_AGE: Duration = Duration::from_secs(3600);
/// How many times as long as its last answer took a peer of a cluster may be silent, should that be longer than the pings allow.
const SLOW_FACTOR: u32 = 4;
/// At most so many times as long as the pings allow.
const SLOW_LIMIT: u32 = 4;

/// What a fired ping timer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingDecision {
    /// Send a ping.
    Ping,
    /// The peer is alive: nothing to send.
    Skip,
    /// Too many pings are unanswered.
    Stale,
}

/// Ping state of one connection. Time is an argument.
#[derive(Clone, Debug)]
pub struct Keepalive {
    interval: Duration,
    max_pings_out: u32,
    pings_out: u32,
    last_heard: Instant,
    ping_sent: Option<Instant>,
    /// When the first of the pings was sent that are not answered.
    unanswered_since: Option<Instant>,
    /// How long the last answer took at most.
    answer_time: Duration,
    /// Round trip time and, where a ping measured it, when.
    rtt: Option<(Duration, Option<Instant>)>,
}

impl Keepalive {
    /// State of a connection accepted at `now`.
    #[must_use]
    pub fn new(timing: &TimingOptions, now: Instant) -> Self {
        Self {
            interval: timing.ping_interval,
            max_pings_out: timing.max_pings_out,
            pings_out: 0,
            last_heard: now,
            ping_sent: None,
            unanswered_since: None,
            answer_time: Duration::ZERO,
            rtt: None,
        }
    }

    /// Takes new settings.
    pub fn set_timing(&mut self, timing: &TimingOptions) {
        self.interval = timing.ping_interval;
        self.max_pings_out = timing.max_pings_out;
    }

    /// Time between pings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Time to the first ping after CONNECT: soon, spread at random by a fifth, so that the round trip time is known early.
    #[must_use]
    pub fn first_delay(&self, disable_short: bool) -> Duration {
        if disable_short {
            return self.interval;
        }
        let delay = self.interval.min(FIRST_PING);
        delay + delay.mul_f64(rand::rng().random_range(0.0..0.2))
    }

    /// Data or a ping came in.
    pub fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// A pong came in.
    pub fn pong(&mut self, now: Instant) {
        self.pings_out = 0;
        if let Some(since) = self.unanswered_since.take() {
            self.answer_time = now - since;
        }
        if let Some(sent) = self.ping_sent.take() {
            self.rtt = Some(((now - sent).max(Duration::from_nanos(1)), Some(now)));
        }
    }

    /// Sets the first estimate: from accept to CONNECT. The first ping is still sent.
    pub fn set_initial_rtt(&mut self, rtt: Duration) {
        self.rtt.get_or_insert((rtt, None));
        self.answer_time = rtt;
    }

    /// Last measured round trip time.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt.map(|(rtt, _)| rtt)
    }

    /// The timer fired for a peer that is pinged even when it is busy.
    pub fn tick_always(&mut self, now: Instant) -> PingDecision {
        if self.pings_out + 1 > self.max_pings_out {
            return PingDecision::Stale;
        }
        self.sent(now);
        PingDecision::Ping
    }

    /// The same for a peer of a cluster: one whose answers took long is given time in proportion. Closing what is slow because machines are
    /// busy would make them busier.
    pub fn tick_patiently(&mut self, now: Instant) -> PingDecision {
        let is_overdue = self.pings_out + 1 > self.max_pings_out;
        let most = self.interval.saturating_mul(self.max_pings_out.saturating_add(1)).saturating_mul(SLOW_LIMIT);
        let allowed = self.answer_time.saturating_mul(SLOW_FACTOR).min(most);
        if is_overdue && self.unanswered_since.is_none_or(|since| now - since >= allowed) {
            return PingDecision::Stale;
        }
        self.sent(now);
        PingDecision::Ping
    }

    fn sent(&mut self, now: Instant) {
        self.pings_out = self.pings_out.saturating_add(1);
        self.ping_sent = Some(now);
        self.unanswered_since.get_or_insert(now);
    }

    /// The timer fired.
    pub fn tick(&mut self, now: Instant) -> PingDecision {
        let is_alive = now.duration_since(self.last_heard) < self.interval;
        let measured = self.rtt.and_then(|(_, at)| at);
        let is_measured = measured.is_some_and(|at| now.duration_since(at) < RTT_MAX_AGE);
        if is_alive && is_measured && self.ping_sent.is_none() {
            return PingDecision::Skip;
        }
        self.tick_always(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keepalive(now: Instant) -> Keepalive {
        Keepalive::new(&TimingOptions::default(), now)
    }

    #[test]
    fn a_silent_peer_becomes_stale_after_the_allowed_pings() {
        let start = Instant::now();
        let mut state = keepalive(start);
        let at = |n: u64| start + Duration::from_secs(120 * n);
        assert_eq!(state.tick(at(1)), PingDecision::Ping);
        assert_eq!(state.tick(at(2)), PingDecision::Ping);
        assert_eq!(state.tick(at(3)), PingDecision::Stale);
    }

    #[test]
    fn a_peer_that_answers_slowly_is_given_time_up_to_a_limit() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        // Two pings, one a second: the third tick finds a peer stale that answered at once before.
        let timing =
            TimingOptions { ping_interval: Duration::from_secs(1), max_pings_out: 2, ..TimingOptions::default() };
        let stale_after = |answer: u64| {
            let mut state = Keepalive::new(&timing, start);
            state.tick_patiently(at(0));
            state.pong(at(answer));
            (answer + 1..)
                .find(|second| state.tick_patiently(at(*second)) == PingDecision::Stale)
                .map(|end| end - answer - 1)
        };
        assert_eq!(stale_after(0), Some(2));
        assert_eq!(stale_after(2), Some(8));
        assert_eq!(stale_after(60), Some(12));
        let mut new = Keepalive::new(&timing, start);
        new.set_initial_rtt(Duration::from_secs(1));
        let ends = (0..).find(|second| new.tick_patiently(at(*second)) == PingDecision::Stale);
        assert_eq!(ends, Some(4));
    }

    #[test]
    fn the_estimate_of_connect_does_not_keep_back_the_first_ping() {
        let start = Instant::now();
        let mut state = keepalive(start);
        state.set_initial_rtt(Duration::from_millis(3));
        assert_eq!(state.rtt(), Some(Duration::from_millis(3)));
        state.heard(start + Duration::from_secs(1));
        assert_eq!(state.tick(start + Duration::from_secs(2)), PingDecision::Ping);
    }

    #[test]
    fn a_busy_peer_with_known_round_trip_time_is_not_pinged() {
        let start = Instant::now();
        let mut state = keepalive(start);
        assert_eq!(state.tick(start + Duration::from_secs(2)), PingDecision::Ping);
        state.pong(start + Duration::from_secs(3));
        assert_eq!(state.rtt(), Some(Duration::from_secs(1)));
        state.heard(start + Duration::from_secs(100));
        assert_eq!(state.tick(start + Duration::from_secs(122)), PingDecision::Skip);
        assert_eq!(state.tick(start + Duration::from_secs(400)), PingDecision::Ping);
    }
}
