//! JetStream: its block, its short forms, and what accounts may have of it.

use std::path::PathBuf;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_codecs::api::account::AccountLimits;
use troupe_engine::options::jetstream::DEFAULT_MAX_CONSUMERS;
use troupe_engine::options::{AccountJetStream, JetStreamOptions, Secret, StoreCipher, SyncInterval};

use super::reader::{Reader, go_type, is_flag};
use super::unsupported;

/// Keys that are read here.
pub(super) const KEYS: [&str; 2] = ["jetstream", "store_dir"];

/// Reads JetStream at the top level.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, options: &mut JetStreamOptions) {
    if let Some(value) = root.get("jetstream") {
        match &value.kind {
            ValueKind::Table(table) => read_block(reader, table, options),
            _ => options.enabled = read_switch(reader, value),
        }
    }
    let Some(value) = root.get("store_dir") else { return };
    if options.store_dir.is_some() && !is_flag(value) {
        return reader.error(value, "Duplicate 'store_dir' configuration");
    }
    options.store_dir = reader.text(value).filter(|text| !text.is_empty()).map(PathBuf::from);
}

/// Reads `true`, `enabled` and the like.
fn read_switch(reader: &mut Reader, value: &Value) -> bool {
    match &value.kind {
        ValueKind::Boolean(on) => *on,
        ValueKind::String(text) => match text.to_lowercase().as_str() {
            "enable" | "enabled" | "true" => true,
            "disable" | "disabled" | "false" => false,
            _ => {
                reader.error(value, format!("Expected 'enabled' or 'disabled' for string value, got '{text}'"));
                false
            }
        },
        _ => {
            reader.error(value, format!("Expected map, bool or string to define JetStream, got {}", go_type(value)));
            false
        }
    }
}

fn read_block(reader: &mut Reader, table: &Map<String, Value>, options: &mut JetStreamOptions) {
    options.enabled = true;
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "enable" | "enabled" => options.enabled = reader.boolean(value).unwrap_or(true),
            "strict" => options.strict = reader.boolean(value).unwrap_or(true),
            "store" | "store_dir" | "storedir" => {
                options.store_dir = reader.text(value).filter(|text| !text.is_empty()).map(PathBuf::from);
            }
            "sync" | "sync_interval" => read_sync(reader, value, options),
            "max_memory_store" | "max_mem_store" | "max_mem" => options.max_memory = size(reader, key, value),
            "max_file_store" | "max_file" => options.max_file = size(reader, key, value),
            "domain" => options.domain = reader.text(value).filter(|text| !text.is_empty()).map(ToOwned::to_owned),
            "key" | "ek" | "encryption_key" => options.key = reader.text(value).map(Secret::new),
            "prev_key" | "prev_ek" | "prev_encryption_key" => {
                options.previous_key = reader.text(value).map(Secret::new)
            }
            "cipher" => read_cipher(reader, value, options),
            "unique_tag" => options.unique_tag = reader.text(value).map(|tag| tag.trim().to_lowercase()),
            "limits" => read_limits(reader, value, options),
            _ if unsupported::read_in(reader, super::known::JETSTREAM, key, value) => {}
            _ => reader.unknown(key, value),
        }
    }
}

fn read_sync(reader: &mut Reader, value: &Value, options: &mut JetStreamOptions) {
    if matches!(&value.kind, ValueKind::String(text) if text.eq_ignore_ascii_case("always")) {
        options.sync = SyncInterval::Always;
    } else if let Some(interval) = reader.duration("sync_interval", value) {
        options.sync = if interval.is_zero() { SyncInterval::Always } else { SyncInterval::Every(interval) };
    }
}

fn read_cipher(reader: &mut Reader, value: &Value, options: &mut JetStreamOptions) {
    let Some(name) = reader.text(value) else { return };
    options.cipher = match name.to_lowercase().as_str() {
        "chacha" | "chachapoly" => StoreCipher::ChaCha,
        "aes" => StoreCipher::Aes,
        _ => return reader.error(value, format!("Unknown cipher type: \"{name}\"")),
    };
}

fn read_limits(reader: &mut Reader, value: &Value, options: &mut JetStreamOptions) {
    let Some(table) = reader.table(value) else { return };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "max_ack_pending" => options.max_ack_pending = reader.integer(value).unwrap_or(0),
            "max_request_batch" => options.max_request_batch = reader.integer(value).unwrap_or(0),
            "default_max_consumers" => {
                let most = reader.integer(value).filter(|most| *most != 0);
                options.default_max_consumers = most.unwrap_or(DEFAULT_MAX_CONSUMERS);
            }
            "duplicate_window" => {
                let window = reader.duration("duplicate_window", value).unwrap_or(Duration::ZERO);
                options.max_duplicates = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
            }
            "batch" => read_batch_limits(reader, value, options),
            _ if unsupported::read_in(reader, super::known::JETSTREAM_LIMITS, key, value) => {}
            _ => reader.unknown(key, value),
        }
    }
}

fn read_batch_limits(reader: &mut Reader, value: &Value, options: &mut JetStreamOptions) {
    let Some(table) = reader.table(value) else { return };
    for (key, value) in table {
        let limits = &mut options.batches;
        let mut set = |field: &mut usize| {
            if let Some(count) = reader.count(key, value).and_then(|count| usize::try_from(count).ok()) {
                *field = count;
            }
        };
        match key.to_ascii_lowercase().as_str() {
            "max_inflight_per_stream" => set(&mut limits.max_inflight_per_stream),
            "max_inflight_total" => set(&mut limits.max_inflight_total),
            "max_msgs" => set(&mut limits.max_msgs),
            "timeout" => {
                if let Some(timeout) = reader.duration("timeout", value) {
                    limits.timeout = timeout;
                }
            }
            _ => reader.unknown(key, value),
        }
    }
}

/// Reads what an account may have; `None` where JetStream is off.
pub(super) fn read_account(reader: &mut Reader, value: &Value) -> Option<AccountJetStream> {
    let mut limits = AccountLimits::default();
    let ValueKind::Table(table) = &value.kind else {
        return read_switch(reader, value).then_some(AccountJetStream::Flat(limits));
    };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "max_memory" | "max_mem" | "mem" | "memory" => set(&mut limits.max_memory, size(reader, key, value)),
            "max_store" | "max_file" | "max_disk" | "store" | "disk" => {
                set(&mut limits.max_storage, size(reader, key, value));
            }
            "max_streams" | "streams" => limits.max_streams = reader.integer(value).unwrap_or(-1),
            "max_consumers" | "consumers" => limits.max_consumers = reader.integer(value).unwrap_or(-1),
            "max_bytes_required" | "max_stream_bytes" | "max_bytes" => {
                limits.max_bytes_required = reader.boolean(value).unwrap_or(false);
            }
            "mem_max_stream_bytes" | "memory_max_stream_bytes" => {
                set(&mut limits.memory_max_stream_bytes, size(reader, key, value));
            }
            "disk_max_stream_bytes" | "store_max_stream_bytes" => {
                set(&mut limits.storage_max_stream_bytes, size(reader, key, value));
            }
            "max_ack_pending" => limits.max_ack_pending = reader.integer(value).unwrap_or(-1),
            "cluster_traffic" => reader.unsupported(key, value),
            _ => reader.unknown(key, value),
        }
    }
    Some(AccountJetStream::Flat(limits))
}

fn set(limit: &mut i64, size: Option<u64>) {
    *limit = size.map_or(-1, |size| i64::try_from(size).unwrap_or(i64::MAX));
}

/// A number of bytes, or a text with a unit of 1024: `1G`. Negative numbers are no limit.
fn size(reader: &mut Reader, key: &str, value: &Value) -> Option<u64> {
    let ValueKind::String(text) = &value.kind else {
        return reader.integer(value).and_then(|size| u64::try_from(size).ok());
    };
    let unit = match text.chars().last() {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        Some('T') => 40,
        _ => 0,
    };
    let digits = if unit == 0 { text.as_str() } else { &text[..text.len() - 1] };
    match digits.parse::<u64>() {
        Ok(number) => Some(number.saturating_mul(1 << unit)),
        Err(_) => {
            reader
                .error(value, format!("{key} must be a number or a number with a unit of K, M, G or T, got {text:?}"));
            None
        }
    }
}
