//! Compares documents: same keys, same JSON types, and the same values where chance and time have no say.

use serde_json::Value;

use crate::differences::DIFFERENCES;

/// Keys whose values differ from run to run; their types must not.
const VOLATILE: &[&str] = &[
    "server_id",
    "now",
    "start",
    "last_activity",
    "stop",
    "rtt",
    "uptime",
    "idle",
    "port",
    "cid",
    "mem",
    "cpu",
    "go",
    "config_load_time",
    "update_time",
    "spki_sha256",
    "cert_sha256",
    "tls_cert_not_after",
    "pending_bytes",
    "created",
    "first_ts",
    "last_ts",
    "ts",
    "active",
    "last_active",
];

/// Lists without an order, in which nats-server has entries of its own.
const LISTS: &[&str] = &[
    "subscriptions_list",
    "subscriptions_list_detail",
    "accounts",
    "account_statz",
    "imports",
    "exports",
    "stream_detail",
];

/// Everything in which `found` is not as `wanted`, but for the reviewed differences. `endpoint` is the path without its query.
pub(crate) fn differences(endpoint: &str, wanted: &Value, found: &Value) -> Vec<String> {
    let (mut wanted, mut found) = (wanted.clone(), found.clone());
    normalise("", &mut wanted);
    normalise("", &mut found);
    let mut differences = Vec::new();
    compare(endpoint, "", &wanted, &found, &mut differences);
    differences
}

/// Masks what is volatile, leaves the server's own subscriptions out and sorts lists without an order.
fn normalise(key: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, value)| normalise(key, value));
            // What is left of a list of the server's own.
            fields.retain(|key, value| !LISTS.contains(&key.as_str()) || *value != Value::Array(Vec::new()));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| normalise("", item));
            if LISTS.contains(&key) {
                let is_of_clients = |item: &Value| !subject_of(item).starts_with("$SYS.");
                items.retain(is_of_clients);
                items.sort_by_key(ToString::to_string);
            }
        }
        Value::String(text) if VOLATILE.contains(&key) && !text.is_empty() => "<text>".clone_into(text),
        Value::Number(number) if VOLATILE.contains(&key) => *number = 0.into(),
        _ => {}
    }
}

fn subject_of(item: &Value) -> &str {
    item.as_str().or_else(|| item["subject"].as_str()).unwrap_or_default()
}

fn compare(endpoint: &str, path: &str, wanted: &Value, found: &Value, differences: &mut Vec<String>) {
    let is_reviewed =
        DIFFERENCES.iter().any(|(known, pattern, _)| (*known == "*" || *known == endpoint) && is_match(pattern, path));
    if is_reviewed {
        return;
    }
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let keys: std::collections::BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            for key in keys {
                let inner = format!("{path}/{key}");
                let (wanted, found) = (wanted.get(key).unwrap_or(&Value::Null), found.get(key).unwrap_or(&Value::Null));
                compare(endpoint, &inner, wanted, found, differences);
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (wanted, found) in wanted.iter().zip(found) {
                compare(endpoint, &format!("{path}/-"), wanted, found, differences);
            }
        }
        _ if wanted == found => {}
        _ => differences.push(format!("{endpoint} {path}: nats-server has {wanted}, troupe has {found}")),
    }
}

/// A pattern is a path, or the beginning of one with a star behind it.
fn is_match(pattern: &str, path: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == path, |start| path.starts_with(start))
}
