//! Reads and writes JSON as nats-server does.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::{Map, Serializer, Value};
use thiserror::Error;

use super::time::Timestamp;

/// Keys whose objects have keys of the user's choice.
const FREE_KEYS: [&str; 3] = ["metadata", "headers", "subjects"];

/// Why a body is no request of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// Whether fields nobody knows are errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They are.
    Strict,
    /// They are skipped.
    Lenient,
}

/// Reads a value as Go's decoder does: keys in any case, `null` changes nothing.
///
/// # Errors
/// The text is no JSON of this kind, or names a field that does not exist and the reading is strict.
pub fn decode<T: DeserializeOwned>(json: &[u8], strictness: Strictness) -> Result<T, JsonError> {
    decode_value(parse(json)?, strictness)
}

/// Parses JSON into a value with keys in lower case and without nulls.
///
/// # Errors
/// The text is no JSON.
pub fn parse(json: &[u8]) -> Result<Value, JsonError> {
    let value: Value = serde_json::from_slice(json).map_err(|cause| syntax_error(json, &cause))?;
    Ok(normalise(value))
}

/// As [`decode`], for a value from [`parse`].
///
/// # Errors
/// As for [`decode`].
pub fn decode_value<T: DeserializeOwned>(value: Value, strictness: Strictness) -> Result<T, JsonError> {
    let value = if value.is_null() { Value::Object(Map::new()) } else { value };
    let mut unknown = None;
    let note = |path: serde_ignored::Path<'_>| {
        let path = path.to_string();
        let name = path.rsplit('.').next().unwrap_or_default().to_owned();
        unknown.get_or_insert(name);
    };
    let decoded = serde_ignored::deserialize(value, note).map_err(|cause| JsonError(cause.to_string()))?;
    match unknown {
        Some(name) if strictness == Strictness::Strict => Err(JsonError(format!("json: unknown field \"{name}\""))),
        _ => Ok(decoded),
    }
}

/// Reads what is stored of an asset: when it was made, and beside it a configuration in which every field must be known.
///
/// # Errors
/// It is none, or has fields of a later server.
pub fn decode_stored<T: DeserializeOwned>(json: &[u8]) -> Result<(Timestamp, T), JsonError> {
    let mut value = parse(json)?;
    let created = value.as_object_mut().and_then(|fields| fields.remove("created"));
    let created = created.map(serde_json::from_value).transpose().map_err(|cause| JsonError(cause.to_string()))?;
    Ok((created.unwrap_or_default(), decode_value(value, Strictness::Strict)?))
}

/// Writes a value as Go's encoder does, which escapes what HTML gives a meaning.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = Serializer::with_formatter(&mut bytes, GoFormatter(CompactFormatter));
    // Only maps with keys that are no text cannot be written, and no type of the API has one.
    if value.serialize(&mut serializer).is_err() {
        bytes.clear();
    }
    bytes
}

fn syntax_error(json: &[u8], cause: &serde_json::Error) -> JsonError {
    if cause.is_eof() {
        return JsonError("unexpected end of JSON input".to_owned());
    }
    let offset = if cause.line() <= 1 { cause.column().saturating_sub(1) } else { 0 };
    match json.get(offset).filter(|_| cause.is_syntax()) {
        Some(letter) => {
            let (place, number) = (if offset == 0 { " looking for beginning of value" } else { "" }, offset + 1);
            JsonError(format!("invalid character '{}'{place} at offset {number}", char::from(*letter)))
        }
        None => JsonError(cause.to_string()),
    }
}

fn normalise(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| normalise_field(&key, value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normalise).collect()),
        other => other,
    }
}

fn normalise_field(key: &str, value: Value) -> (String, Value) {
    let key = key.to_ascii_lowercase();
    let is_free = value.is_object() && FREE_KEYS.contains(&key.as_str());
    (key, if is_free { value } else { normalise(value) })
}

/// Compact, with the escapes of Go's encoder.
struct GoFormatter(CompactFormatter);

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut start = 0;
        for (at, letter) in fragment.char_indices() {
            let escape = match letter {
                '<' => "\\u003c",
                '>' => "\\u003e",
                '&' => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                _ => continue,
            };
            self.0.write_string_fragment(writer, &fragment[start..at])?;
            writer.write_all(escape.as_bytes())?;
            start = at + letter.len_utf8();
        }
        self.0.write_string_fragment(writer, &fragment[start..])
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Probe {
        name: String,
        count: i64,
    }

    #[test]
    fn keys_have_any_case_and_null_is_nothing() {
        let probe: Probe = decode(br#"{"NAME":"a","count":null}"#, Strictness::Strict).unwrap();
        assert_eq!(probe, Probe { name: "a".to_owned(), count: 0 });
    }

    #[test]
    fn unknown_fields_are_errors_when_strict() {
        let body = br#"{"name":"a","other":1}"#;
        let fault = decode::<Probe>(body, Strictness::Strict).unwrap_err();
        assert_eq!(fault.to_string(), "json: unknown field \"other\"");
        assert!(decode::<Probe>(body, Strictness::Lenient).is_ok());
    }

    #[test]
    fn stored_fields_must_be_known() {
        let (created, probe) = decode_stored::<Probe>(br#"{"Created":"2020-01-01T00:00:00Z","name":"a"}"#).unwrap();
        assert_eq!((created.is_zero(), probe.name.as_str()), (false, "a"));
        let fault =
            decode_stored::<Probe>(br#"{"Created":"2020-01-01T00:00:00Z","name":"a","later":true}"#).unwrap_err();
        assert_eq!(fault.to_string(), "json: unknown field \"later\"");
    }

    #[test]
    fn text_is_escaped_as_in_go() {
        assert_eq!(encode(&"a.>&<\u{2028}\n"), br#""a.\u003e\u0026\u003c\u2028\n""#);
    }
}
