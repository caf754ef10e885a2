//! Consumers in copies of their streams.

use std::collections::BTreeMap;

use troupe_codecs::api::consumer_archive::{ArchivedConsumer, ArchivedPending, ArchivedPosition, ArchivedState};
use troupe_codecs::api::json::encode;
use troupe_codecs::api::{ConsumerConfig, Timestamp};
use troupe_store::{ConsumerState, Durability, PendingMessage, SequencePair, StoreError, StreamStore};

use super::Consumers;
use super::create::meta;
use super::saving::to_stored;

impl Consumers {
    /// Number of consumers that belong into a copy.
    #[must_use]
    pub fn num_archived(&self) -> usize {
        self.book.num_shown()
    }

    /// Name and JSON of every consumer that belongs into a copy.
    #[must_use]
    pub fn archive(&self) -> Vec<(String, Vec<u8>)> {
        let slots = self.book.slots().filter(|slot| !slot.is_hidden());
        let mut all: Vec<(String, Vec<u8>)> = slots
            .map(|slot| {
                let config = ConsumerConfig::clone(slot.machine.config());
                let state = archived(to_stored(&slot.machine));
                (slot.name.to_string(), encode(&ArchivedConsumer { config, state }))
            })
            .collect();
        all.sort_unstable();
        all
    }
}

/// Puts a consumer of a copy into the store of the stream that is made of it.
///
/// # Errors
/// It is none, or contradicts itself; the store's.
pub fn restore(store: &mut dyn StreamStore, name: &str, json: &[u8], created: Timestamp) -> Result<(), StoreError> {
    let bad = |cause: serde_json::Error| StoreError::Unusable(format!("consumer {name:?} cannot be read: {cause}"));
    let ArchivedConsumer { mut config, state } = serde_json::from_slice(json).map_err(bad)?;
    if config.name.is_empty() {
        name.clone_into(&mut config.name);
    }
    let mut consumer = store.consumer(name, &meta(&config, created))?;
    consumer.replace(stored(state))?;
    consumer.commit().and_then(Durability::wait)
}

fn archived(state: ConsumerState) -> ArchivedState {
    let position = |pair: SequencePair| ArchivedPosition { consumer_seq: pair.consumer, stream_seq: pair.stream };
    let pending = |(seq, pending): (u64, PendingMessage)| {
        (seq, ArchivedPending { sequence: pending.consumer_seq, timestamp: pending.time_ns })
    };
    let pending: BTreeMap<u64, ArchivedPending> = state.pending.into_iter().map(pending).collect();
    ArchivedState {
        delivered: position(state.delivered),
        ack_floor: position(state.ack_floor),
        pending: Some(pending).filter(|pending| !pending.is_empty()),
        redelivered: Some(state.redelivered).filter(|redelivered| !redelivered.is_empty()),
    }
}

fn stored(state: ArchivedState) -> ConsumerState {
    let pair =
        |position: ArchivedPosition| SequencePair { consumer: position.consumer_seq, stream: position.stream_seq };
    let pending = |(seq, pending): (u64, ArchivedPending)| {
        (seq, PendingMessage { consumer_seq: pending.sequence, time_ns: pending.timestamp })
    };
    ConsumerState {
        delivered: pair(state.delivered),
        ack_floor: pair(state.ack_floor),
        pending: state.pending.unwrap_or_default().into_iter().map(pending).collect(),
        redelivered: state.redelivered.unwrap_or_default(),
    }
}
