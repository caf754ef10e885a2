//! The state of consumers: how far they delivered, what is acknowledged.

mod memory;
mod state;
mod store;

pub use memory::MemoryConsumerStore;
pub use state::{AckMode, ConsumerState, PendingMessage, SequencePair};
pub use store::ConsumerStore;
