//! The level of the API an asset needs, kept in its metadata.

use std::collections::BTreeMap;

use troupe_codecs::api::stream::PersistMode;
use troupe_codecs::api::{API_LEVEL, StreamConfig};

/// Key of the needed level.
pub const REQUIRED_LEVEL: &str = "_nats.req.level";
/// Keys that answers show and nobody stores.
const DYNAMIC_KEYS: [&str; 2] = ["_nats.ver", "_nats.level"];

/// Writes the level a stream needs into its metadata and takes out what only answers show.
pub fn set_stream_level(config: &mut StreamConfig) {
    let needs = [
        (config.allow_msg_ttl || config.subject_delete_marker_ttl > 0, 1),
        (config.allow_msg_counter || config.allow_atomic_publish || config.allow_msg_schedules, 2),
        (config.persist_mode == PersistMode::Async, 2),
        (config.allow_batch_publish, 4),
    ];
    let level = needs.iter().filter(|(is_needed, _)| *is_needed).map(|(_, level)| *level).max().unwrap_or(0);
    remove_dynamic(&mut config.metadata);
    config.metadata.insert(REQUIRED_LEVEL.to_owned(), level.to_string());
}

/// Takes out what only answers show.
pub fn remove_dynamic(metadata: &mut BTreeMap<String, String>) {
    for key in DYNAMIC_KEYS {
        metadata.remove(key);
    }
}

/// Makes metadata comparable with a stored one: what the server writes is taken over from there.
pub fn copy_level(metadata: &mut BTreeMap<String, String>, stored: &BTreeMap<String, String>) {
    remove_dynamic(metadata);
    match stored.get(REQUIRED_LEVEL) {
        Some(level) => metadata.insert(REQUIRED_LEVEL.to_owned(), level.clone()),
        None => metadata.remove(REQUIRED_LEVEL),
    };
}

/// The needed level, when it is one this server does not serve.
#[must_use]
pub fn unsupported_level(metadata: &BTreeMap<String, String>) -> Option<&str> {
    let level = metadata.get(REQUIRED_LEVEL).filter(|level| !level.is_empty())?;
    level.parse::<i64>().map_or(true, |level| level > i64::from(API_LEVEL)).then_some(level)
}

/// Whether a request that needs this level, as its header says, must be refused.
#[must_use]
pub fn refuses_request(required: &[u8]) -> bool {
    let level = std::str::from_utf8(required).ok().and_then(|text| text.parse::<i64>().ok());
    level.is_none_or(|level| level > i64::from(API_LEVEL))
}
