//! What can go wrong in a store.

use std::sync::Arc;

/// Why a store refused or failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No message has that sequence: never stored, or not yet.
    #[error("no message found")]
    NotFound,
    /// The message of that sequence was deleted.
    #[error("deleted message")]
    Deleted,
    /// The store holds as many messages as it may, and discards new ones.
    #[error("maximum messages exceeded")]
    MaxMessages,
    /// The store holds as many bytes as it may, and discards new messages.
    #[error("maximum bytes exceeded")]
    MaxBytes,
    /// The subject has as many messages as it may, and new ones are discarded.
    #[error("maximum messages per subject exceeded")]
    MaxMessagesPerSubject,
    /// A message that no record can hold.
    #[error("message too large")]
    TooLarge,
    /// A sequence other than the next was given.
    #[error("expected sequence does not match store")]
    SequenceMismatch {
        /// The sequence the store would take.
        expected: u64,
    },
    /// More answers than the caller allowed.
    #[error("too many results")]
    TooManyResults,
    /// Positions of a consumer that contradict each other.
    #[error("corrupt consumer state")]
    CorruptConsumerState,
    /// What was read is not what was written; it is kept aside, not deleted.
    #[error("corrupt data in {place}: {reason}")]
    Corrupt {
        /// File, and sequence or offset where known.
        place: String,
        /// What does not fit.
        reason: String,
    },
    /// The disk failed or is full: the store stays readable and refuses writes until they succeed again.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: String,
        /// The operating system's reason.
        source: Arc<std::io::Error>,
    },
    /// The store is closed.
    #[error("store is closed")]
    Closed,
    /// Configuration, key or file content the store cannot serve.
    #[error("{0}")]
    Unusable(String),
}

impl StoreError {
    /// Wraps a failed file operation.
    #[must_use]
    pub fn io(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), source: Arc::new(source) }
    }

    /// Names the file that an error is about, where that was not known.
    #[must_use]
    pub(crate) fn at(self, path: &std::path::Path) -> Self {
        match self {
            Self::Corrupt { place, reason } if place.is_empty() => {
                Self::Corrupt { place: path.display().to_string(), reason }
            }
            other => other,
        }
    }

    /// Tells whether a later attempt can succeed without anyone changing the stream: the disk may have room again.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}
