//! Sizes, counts, times.

use std::time::Duration;

/// Sizes in bytes and counts. Zero means "unlimited" only where the field says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitOptions {
    /// Longest control line, verb and CRLF excluded.
    pub max_control_line: usize,
    /// Largest headers plus payload of one message.
    pub max_payload: usize,
    /// Most bytes waiting for one client before it is a slow consumer.
    pub max_pending: usize,
    /// Most client connections; zero or less refuses every client.
    pub max_connections: i64,
    /// Most subscriptions of one connection; zero is unlimited.
    pub max_subscriptions: usize,
    /// Most tokens of a subscription's subject; zero is unlimited.
    pub max_sub_tokens: u8,
    /// Longest payload in a trace line; zero is unlimited.
    pub max_traced_msg_len: usize,
    /// Closed connections remembered for the monitor.
    pub max_closed_clients: usize,
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            max_control_line: 4096,
            max_payload: 1024 * 1024,
            max_pending: 64 * 1024 * 1024,
            max_connections: 65_536,
            max_subscriptions: 0,
            max_sub_tokens: 0,
            max_traced_msg_len: 0,
            max_closed_clients: 10_000,
        }
    }
}

/// What happens to a connection whose write deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteTimeoutPolicy {
    /// Close for clients, retry for other kinds.
    #[default]
    Default,
    /// Close.
    Close,
    /// Keep the connection when at least one byte was written.
    Retry,
}

/// Pings and deadlines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingOptions {
    /// Time between pings.
    pub ping_interval: Duration,
    /// Unanswered pings that make a connection stale.
    pub max_pings_out: u32,
    /// Longest time one flush may take.
    pub write_deadline: Duration,
    /// What happens when it passed.
    pub write_timeout: WriteTimeoutPolicy,
    /// The first ping is sent after the normal interval, not within two seconds (tests).
    pub disable_short_first_ping: bool,
}

impl Default for TimingOptions {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(120),
            max_pings_out: 2,
            write_deadline: Duration::from_secs(10),
            write_timeout: WriteTimeoutPolicy::Default,
            disable_short_first_ping: false,
        }
    }
}

/// Lame duck mode: how long closing the clients is spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LameDuckOptions {
    /// Whole duration, grace period included.
    pub duration: Duration,
    /// Time before the first client is closed.
    pub grace_period: Duration,
}

impl Default for LameDuckOptions {
    fn default() -> Self {
        Self { duration: Duration::from_secs(120), grace_period: Duration::from_secs(10) }
    }
}
