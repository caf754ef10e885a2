//! Collects the fields of one event.

use std::fmt::{Debug, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};

/// Fields that only JSON lines show start with this.
const JSON_ONLY: &str = "json.";

/// Fields of one event, taken apart. Reused by a thread from event to event.
#[derive(Default)]
pub(super) struct Scratch {
    /// The text.
    pub(super) message: String,
    /// The connection the event is about; empty when it is about none.
    pub(super) conn: String,
    /// The event ends the process.
    pub(super) is_fatal: bool,
    /// ` name=value` for each other field.
    pub(super) text_fields: String,
    /// `,"name":value` for each other field.
    pub(super) json_fields: Vec<u8>,
    /// Other fields are wanted as JSON, not as text.
    pub(super) wants_json: bool,
}

impl Scratch {
    /// Forgets the last event.
    pub(super) fn start(&mut self, wants_json: bool) {
        self.message.clear();
        self.conn.clear();
        self.is_fatal = false;
        self.text_fields.clear();
        self.json_fields.clear();
        self.wants_json = wants_json;
    }

    fn push(&mut self, field: &Field, text: &dyn Debug, json: impl FnOnce(&mut Vec<u8>)) {
        if self.wants_json {
            self.push_json_name(field.name().strip_prefix(JSON_ONLY).unwrap_or(field.name()));
            json(&mut self.json_fields);
        } else if !field.name().starts_with(JSON_ONLY) {
            let _ = write!(self.text_fields, " {}={text:?}", field.name());
        }
    }

    /// A field must not repeat a key every line has.
    fn push_json_name(&mut self, name: &str) {
        let prefix = match name {
            "time" | "level" | "pid" | "message" | "conn" => "field_",
            _ => "",
        };
        self.json_fields.push(b',');
        push_json_string(&mut self.json_fields, &format!("{prefix}{name}"));
        self.json_fields.push(b':');
    }
}

impl Visit for Scratch {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => {
                let _ = write!(self.message, "{value:?}");
            }
            "conn" => {
                let _ = write!(self.conn, "{value:?}");
            }
            _ => self.push(field, value, |out| push_json_string(out, &format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "conn" => self.conn.push_str(value),
            _ => self.push(field, &value, |out| push_json_string(out, value)),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "fatal" {
            self.is_fatal = value;
            return;
        }
        self.push(field, &value, |out| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, &value, |out| push_display(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, &value, |out| push_display(out, value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, &value, |out| match value.is_finite() {
            true => push_display(out, value),
            false => out.extend_from_slice(b"null"),
        });
    }
}

/// Appends a JSON string.
pub(super) fn push_json_string(out: &mut Vec<u8>, text: &str) {
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}
