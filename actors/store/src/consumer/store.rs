//! What every store of a consumer does.

use std::fmt::Debug;

use crate::{AckMode, ConsumerState, Durability, StoreError};

/// Keeps the state of one consumer.
///
/// Changes are cheap and in memory; [`commit`](Self::commit) makes them durable, and a file store also writes them
/// by itself soon after.
pub trait ConsumerStore: Send + Debug {
    /// Returns the state.
    fn state(&self) -> &ConsumerState;

    /// Records a delivery, see [`ConsumerState::deliver`].
    fn deliver(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64, count: u64, time_ns: i64);

    /// Records an acknowledgement, see [`ConsumerState::acknowledge`].
    fn acknowledge(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64) -> bool;

    /// Stops awaiting a message, see [`ConsumerState::give_up`].
    fn give_up(&mut self, stream_seq: u64);

    /// Replaces the whole state: start sequences, resets, restores.
    ///
    /// # Errors
    ///
    /// `CorruptConsumerState`.
    fn replace(&mut self, state: ConsumerState) -> Result<(), StoreError>;

    /// Replaces the JSON of the consumer's configuration.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn update_meta(&mut self, meta: &[u8]) -> Result<(), StoreError>;

    /// Returns the note that is kept beside the state; empty when there is none.
    fn note(&self) -> &[u8];

    /// Replaces the note. It becomes durable with the next commit, behind the state.
    fn set_note(&mut self, note: Vec<u8>);

    /// Returns what was wrong with the state that was kept: it was put aside then, and the consumer begins anew.
    fn damage(&self) -> Option<&str> {
        None
    }

    /// Tells whether something changed since the last commit.
    fn is_dirty(&self) -> bool;

    /// Writes the state and tells when it is durable.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn commit(&mut self) -> Result<Durability, StoreError>;

    /// Writes the state and closes; blocks until it is on the disk.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn close(self: Box<Self>) -> Result<(), StoreError>;

    /// Removes the consumer's files.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn destroy(self: Box<Self>) -> Result<(), StoreError>;
}
