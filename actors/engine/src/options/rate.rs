//! Rates of publishing.

/// An amount for each second, and how much of it may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// For each second, on average.
    pub per_second: u64,
    /// At once, after a pause.
    pub burst: u64,
}

/// How fast a user or an account may publish; `None` is as fast as it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateOptions {
    /// Messages.
    pub messages: Option<Rate>,
    /// Bytes of headers and payloads.
    pub bytes: Option<Rate>,
}

/// Limits of a user in the configuration file; `None` is none of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserLimitOptions {
    /// Most connections at a time.
    pub max_connections: Option<u64>,
    /// Most subscriptions of a connection.
    pub max_subscriptions: Option<u64>,
    /// Largest message.
    pub max_payload: Option<u64>,
    /// How fast all its connections together may publish.
    pub rate: RateOptions,
}
