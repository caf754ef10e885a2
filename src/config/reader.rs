//! Typed getters over configuration values; faults and warnings are collected, not returned.

use std::collections::HashSet;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_codecs::conf::parse_duration;

use super::report::{COMMAND_LINE, ConfigError, ConfigErrors, Warning, WarningKind};

/// Collects what is wrong while values are read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Origins of keys that served as variables.
    variables: HashSet<String>,
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
}

impl Reader {
    pub(super) fn new(variables: HashSet<String>) -> Self {
        Self { variables, ..Self::default() }
    }

    /// The warnings, or everything when there was a fault.
    pub(super) fn finish(self) -> Result<Vec<Warning>, ConfigErrors> {
        if self.errors.is_empty() {
            return Ok(self.warnings);
        }
        Err(ConfigErrors { warnings: self.warnings, errors: self.errors })
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Reports a fault at the place of `value`.
    pub(super) fn error(&mut self, value: &Value, reason: impl Into<String>) {
        self.errors.push(ConfigError { origin: Some(origin(value)), reason: reason.into() });
    }

    /// Reports a fault at the place of `value`, or without a place.
    pub(super) fn error_at(&mut self, value: Option<&Value>, reason: impl Into<String>) {
        self.errors.push(ConfigError { origin: value.map(origin), reason: reason.into() });
    }

    /// Reports a key nobody knows, unless it served as a variable.
    pub(super) fn unknown(&mut self, key: &str, value: &Value) {
        self.unknown_as(value, format!("unknown field {key:?}"));
    }

    /// Reports a key nobody knows in the words given, unless it served as a variable.
    pub(super) fn unknown_as(&mut self, value: &Value, reason: String) {
        if !self.is_variable(value) {
            self.error(value, reason);
        }
    }

    /// Whether the key of `value` served as a variable.
    pub(super) fn is_variable(&self, value: &Value) -> bool {
        value.origin().is_some_and(|origin| self.variables.contains(origin))
    }

    /// Adds a warning in nats-server's form for an unwise use of a key.
    pub(super) fn warn_use(&mut self, key: &str, value: &Value, reason: &str) {
        let text = format!("{}: invalid use of field {key:?}: {reason}", origin(value));
        self.warnings.push(Warning { text, kind: WarningKind::Config });
    }

    /// Adds a warning at the place of `value`.
    pub(super) fn warn(&mut self, value: &Value, reason: &str, kind: WarningKind) {
        self.warnings.push(Warning { text: format!("{}: {reason}", origin(value)), kind });
    }

    /// Adds a warning without a place.
    pub(super) fn warn_plain(&mut self, text: String, kind: WarningKind) {
        self.warnings.push(Warning { text, kind });
    }

    /// Warns that a key has no effect.
    pub(super) fn unsupported(&mut self, key: &str, value: &Value) {
        let reason = format!("{key:?} is not supported yet and has no effect");
        self.warn(value, &reason, WarningKind::Unsupported);
    }

    fn wrong_type(&mut self, value: &Value, wanted: &str) {
        self.error(value, format!("interface conversion: interface {{}} is {}, not {wanted}", go_type(value)));
    }

    pub(super) fn boolean(&mut self, value: &Value) -> Option<bool> {
        if let ValueKind::Boolean(truth) = value.kind {
            return Some(truth);
        }
        self.wrong_type(value, "bool");
        None
    }

    pub(super) fn integer(&mut self, value: &Value) -> Option<i64> {
        let number = as_integer(value);
        if number.is_none() {
            self.wrong_type(value, "int64");
        }
        number
    }

    /// A number that must not be negative.
    pub(super) fn count(&mut self, key: &str, value: &Value) -> Option<u64> {
        let number = self.integer(value)?;
        let count = u64::try_from(number).ok();
        if count.is_none() {
            self.error(value, format!("{key} value can not be negative"));
        }
        count
    }

    pub(super) fn text<'v>(&mut self, value: &'v Value) -> Option<&'v str> {
        if let ValueKind::String(text) = &value.kind {
            return Some(text);
        }
        self.wrong_type(value, "string");
        None
    }

    pub(super) fn table<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        if let ValueKind::Table(table) = &value.kind {
            return Some(table);
        }
        self.wrong_type(value, "map[string]interface {}");
        None
    }

    pub(super) fn array<'v>(&mut self, value: &'v Value) -> Option<&'v [Value]> {
        if let ValueKind::Array(items) = &value.kind {
            return Some(items);
        }
        self.wrong_type(value, "[]interface {}");
        None
    }

    /// One text or an array of texts. `what` names the setting in errors.
    pub(super) fn texts(&mut self, what: &str, value: &Value) -> Option<Vec<String>> {
        match &value.kind {
            ValueKind::String(text) => Some(vec![text.clone()]),
            ValueKind::Array(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match &item.kind {
                        ValueKind::String(text) => texts.push(text.clone()),
                        _ => {
                            let found = go_type(item);
                            self.error(item, format!("error parsing {what}: unsupported type in array {found}"));
                        }
                    }
                }
                Some(texts)
            }
            _ => {
                self.error(value, format!("error parsing {what}: unsupported type {}", go_type(value)));
                None
            }
        }
    }

    /// A duration text, or whole seconds with a warning. Nanoseconds.
    pub(super) fn duration(&mut self, key: &str, value: &Value) -> Option<Duration> {
        let nanoseconds = match &value.kind {
            ValueKind::String(text) => match parse_duration(text) {
                Ok(nanoseconds) => nanoseconds,
                Err(error) => {
                    self.error(value, format!("error parsing {key}: {error}"));
                    return None;
                }
            },
            _ => {
                self.warn_use(key, value, &format!("{key} should be converted to a duration"));
                self.integer(value)?.saturating_mul(1_000_000_000)
            }
        };
        let duration = u64::try_from(nanoseconds).ok().map(Duration::from_nanos);
        if duration.is_none() {
            self.error(value, format!("invalid {key}, needs to be positive"));
        }
        duration
    }

    /// Seconds as a number, or a duration text; `None` for zero and less. `what` names the setting in errors.
    pub(super) fn seconds(&mut self, what: &str, value: &Value) -> Option<Duration> {
        let seconds = match &value.kind {
            ValueKind::Float(seconds) => *seconds,
            #[expect(clippy::cast_precision_loss, reason = "a time-out of 2^53 seconds is as good as any")]
            ValueKind::String(text) => match parse_duration(text) {
                Ok(nanoseconds) => nanoseconds as f64 / 1e9,
                Err(error) => {
                    self.error(value, format!("error parsing {what} config, 'timeout' {error}"));
                    return None;
                }
            },
            #[expect(clippy::cast_precision_loss, reason = "a time-out of 2^53 seconds is as good as any")]
            _ => match as_integer(value) {
                Some(seconds) => seconds as f64,
                None => {
                    self.error(value, format!("error parsing {what} config, 'timeout' wrong type"));
                    return None;
                }
            },
        };
        if seconds <= 0.0 {
            return None;
        }
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

/// Where a value was given.
pub(super) fn origin(value: &Value) -> String {
    value.origin().unwrap_or(COMMAND_LINE).to_owned()
}

/// Whether a value was given as a flag.
pub(super) fn is_flag(value: &Value) -> bool {
    value.origin().is_none_or(|origin| origin == COMMAND_LINE)
}

fn as_integer(value: &Value) -> Option<i64> {
    match value.kind {
        ValueKind::I64(number) => Some(number),
        ValueKind::U64(number) => i64::try_from(number).ok(),
        ValueKind::I128(number) => i64::try_from(number).ok(),
        ValueKind::U128(number) => i64::try_from(number).ok(),
        _ => None,
    }
}

/// Go's name for the type of a value, as its texts show it.
pub(super) fn go_type(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "<nil>",
        ValueKind::Boolean(_) => "bool",
        ValueKind::I64(_) | ValueKind::U64(_) | ValueKind::I128(_) | ValueKind::U128(_) => "int64",
        ValueKind::Float(_) => "float64",
        ValueKind::String(_) => "string",
        ValueKind::Table(_) => "map[string]interface {}",
        ValueKind::Array(_) => "[]interface {}",
    }
}

/// A scalar as Go's `%v` shows it; arrays and maps by their kind.
pub(super) fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Table(_) => "a map".to_owned(),
        ValueKind::Array(_) => "an array".to_owned(),
        _ => value.to_string(),
    }
}
