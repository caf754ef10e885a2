//! `ocsp`, `ocsp_cache` and the `ocsp_peer` of a `tls` block.

use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::parse_duration;
use troupe_engine::options::{OcspCacheOptions, OcspMode, OcspOptions, OcspPeerOptions};

use super::reader::{Reader, go_type, origin};

/// Shortest time between two writes of the cache.
const MIN_SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// How faults of the two blocks begin.
const PEER: &str = "error parsing tls peer config";
const CACHE: &str = "error parsing OCSP peer cache config";

/// Reads which certificates of the server are stapled.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Option<OcspOptions> {
    let table = match &value.kind {
        ValueKind::Boolean(true) => return Some(OcspOptions::default()),
        ValueKind::Boolean(false) => return Some(OcspOptions { mode: OcspMode::Never, urls: Vec::new() }),
        ValueKind::Table(table) => table,
        _ => {
            reader.error(value, format!("error parsing ocsp config: unsupported type {}", go_type(value)));
            return None;
        }
    };
    let (block, mut options) = (value, OcspOptions::default());
    for (key, value) in table {
        match key.as_str() {
            "mode" => {
                if let Some(text) = text(reader, block, value) {
                    options.mode = mode(reader, value, text);
                }
            }
            "url" => options.urls = text(reader, block, value).map(|url| vec![url.to_owned()]).unwrap_or_default(),
            "urls" => options.urls = reader.texts("ocsp config", value).unwrap_or_default(),
            _ => reader.error(value, "error parsing ocsp config: unsupported field string"),
        }
    }
    Some(options)
}

/// A text. nats-server finds a wrong type at the place of the block.
fn text<'v>(reader: &mut Reader, block: &Value, value: &'v Value) -> Option<&'v str> {
    if let ValueKind::String(text) = &value.kind {
        return Some(text);
    }
    reader.error(block, format!("interface conversion: interface {{}} is {}, not string", go_type(value)));
    None
}

fn mode(reader: &mut Reader, value: &Value, text: &str) -> OcspMode {
    match text.to_ascii_lowercase().as_str() {
        "always" => OcspMode::Always,
        "must" => OcspMode::Must,
        "never" => OcspMode::Never,
        "auto" => OcspMode::Auto,
        _ => {
            reader.error(value, "error parsing ocsp config: unsupported ocsp mode string");
            OcspMode::Auto
        }
    }
}

/// Reads where answers about clients are kept.
pub(super) fn read_cache(reader: &mut Reader, value: &Value) -> Option<OcspCacheOptions> {
    let mut options = OcspCacheOptions::default();
    match &value.kind {
        ValueKind::Boolean(on) => options.is_local = *on,
        ValueKind::Table(table) => read_cache_block(reader, table, &mut options),
        _ => {
            reader.error(value, format!("error parsing tags: unsupported type {}", go_type(value)));
            return None;
        }
    }
    Some(options)
}

fn read_cache_block(reader: &mut Reader, table: &Map<String, Value>, options: &mut OcspCacheOptions) {
    for (key, value) in table {
        match (key.to_ascii_lowercase().as_str(), &value.kind) {
            ("type", ValueKind::String(kind)) => match kind.to_ascii_lowercase().as_str() {
                "local" => options.is_local = true,
                "none" => options.is_local = false,
                _ => reader.error(value, format!("{CACHE}, unknown type [{kind}]")),
            },
            ("local_store", ValueKind::String(path)) => {
                if !path.is_empty() {
                    options.local_store = path.into();
                }
            }
            ("preserve_revoked", ValueKind::Boolean(on)) => options.preserve_revoked = *on,
            ("save_interval", _) => {
                // Whole seconds count.
                match seconds(value) {
                    Ok(Some(seconds)) => {
                        options.save_interval = Duration::from_secs(seconds.as_secs()).max(MIN_SAVE_INTERVAL);
                    }
                    Ok(None) => options.save_interval = MIN_SAVE_INTERVAL,
                    Err(reason) => {
                        // The words of the other block for a duration, as nats-server has them.
                        let block = if matches!(value.kind, ValueKind::String(_)) { PEER } else { CACHE };
                        reader.error(value, format!("{block}, {reason}"));
                    }
                }
            }
            _ => reader.error(value, format!("{CACHE}, unknown field [{key:?}]")),
        }
    }
}

/// Reads a key of a `tls` block, if it is the one about certificates of clients.
pub(super) fn read_peer(reader: &mut Reader, key: &str, value: &Value, options: &mut OcspPeerOptions) -> bool {
    if key != "ocsp_peer" {
        return false;
    }
    match &value.kind {
        ValueKind::Boolean(on) => options.verify = *on,
        ValueKind::Table(table) => read_peer_block(reader, value, table, options),
        _ => reader.error(value, "error parsing ocsp peer config: unsupported type map[string]interface {}"),
    }
    true
}

fn read_peer_block(reader: &mut Reader, block: &Value, table: &Map<String, Value>, options: &mut OcspPeerOptions) {
    // Faults have the places of the block and of the value.
    let fault = |reader: &mut Reader, value: &Value, reason: String| {
        reader.error(block, format!("{}: {PEER}, {reason}", origin(value)));
    };
    for (key, value) in table {
        let name = key.to_ascii_lowercase();
        let time = match name.as_str() {
            "ca_timeout" => Some(&mut options.ca_timeout),
            "allowed_clockskew" => Some(&mut options.allowed_clockskew),
            "cache_ttl_when_next_update_unset" => Some(&mut options.cache_ttl_when_next_update_unset),
            _ => None,
        };
        if let Some(time) = time {
            match seconds(value) {
                Ok(seconds) => *time = seconds.unwrap_or(*time),
                Err(reason) => fault(reader, value, reason),
            }
            continue;
        }
        let switch = match name.as_str() {
            "verify" => Some(&mut options.verify),
            "warn_only" => Some(&mut options.warn_only),
            "unknown_is_good" => Some(&mut options.unknown_is_good),
            "allow_when_ca_unreachable" => Some(&mut options.allow_when_ca_unreachable),
            _ => None,
        };
        match (switch, &value.kind) {
            (Some(switch), ValueKind::Boolean(on)) => *switch = *on,
            _ => fault(reader, value, format!("unknown field [{key:?}]")),
        }
    }
}

/// Seconds, with a fraction or as a duration text; nothing for negative ones.
fn seconds(value: &Value) -> Result<Option<Duration>, String> {
    match &value.kind {
        ValueKind::I64(seconds) => Ok(u64::try_from(*seconds).ok().map(Duration::from_secs)),
        ValueKind::Float(seconds) => Ok(Duration::try_from_secs_f64(*seconds).ok()),
        ValueKind::String(text) => match parse_duration(text) {
            Ok(nanoseconds) => Ok(u64::try_from(nanoseconds).ok().map(Duration::from_nanos)),
            Err(cause) => Err(format!("conversion error: {cause}")),
        },
        _ => Err("conversion error: unexpected type".to_owned()),
    }
}
