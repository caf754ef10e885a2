//! Opens the stores of streams.

use troupe_codecs::api::StreamConfig;
use troupe_codecs::api::json::encode;
use troupe_codecs::api::stream::{DiscardPolicy, RetentionPolicy, StorageType, StoreCompression, StoredStream};
use troupe_engine::options::{JetStreamOptions, Secret, StoreCipher, SyncInterval};
use troupe_store::{
    Cipher, Compression, DirectoryOptions, Discard, EncryptionKey, MemoryStore, StoreConfig, StoreDirectory,
    StoreError, StreamStore, SyncPolicy,
};

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

/// Opens the directory of all streams in files. `path` ends with `jetstream`.
pub(super) fn open_directory(options: &JetStreamOptions, path: &std::path::Path) -> Result<StoreDirectory, StoreError> {
    let cipher = match options.cipher {
        StoreCipher::ChaCha => Cipher::ChaCha,
        StoreCipher::Aes => Cipher::Aes,
    };
    let key = |secret: &Option<Secret>| {
        secret.as_ref().map(|secret| EncryptionKey { key: secret.expose().to_owned(), cipher })
    };
    let sync = match options.sync {
        SyncInterval::Always => SyncPolicy::Always,
        SyncInterval::Every(interval) => SyncPolicy::Every(interval),
    };
    let options = DirectoryOptions {
        path: path.parent().unwrap_or(path).to_owned(),
        sync,
        key: key(&options.key),
        previous_key: key(&options.previous_key),
    };
    #[cfg(feature = "fault-injection")]
    if let Some(disk) = super::failing_disk::FailingDisk::from_environment() {
        return StoreDirectory::open_on(std::sync::Arc::new(disk), options);
    }
    StoreDirectory::open(options)
}

/// Opens the store of a stream, or makes it.
pub(super) fn open(
    server: &JetStreamServer,
    account: &JetStreamAccount,
    entry: &StreamEntry,
) -> Result<Box<dyn StreamStore>, StoreError> {
    let config = entry.config();
    if config.storage == StorageType::Memory {
        return Ok(MemoryStore::open(store_config(&config)));
    }
    let no_directory = || StoreError::Unusable("the store directory is not available".to_owned());
    let directory = server.directory().ok_or_else(no_directory)?;
    if entry.is_kept() {
        return directory.open_stream(account.name(), store_config(&config));
    }
    server.sets_leftover_aside(account, entry.name());
    let store = directory.create_stream(account.name(), &meta(entry), store_config(&config))?;
    entry.set_kept();
    Ok(store)
}

/// A store that holds nothing and keeps nothing.
pub(super) fn empty(config: &StreamConfig) -> Box<dyn StreamStore> {
    MemoryStore::open(store_config(config))
}

/// What is written beside the messages of a stream.
pub(super) fn meta(entry: &StreamEntry) -> Vec<u8> {
    encode(&StoredStream { created: entry.created(), config: StreamConfig::clone(&entry.config()) })
}
