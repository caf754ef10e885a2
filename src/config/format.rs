//! The configuration language as a format and a source of the `config` crate.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::{self, Data, Document};

use super::aliases::{canonical, canonical_keys, canonical_path};
use super::report::COMMAND_LINE;
use super::resolver::ProcessResolver;

/// The nats-server configuration language. The origin of every value is `<file>:<line>:<column>`.
///
/// Known top-level keys come out under one spelling each, whatever alias the text uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct NatsFormat;

impl config::Format for NatsFormat {
    fn parse(&self, uri: Option<&String>, text: &str) -> Result<Map<String, Value>, Box<dyn Error + Send + Sync>> {
        let file = uri.map_or("", String::as_str);
        let document = conf::parse(text.as_bytes(), file, &ProcessResolver)?;
        Ok(top_level(document.root))
    }
}

impl config::FileStoredFormat for NatsFormat {
    fn file_extensions(&self) -> &'static [&'static str] {
        &["conf"]
    }
}

/// A parsed document as a layer.
#[derive(Clone, Debug)]
pub(super) struct DocumentSource {
    root: Arc<Map<String, Value>>,
}

impl DocumentSource {
    pub(super) fn new(document: Document) -> Self {
        Self { root: Arc::new(top_level(document.root)) }
    }
}

impl config::Source for DocumentSource {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(Map::clone(&self.root))
    }

    /// Puts the values down as they are. The default method, and with it the builder of the `config` crate, would drop
    /// the origins of tables and take dots in keys for paths.
    fn collect_to(&self, cache: &mut Value) -> Result<(), config::ConfigError> {
        cache.kind = ValueKind::Table(self.collect()?);
        Ok(())
    }
}

/// Flags as a layer: dotted keys reach into blocks.
#[derive(Clone, Debug)]
pub(super) struct FlagSource {
    flags: Map<String, Value>,
}

impl FlagSource {
    pub(super) fn new(overrides: &Map<String, Value>) -> Self {
        let origin = COMMAND_LINE.to_owned();
        let flag =
            |(key, value): (&String, &Value)| (canonical_path(key), Value::new(Some(&origin), value.kind.clone()));
        Self { flags: overrides.iter().map(flag).collect() }
    }
}

impl config::Source for FlagSource {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.flags.clone())
    }
}

/// Origins of the keys that served as variables. They need not be known.
pub(super) fn variables(document: &Document) -> HashSet<String> {
    let mut found = HashSet::new();
    collect_variables(&document.root, &mut found);
    found
}

fn collect_variables(map: &conf::Map, found: &mut HashSet<String>) {
    for entry in map {
        if entry.used_as_variable {
            found.insert(entry.value.position.to_string());
        }
        match &entry.value.data {
            Data::Map(inner) => collect_variables(inner, found),
            Data::Array(items) => {
                for item in items {
                    if let Data::Map(inner) = &item.data {
                        collect_variables(inner, found);
                    }
                }
            }
            _ => {}
        }
    }
}

fn top_level(root: conf::Map) -> Map<String, Value> {
    let mut table = Map::new();
    for entry in root {
        let mut value = to_value(entry.value);
        let key = canonical("", &entry.key).map_or(entry.key, str::to_owned);
        if let ValueKind::Table(inner) = value.kind {
            value.kind = ValueKind::Table(canonical_keys(&key, inner));
        }
        table.insert(key, value);
    }
    table
}

fn to_value(value: conf::Value) -> Value {
    let origin = value.position.to_string();
    let kind = match value.data {
        Data::Bool(truth) => ValueKind::Boolean(truth),
        Data::Integer(number) => ValueKind::I64(number),
        Data::Float(number) => ValueKind::Float(number),
        Data::Text(text) | Data::Datetime(text) => ValueKind::String(text),
        Data::Array(items) => ValueKind::Array(items.into_iter().map(to_value).collect()),
        Data::Map(map) => ValueKind::Table(map.into_iter().map(|entry| (entry.key, to_value(entry.value))).collect()),
    };
    Value::new(Some(&origin), kind)
}
