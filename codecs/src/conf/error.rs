//! What is wrong with a text, and where.

use super::value::Position;

/// Why a configuration text could not be parsed. Shown as `<file>:<line>:<column>: <reason>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {reason}")]
pub struct ParseError {
    /// Where parsing stopped.
    pub position: Position,
    /// The words nats-server uses for the same fault, where it has any.
    pub reason: String,
}

impl ParseError {
    /// Builds an error from its parts.
    pub(super) fn new(position: Position, reason: impl Into<String>) -> Self {
        Self { position, reason: reason.into() }
    }
}
