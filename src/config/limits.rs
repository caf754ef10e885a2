//! `limits` of users and accounts.

use config::{Map, Value, ValueKind};
use troupe_engine::options::{AccountLimits, Rate, RateOptions, UserLimitOptions};

use super::reader::{Reader, shown};

/// Keys of rates, which nats-server does not have: what is limited, then the burst that goes with it.
const MESSAGES: [&str; 2] = ["messages_per_second", "messages_burst"];
const BYTES: [&str; 2] = ["bytes_per_second", "bytes_burst"];

/// Reads the limits of an account.
pub(super) fn read_account(reader: &mut Reader, value: &Value, limits: &mut AccountLimits) {
    let Some(table) = table(reader, value, "account") else { return };
    limits.rate = read_rates(reader, table);
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "max_connections" | "max_conn" => limits.max_connections = limit(reader, value),
            "max_subscriptions" | "max_subs" => limits.max_subscriptions = limit(reader, value),
            "max_payload" | "max_pay" => {
                limits.max_payload = limit(reader, value).map(|size| usize::try_from(size).unwrap_or(usize::MAX));
            }
            "max_leafnodes" | "max_leafs" => limits.max_leafnodes = limit(reader, value),
            key if is_rate(key) => {}
            _ => reader.unknown_as(value, format!("Unknown field {key:?} parsing account limits")),
        }
    }
}

/// Reads the limits of a user, which nats-server has in tokens only.
pub(super) fn read_user(reader: &mut Reader, value: &Value) -> UserLimitOptions {
    let Some(table) = table(reader, value, "user") else { return UserLimitOptions::default() };
    let mut limits = UserLimitOptions { rate: read_rates(reader, table), ..UserLimitOptions::default() };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "max_connections" | "max_conn" => limits.max_connections = limit(reader, value),
            "max_subscriptions" | "max_subs" => limits.max_subscriptions = limit(reader, value),
            "max_payload" | "max_pay" => limits.max_payload = limit(reader, value),
            key if is_rate(key) => {}
            _ => reader.unknown_as(value, format!("Unknown field {key:?} parsing user limits")),
        }
    }
    limits
}

fn table<'v>(reader: &mut Reader, value: &'v Value, of: &str) -> Option<&'v Map<String, Value>> {
    let ValueKind::Table(table) = &value.kind else {
        reader.error(value, format!("Expected {of} limits to be a map/struct, got {}", shown(value)));
        return None;
    };
    Some(table)
}

/// A negative number is no limit.
fn limit(reader: &mut Reader, value: &Value) -> Option<u64> {
    reader.integer(value).and_then(|number| u64::try_from(number).ok())
}

fn is_rate(key: &str) -> bool {
    MESSAGES.contains(&key) || BYTES.contains(&key)
}

fn read_rates(reader: &mut Reader, table: &Map<String, Value>) -> RateOptions {
    RateOptions { messages: read_rate(reader, table, MESSAGES), bytes: read_rate(reader, table, BYTES) }
}

/// One rate. Without a burst what comes at once is what a second allows.
fn read_rate(reader: &mut Reader, table: &Map<String, Value>, [rate, burst]: [&str; 2]) -> Option<Rate> {
    let mut read = |name: &str| {
        let (_, value) = table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let number = reader.integer(value)?;
        let amount = u64::try_from(number).ok().filter(|amount| *amount > 0);
        if amount.is_none() {
            reader.error(value, format!("{name:?} must be greater than zero, got {number}"));
        }
        Some((value, amount?))
    };
    match (read(rate), read(burst)) {
        (Some((_, per_second)), burst) => {
            Some(Rate { per_second, burst: burst.map_or(per_second, |(_, burst)| burst) })
        }
        (None, Some((value, _))) => {
            // A rate that is wrong has its own error.
            if !table.keys().any(|key| key.eq_ignore_ascii_case(rate)) {
                reader.error(value, format!("{burst:?} needs {rate:?}"));
            }
            None
        }
        (None, None) => None,
    }
}
