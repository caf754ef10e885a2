//! Rights of users.

use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::parse_duration;
use troupe_engine::options::{Permissions, ResponsePermission, SubjectPermission};

use super::reader::{Reader, go_type, shown};

/// Reads a `permissions` map.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Option<Permissions> {
    let ValueKind::Table(table) = &value.kind else {
        reader.error(value, format!("Expected permissions to be a map/struct, got {}", shown(value)));
        return None;
    };
    let mut permissions = Permissions::default();
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "pub" | "publish" | "import" => permissions.publish = subjects(reader, value, false),
            "sub" | "subscribe" | "export" => permissions.subscribe = subjects(reader, value, true),
            "publish_allow_responses" | "allow_responses" => permissions.responses = responses(reader, value),
            _ => reader.unknown_as(value, format!("Unknown field {key:?} parsing permissions")),
        }
    }
    // The right to answer is pointless next to the right to publish anything, so it takes that away.
    if permissions.responses.is_some() {
        permissions.publish.get_or_insert_default().allow.get_or_insert_default();
    }
    Some(permissions)
}

/// Reads subjects to allow, or a map with `allow` and `deny`. Empty lists and maps restrict nothing.
fn subjects(reader: &mut Reader, value: &Value, queues: bool) -> Option<SubjectPermission> {
    let ValueKind::Table(table) = &value.kind else {
        let allow = list(reader, value, queues)?;
        return Some(SubjectPermission { allow: some_list(allow), deny: Vec::new() });
    };
    if table.is_empty() {
        return None;
    }
    let mut permission = SubjectPermission::default();
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "allow" => permission.allow = list(reader, value, queues).and_then(some_list),
            "deny" => permission.deny = list(reader, value, queues).unwrap_or_default(),
            _ => {
                let reason = format!(
                    "Unknown field name {key:?} parsing subject permissions, only 'allow' or 'deny' are permitted"
                );
                reader.unknown_as(value, reason);
            }
        }
    }
    Some(permission)
}

fn some_list(list: Vec<String>) -> Option<Vec<String>> {
    Some(list).filter(|list| !list.is_empty())
}

fn list(reader: &mut Reader, value: &Value, queues: bool) -> Option<Vec<String>> {
    let items = match &value.kind {
        ValueKind::String(_) => std::slice::from_ref(value),
        ValueKind::Array(items) => items,
        _ => {
            let found = go_type(value);
            let reason = format!("Expected subject permissions to be a subject, or array of subjects, got {found}");
            reader.error(value, reason);
            return None;
        }
    };
    let mut subjects = Vec::with_capacity(items.len());
    for item in items {
        let ValueKind::String(text) = &item.kind else {
            reader.error(item, "Subject in permissions array cannot be cast to string");
            return None;
        };
        if let Err(reason) = check_subject(text, queues) {
            reader.error(value, reason);
            return None;
        }
        subjects.push(text.clone());
    }
    Some(subjects)
}

/// Checks `subject`, or `subject queue` where queues are allowed.
fn check_subject(text: &str, queues: bool) -> Result<(), String> {
    if is_valid_subject(text) {
        return Ok(());
    }
    let words: Vec<_> = text.split_whitespace().collect();
    match words[..] {
        [subject, _] if queues && !is_valid_subject(subject) => {
            Err(format!("subject {subject:?} is not a valid subject"))
        }
        [_, queue] if queues && !is_valid_subject(queue) => Err(format!("queue {queue:?} is not a valid queue")),
        [_, _] if queues => Ok(()),
        _ => Err(format!("subject {text:?} is not a valid subject")),
    }
}

/// Whether a text is a subject: tokens without white space, none empty, `>` only last.
pub(super) fn is_valid_subject(text: &str) -> bool {
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        let is_last = tokens.peek().is_none();
        let spaced = token.contains(['\t', '\n', '\x0c', '\r', ' ']);
        if token.is_empty() || spaced || (token == ">" && !is_last) {
            return false;
        }
    }
    true
}

fn responses(reader: &mut Reader, value: &Value) -> Option<ResponsePermission> {
    match &value.kind {
        ValueKind::Boolean(true) => Some(ResponsePermission::default()),
        ValueKind::Boolean(false) => None,
        ValueKind::Table(table) => response_limits(reader, table),
        _ => {
            reader.error(value, "error parsing response permissions, expected a boolean or a map");
            None
        }
    }
}

/// Zero stands for the default, a negative number for no limit.
fn response_limits(reader: &mut Reader, table: &Map<String, Value>) -> Option<ResponsePermission> {
    let mut limits = ResponsePermission::default();
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "max" | "max_msgs" | "max_messages" | "max_responses" => {
                if let Some(number) = reader.integer(value).filter(|&number| number != 0) {
                    limits.max_messages = number;
                }
            }
            "expires" | "expiration" | "ttl" => {
                let ValueKind::String(text) = &value.kind else {
                    reader.error(value, "error parsing expires, not a duration string");
                    return None;
                };
                match parse_duration(text) {
                    Ok(0) => {}
                    Ok(nanoseconds) => limits.expires = u64::try_from(nanoseconds).ok().map(Duration::from_nanos),
                    Err(error) => {
                        reader.error(value, format!("error parsing expires: {error}"));
                        return None;
                    }
                }
            }
            _ => reader.unknown_as(value, format!("Unknown field {key:?} parsing permissions")),
        }
    }
    Some(limits)
}
