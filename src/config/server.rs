//! The top level of a configuration: which key goes to which reader, limits and timing.

use std::sync::Arc;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::{format_duration, parse_duration};
use troupe_engine::options::{Options, WriteTimeoutPolicy};

use super::reader::{Reader, go_type};
use super::{accounts, auth, cluster, jetstream, listen, logging, mappings, monitor, ocsp, operator, tls, unsupported};

/// Reads every key of the top level into `options`.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, options: &mut Options) {
    listen::read(reader, root, &mut options.listen);
    logging::read(reader, root, &mut options.logging);
    monitor::read(reader, root, &mut options.monitor);
    auth::read(reader, root, &mut options.auth);
    jetstream::read(reader, root, &mut options.jetstream);
    for (key, value) in root {
        let known = identity(reader, key, value, options)
            || limits(reader, key, value, options)
            || timing(reader, key, value, options)
            || switches(reader, key, value, options)
            || blocks(reader, key, value, options)
            || listen::KEYS.contains(&key.as_str())
            || logging::KEYS.contains(&key.as_str())
            || monitor::KEYS.contains(&key.as_str())
            || auth::KEYS.contains(&key.as_str())
            || jetstream::KEYS.contains(&key.as_str())
            || operator::KEYS.contains(&key.as_str())
            || unsupported::read(reader, key, value);
        if !known {
            reader.unknown(key, value);
        }
    }
    if let Some(value) = root.get("accounts") {
        let single = auth::single_in_file(root);
        let mut accounts = Vec::new();
        accounts::read(reader, value, single, &mut accounts, &mut options.auth);
        accounts::check_links(reader, value, &accounts, !options.no_system_account);
        options.accounts = accounts.into_iter().map(Arc::new).collect();
    }
    operator::read(reader, root, options);
}

fn identity(reader: &mut Reader, key: &str, value: &Value, options: &mut Options) -> bool {
    match key {
        "server_name" => {
            let name = reader.text(value).unwrap_or_default();
            if name.contains(' ') {
                reader.error(value, "server name cannot contain spaces");
            }
            options.server_name = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        "server_tags" => tags(reader, value, &mut options.server_tags),
        "server_metadata" => {
            let ValueKind::Table(table) = &value.kind else {
                reader.error(value, format!("error parsing metadata: unsupported type {}", go_type(value)));
                return true;
            };
            for (name, value) in table {
                if let Some(text) = reader.text(value) {
                    options.server_metadata.insert(name.clone(), text.to_owned());
                }
            }
        }
        "feature_flags" => feature_flags(reader, value, options),
        "pid_file" => options.pid_file = reader.text(value).filter(|text| !text.is_empty()).map(Into::into),
        "ports_file_dir" => options.ports_file_dir = reader.text(value).filter(|text| !text.is_empty()).map(Into::into),
        _ => return false,
    }
    true
}

/// Tags are trimmed, lower case and each only once.
fn tags(reader: &mut Reader, value: &Value, tags: &mut Vec<String>) {
    let texts: Vec<&str> = match &value.kind {
        ValueKind::String(text) => vec![text],
        ValueKind::Array(items) => {
            let texts = items.iter().map(|item| match &item.kind {
                ValueKind::String(text) => Some(text.as_str()),
                _ => None,
            });
            let Some(texts) = texts.collect() else {
                let reason = "error parsing tags: unsupported type *conf.token where string is expected";
                return reader.error(value, reason);
            };
            texts
        }
        _ => return reader.error(value, format!("error parsing tags: unsupported type {}", go_type(value))),
    };
    for text in texts {
        let tag = text.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
}

fn feature_flags(reader: &mut Reader, value: &Value, options: &mut Options) {
    let ValueKind::Table(table) = &value.kind else {
        return reader.error(value, format!("error parsing feature flags: unsupported type {}", go_type(value)));
    };
    for (name, flag) in table {
        match flag.kind {
            ValueKind::Boolean(on) => _ = options.feature_flags.insert(name.clone(), on),
            _ => {
                let found = go_type(flag);
                reader.error(flag, format!("error parsing feature flag {name:?}: expected bool, got {found}"));
            }
        }
    }
}

fn limits(reader: &mut Reader, key: &str, value: &Value, options: &mut Options) -> bool {
    let limits = &mut options.limits;
    match key {
        "max_control_line" => set_size(&mut limits.max_control_line, small_size(reader, key, value)),
        "max_payload" => set_size(&mut limits.max_payload, small_size(reader, key, value)),
        "max_pending" => set_size(&mut limits.max_pending, size(reader, key, value)),
        "max_connections" => {
            if let Some(number) = reader.integer(value) {
                limits.max_connections = if number == 0 { -1 } else { number };
            }
        }
        "max_subscriptions" => limits.max_subscriptions = at_least_zero(reader.integer(value)),
        "max_sub_tokens" => match reader.integer(value) {
            Some(number) if number > i64::from(u8::MAX) => reader.error(value, format!("{key} value is too big")),
            Some(number) if number <= 0 => reader.error(value, format!("{key} value can not be negative")),
            Some(number) => limits.max_sub_tokens = u8::try_from(number).unwrap_or(u8::MAX),
            None => {}
        },
        "max_traced_msg_len" => limits.max_traced_msg_len = at_least_zero(reader.integer(value)),
        "max_closed_clients" => set_size(&mut limits.max_closed_clients, size(reader, key, value)),
        _ => return false,
    }
    true
}

/// Sets a limit unless it is zero, which stands for the default.
fn set_size(limit: &mut usize, size: Option<usize>) {
    if let Some(size) = size.filter(|&size| size > 0) {
        *limit = size;
    }
}

fn size(reader: &mut Reader, key: &str, value: &Value) -> Option<usize> {
    reader.count(key, value).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
}

/// A size that nats-server keeps in 32 bits.
fn small_size(reader: &mut Reader, key: &str, value: &Value) -> Option<usize> {
    let size = size(reader, key, value)?;
    if i32::try_from(size).is_err() {
        reader.error(value, format!("{key} value is too big"));
        return None;
    }
    Some(size)
}

fn at_least_zero(number: Option<i64>) -> usize {
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

fn timing(reader: &mut Reader, key: &str, value: &Value, options: &mut Options) -> bool {
    let timing = &mut options.timing;
    match key {
        "ping_interval" => {
            if let Some(interval) = reader.duration(key, value).filter(|interval| !interval.is_zero()) {
                timing.ping_interval = interval;
            }
        }
        "ping_max" => {
            if let Some(count) = reader.count(key, value).filter(|&count| count > 0) {
                timing.max_pings_out = u32::try_from(count).unwrap_or(u32::MAX);
            }
        }
        "write_deadline" => {
            if let Some(deadline) = reader.duration(key, value).filter(|deadline| !deadline.is_zero()) {
                timing.write_deadline = deadline;
            }
        }
        "write_timeout" => timing.write_timeout = write_timeout(reader, value).unwrap_or(timing.write_timeout),
        "lame_duck_duration" => lame_duck_duration(reader, value, options),
        "lame_duck_grace_period" => lame_duck_grace_period(reader, value, options),
        _ => return false,
    }
    true
}

fn lame_duck_duration(reader: &mut Reader, value: &Value, options: &mut Options) {
    const MINIMUM: i64 = 30_000_000_000;

    match reader.text(value).map(parse_duration) {
        Some(Ok(nanoseconds)) if nanoseconds < MINIMUM => {
            let found = format_duration(nanoseconds);
            reader.error(value, format!("invalid lame_duck_duration of {found}, minimum is 30 seconds"));
        }
        Some(Ok(nanoseconds)) => {
            options.lame_duck.duration = std::time::Duration::from_nanos(nanoseconds.unsigned_abs());
        }
        Some(Err(error)) => reader.error(value, format!("error parsing lame_duck_duration: {error}")),
        None => {}
    }
}

fn lame_duck_grace_period(reader: &mut Reader, value: &Value, options: &mut Options) {
    match reader.text(value).map(parse_duration) {
        Some(Ok(nanoseconds)) if nanoseconds < 0 => {
            reader.error(value, "invalid lame_duck_grace_period, needs to be positive");
        }
        // Zero stands for the default.
        Some(Ok(0)) | None => {}
        Some(Ok(nanoseconds)) => {
            options.lame_duck.grace_period = std::time::Duration::from_nanos(nanoseconds.unsigned_abs());
        }
        Some(Err(error)) => reader.error(value, format!("error parsing lame_duck_grace_period: {error}")),
    }
}

fn switches(reader: &mut Reader, key: &str, value: &Value, options: &mut Options) -> bool {
    let switch = match key {
        "allow_non_tls" => &mut options.allow_non_tls,
        "no_header_support" => &mut options.no_header_support,
        "disable_sublist_cache" => &mut options.disable_sublist_cache,
        "no_fast_producer_stall" => &mut options.no_fast_producer_stall,
        "no_system_account" => &mut options.no_system_account,
        "connect_error_reports" => {
            options.connect_error_reports = reports(reader, value, options.connect_error_reports);
            return true;
        }
        "reconnect_error_reports" => {
            options.reconnect_error_reports = reports(reader, value, options.reconnect_error_reports);
            return true;
        }
        _ => return false,
    };
    if let Some(on) = reader.boolean(value) {
        *switch = on;
    }
    true
}

/// Failed attempts between two reports; zero stands for the default.
fn reports(reader: &mut Reader, value: &Value, default: u32) -> u32 {
    match reader.integer(value) {
        Some(0) | None => default,
        Some(number) => u32::try_from(number.max(1)).unwrap_or(u32::MAX),
    }
}

fn blocks(reader: &mut Reader, key: &str, value: &Value, options: &mut Options) -> bool {
    match key {
        "tls" => {
            let watch_disabled = &mut options.tls_watch_disabled;
            options.tls = tls::read(reader, value, watch_disabled);
        }
        "ocsp" => options.ocsp = ocsp::read(reader, value),
        "ocsp_cache" => options.ocsp_cache = ocsp::read_cache(reader, value),
        "cluster" => cluster::read(reader, value, &mut options.cluster),
        "system_account" => match &value.kind {
            ValueKind::String(name) => options.system_account = Some(name.clone()).filter(|name| !name.is_empty()),
            _ => reader.error(value, "system account name must be a string"),
        },
        "mappings" => options.mappings = mappings::read(reader, value),
        // Read last, because its users join those of the authorization block.
        "accounts" => {}
        _ => return false,
    }
    true
}

/// What happens to a connection that is not written to in time.
pub(super) fn write_timeout(reader: &mut Reader, value: &Value) -> Option<WriteTimeoutPolicy> {
    match reader.text(value)? {
        "default" => Some(WriteTimeoutPolicy::Default),
        "close" => Some(WriteTimeoutPolicy::Close),
        "retry" => Some(WriteTimeoutPolicy::Retry),
        _ => {
            reader.error(value, "write_timeout must be 'default', 'close' or 'retry'");
            None
        }
    }
}
