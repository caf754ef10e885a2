//! Values with positions, in the order of the text.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A place in a file. Shown as `<file>:<line>:<column>`.
///
/// Lines count from 1. Columns are nats-server's: byte offsets, from 0 in the first line and from 1 in all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Name of the file as it was given to [`super::parse`] or by the [`super::Resolver`].
    pub file: Arc<str>,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `true`, `on`, `yes` and their opposites.
    Bool(bool),
    /// Whole number, size suffix applied.
    Integer(i64),
    /// Number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// `YYYY-MM-DDTHH:MM:SSZ`, as written.
    Datetime(String),
    /// Array.
    Array(Vec<Value>),
    /// Map.
    Map(Map),
}

/// A value and its place. In a map the place is that of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Where it is.
    pub position: Position,
    /// It was written as `$NAME`.
    pub from_variable: bool,
}

impl Value {
    /// Memory the value stands for, in bytes, roughly. Bounds what variables may multiply.
    pub(super) fn weight(&self) -> usize {
        const NODE: usize = 64;
        NODE + match &self.data {
            Data::Bool(_) | Data::Integer(_) | Data::Float(_) => 0,
            Data::Text(text) | Data::Datetime(text) => text.len(),
            Data::Array(items) => items.iter().map(Self::weight).sum(),
            Data::Map(map) => map.iter().map(|entry| NODE + entry.key.len() + entry.value.weight()).sum(),
        }
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Key as written.
    pub key: String,
    /// Value.
    pub value: Value,
    /// Some `$NAME` referred to this key, so it need not be a known option.
    pub used_as_variable: bool,
}

/// A map in the order of the text. A key that is given twice keeps its first place and its last value.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Map {
    /// The value of `key`, spelled exactly so.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.places.get(key).map(|&place| &self.entries[place].value)
    }

    /// Keys and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets `key`, replacing an earlier value.
    pub fn insert(&mut self, key: String, value: Value) {
        self.insert_entry(Entry { key, value, used_as_variable: false });
    }

    pub(super) fn insert_entry(&mut self, entry: Entry) {
        match self.places.get(&entry.key) {
            Some(&place) => self.entries[place] = entry,
            None => {
                self.places.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    /// Takes a copy of the value of `key` and remembers that the key served as a variable.
    pub(super) fn use_as_variable(&mut self, key: &str) -> Option<Value> {
        let place = *self.places.get(key)?;
        self.entries[place].used_as_variable = true;
        Some(self.entries[place].value.clone())
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

/// A parsed text with everything it includes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Top-level keys.
    pub root: Map,
}
