//! Keys that are known but not served: accepted with a warning.

use config::{Map, Value, ValueKind};

use super::known::{Known, Shape, TOP};
use super::listen;
use super::reader::{Reader, go_type};

/// Reads a key of the top level; false when it is not known.
pub(super) fn read(reader: &mut Reader, key: &str, value: &Value) -> bool {
    let Some((_, shape)) = TOP.iter().find(|(name, ..)| *name == key) else { return false };
    if is_off(value) {
        return true;
    }
    reader.unsupported(key, value);
    check(reader, key, value, *shape);
    true
}

/// Reads a key of a block in which nothing is served; false when it is not known there.
pub(super) fn read_in(reader: &mut Reader, known: &[Known], key: &str, value: &Value) -> bool {
    let Some(shape) = find(known, key) else { return false };
    if !is_off(value) {
        reader.unsupported(key, value);
        check(reader, key, value, shape);
    }
    true
}

/// Whether a key says that its service is not wanted: `jetstream: disabled`, `ocsp: false`, `jetstream { enabled: no }`.
fn is_off(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Boolean(on) => !on,
        ValueKind::String(text) => matches!(text.to_ascii_lowercase().as_str(), "disabled" | "disable"),
        ValueKind::Table(table) => ["enabled", "enable"]
            .iter()
            .filter_map(|key| table.get(*key))
            .any(|value| matches!(value.kind, ValueKind::Boolean(false))),
        _ => false,
    }
}

fn find(known: &[Known], key: &str) -> Option<Shape> {
    let is_key = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    known.iter().find(|(names, _)| is_key(names)).map(|(_, shape)| *shape)
}

/// Reports what is wrong with the value of a key, as far as it is looked into.
fn check(reader: &mut Reader, key: &str, value: &Value, shape: Shape) {
    match (shape, &value.kind) {
        (Shape::Any, _) => {}
        (Shape::Integer, _) => _ = reader.integer(value),
        (Shape::Listen, _) => listen::check(reader, value),
        (Shape::Block(known), ValueKind::Table(table)) => check_table(reader, table, known),
        (Shape::List(known), ValueKind::Array(items)) => {
            for item in items {
                check(reader, key, item, Shape::Block(known));
            }
        }
        _ => reader.error(value, format!("{}, got {}", expectation(key), go_type(value))),
    }
}

/// nats-server's words for the shape a block should have.
fn expectation(key: &str) -> String {
    match key {
        "gateway" | "websocket" | "mqtt" => format!("Expected {key} to be a map"),
        "leafnodes" => "Expected map to define a leafnode".to_owned(),
        "imports" | "exports" | "gateways" => format!("{key} should be an array of maps"),
        _ => format!("Expected {key} to be a map"),
    }
}

fn check_table(reader: &mut Reader, table: &Map<String, Value>, known: &[Known]) {
    for (key, value) in table {
        match find(known, key) {
            Some(shape) => check(reader, key, value, shape),
            None => reader.unknown(key, value),
        }
    }
}
