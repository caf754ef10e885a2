//! Answers as text, without what differs by nature.

use std::fmt::Write as _;

use async_nats::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Keys whose values differ by nature.
const MASKED_KEYS: [&str; 12] = [
    "created",
    "ts",
    "first_ts",
    "last_ts",
    "time",
    "leader",
    "id",
    "timestamp",
    "last_active",
    "pinned_client_id",
    "pinned_ts",
    "pause_remaining",
];
/// Bytes differ with the form messages are stored in.
const MASKED_HEADERS: [&str; 3] = ["Nats-Time-Stamp", "Nats-Pin-Id", "Nats-Stream-Identity"];

/// An answer: status, headers in order of their names, body.
pub(crate) fn masked(answer: &Message) -> String {
    let mut text = String::new();
    if let Some(reply) = answer.reply.as_ref().filter(|reply| reply.starts_with("$JS.ACK.")) {
        // The last token but one is the time the message was stored.
        let mut tokens: Vec<&str> = reply.split('.').collect();
        let at = tokens.len().saturating_sub(2);
        tokens[at] = "?";
        let _ = write!(text, "<{} {}> ", answer.subject, tokens.join("."));
    }
    if let Some(status) = answer.status {
        let _ = write!(text, "[{} {}] ", status.as_u16(), answer.description.as_deref().unwrap_or_default());
    }
    if let Some(headers) = &answer.headers {
        let mut lines: Vec<String> = Vec::new();
        for (name, values) in headers.iter() {
            for value in values {
                let is_masked = MASKED_HEADERS.contains(&AsRef::<str>::as_ref(name));
                lines.push(format!("{name}: {}", if is_masked { "?" } else { value.as_str() }));
            }
        }
        lines.sort_unstable();
        let _ = write!(text, "{lines:?} ");
    }
    match serde_json::from_slice::<Value>(&answer.payload) {
        Ok(value) if value.is_object() => text.push_str(&mask(value, "").to_string()),
        _ => text.push_str(&String::from_utf8_lossy(&answer.payload)),
    }
    text
}

fn mask(value: Value, key: &str) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), mask(value, &key))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| mask(item, key)).collect()),
        // Clients send headers in any order.
        Value::String(text) if key == "hdrs" => sorted_lines(&text).into(),
        Value::String(text) if MASKED_KEYS.contains(&key) && !text.starts_with("0001") => "?".into(),
        Value::Number(_) if MASKED_KEYS.contains(&key) => "?".into(),
        other => other,
    }
}

/// The lines of a header block in base 64, in order.
fn sorted_lines(text: &str) -> String {
    let block = STANDARD.decode(text).expect("headers are in base 64");
    let block = String::from_utf8_lossy(&block).into_owned();
    let mut lines: Vec<&str> = block.lines().collect();
    lines.sort_unstable();
    lines.join("; ")
}
