//! A document as the JSON text that nats-server's configuration digest is taken of.

use std::fmt::Write as _;

use super::value::{Data, Document, Map};

impl Document {
    /// The JSON of the document: keys sorted, `<`, `>`, `&` and the Unicode line separators escaped, a final new
    /// line. SHA-256 of it is nats-server's digest.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        write_map(&mut json, &self.root);
        json.push('\n');
        json
    }
}

fn write_map(json: &mut String, map: &Map) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    json.push('{');
    for (place, entry) in entries.into_iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        write_text(json, &entry.key);
        json.push(':');
        write_data(json, &entry.value.data);
    }
    json.push('}');
}

fn write_data(json: &mut String, data: &Data) {
    match data {
        Data::Bool(truth) => json.push_str(if *truth { "true" } else { "false" }),
        Data::Integer(number) => _ = write!(json, "{number}"),
        Data::Float(number) => write_float(json, *number),
        Data::Text(text) | Data::Datetime(text) => write_text(json, text),
        Data::Array(items) => {
            json.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    json.push(',');
                }
                write_data(json, &item.data);
            }
            json.push(']');
        }
        Data::Map(map) => write_map(json, map),
    }
}

/// Very small and very large numbers have an exponent, as in JavaScript.
fn write_float(json: &mut String, number: f64) {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        // Go writes the sign of a positive exponent.
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => _ = write!(json, "{digits}e+{exponent}"),
            _ => json.push_str(&text),
        }
        return;
    }
    let _ = write!(json, "{number}");
}

fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => _ = write!(json, "\\u{:04x}", u32::from(c)),
            _ => json.push(c),
        }
    }
    json.push('"');
}
