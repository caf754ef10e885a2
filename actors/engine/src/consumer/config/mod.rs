//! Configurations of consumers: what is filled in, what is refused, what may change.

mod check;
mod defaults;
mod update;

pub use check::{check, check_against_others, is_valid_group, is_valid_name};
pub use defaults::{apply_defaults, set_required_level};
pub use update::{check_update, collides_with_others, is_same, keep_required_level};

/// Limits from the server's configuration and the account; zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerBounds {
    /// Most unacknowledged messages, by the server.
    pub server_max_ack_pending: i64,
    /// Most unacknowledged messages, by the account.
    pub account_max_ack_pending: i64,
    /// Largest batch of a pull request, by the server.
    pub max_request_batch: i64,
}

#[cfg(test)]
mod tests;
