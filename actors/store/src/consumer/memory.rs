//! A consumer that forgets at the end of the process.

use crate::{AckMode, ConsumerState, ConsumerStore, Durability, StoreError};

/// Keeps a consumer's state in memory.
#[derive(Debug, Default)]
pub struct MemoryConsumerStore {
    state: ConsumerState,
    note: Vec<u8>,
}

impl ConsumerStore for MemoryConsumerStore {
    fn state(&self) -> &ConsumerState {
        &self.state
    }

    fn deliver(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64, count: u64, time_ns: i64) {
        self.state.deliver(mode, consumer_seq, stream_seq, count, time_ns);
    }

    fn acknowledge(&mut self, mode: AckMode, consumer_seq: u64, stream_seq: u64) -> bool {
        self.state.acknowledge(mode, consumer_seq, stream_seq)
    }

    fn give_up(&mut self, stream_seq: u64) {
        self.state.give_up(stream_seq);
    }

    fn replace(&mut self, state: ConsumerState) -> Result<(), StoreError> {
        state.check()?;
        self.state = state;
        Ok(())
    }

    fn update_meta(&mut self, _meta: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn note(&self) -> &[u8] {
        &self.note
    }

    fn set_note(&mut self, note: Vec<u8>) {
        self.note = note;
    }

    fn is_dirty(&self) -> bool {
        false
    }

    fn commit(&mut self) -> Result<Durability, StoreError> {
        Ok(Durability::Reached)
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }

    fn destroy(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
