//! The table of flags, and Go's rules for finding them among arguments.

use std::collections::BTreeMap;

use super::values;
use crate::text::quoted;

/// How the value of a flag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `-x` alone is true; a value needs `=`.
    Boolean,
    /// A number, in the next argument or behind `=`.
    Integer,
    /// A string, in the next argument or behind `=`.
    Text,
}

/// Spellings of one option; the first one names it inside this program.
struct Flag {
    spellings: &'static [&'static str],
    kind: Kind,
}

const fn flag(kind: Kind, spellings: &'static [&'static str]) -> Flag {
    Flag { spellings, kind }
}

/// Every flag nats-server 2.15.1 accepts.
const FLAGS: &[Flag] = &[
    flag(Kind::Boolean, &["help", "h"]),
    flag(Kind::Boolean, &["version", "v"]),
    flag(Kind::Boolean, &["help_tls"]),
    flag(Kind::Text, &["config", "c"]),
    flag(Kind::Boolean, &["t"]),
    flag(Kind::Text, &["signal", "sl"]),
    flag(Kind::Text, &["addr", "a", "net"]),
    flag(Kind::Integer, &["port", "p"]),
    flag(Kind::Text, &["server_name", "name", "n"]),
    flag(Kind::Text, &["pid", "P"]),
    flag(Kind::Text, &["ports_file_dir"]),
    flag(Kind::Text, &["client_advertise"]),
    flag(Kind::Integer, &["http_port", "m"]),
    flag(Kind::Integer, &["https_port", "ms"]),
    flag(Kind::Integer, &["profile"]),
    flag(Kind::Text, &["log", "l"]),
    flag(Kind::Integer, &["log_size_limit"]),
    flag(Kind::Boolean, &["logtime", "T"]),
    flag(Kind::Boolean, &["logtime_utc"]),
    flag(Kind::Boolean, &["syslog", "s"]),
    flag(Kind::Text, &["remote_syslog", "r"]),
    flag(Kind::Boolean, &["debug", "D"]),
    flag(Kind::Boolean, &["trace", "V"]),
    flag(Kind::Boolean, &["VV"]),
    flag(Kind::Boolean, &["DV"]),
    flag(Kind::Boolean, &["DVV"]),
    flag(Kind::Integer, &["max_traced_msg_len"]),
    flag(Kind::Boolean, &["jetstream", "js"]),
    flag(Kind::Text, &["store_dir", "sd"]),
    flag(Kind::Text, &["user"]),
    flag(Kind::Text, &["pass"]),
    flag(Kind::Text, &["auth"]),
    flag(Kind::Boolean, &["tls"]),
    flag(Kind::Boolean, &["tlsverify"]),
    flag(Kind::Text, &["tlscert"]),
    flag(Kind::Text, &["tlskey"]),
    flag(Kind::Text, &["tlscacert"]),
    flag(Kind::Text, &["routes"]),
    flag(Kind::Text, &["cluster", "cluster_listen"]),
    flag(Kind::Text, &["cluster_name"]),
    flag(Kind::Text, &["cluster_advertise"]),
    flag(Kind::Boolean, &["no_advertise"]),
    flag(Kind::Integer, &["connect_retries"]),
];

/// A value after its kind was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FlagValue {
    Boolean(bool),
    Integer(i64),
    Text(String),
}

/// Flags that were given, under the first spelling of their row, and what stood behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    values: BTreeMap<&'static str, FlagValue>,
    pub(super) rest: Vec<String>,
}

impl Parsed {
    /// Reads flags until the first argument that is none, or until `--`. The last value of a flag wins.
    /// The error is Go's text.
    pub(super) fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument.len() < 2 || !argument.starts_with('-') {
                parsed.rest.push(argument);
                break;
            }
            if argument == "--" {
                break;
            }
            let (row, value) = read_flag(&argument, &mut arguments)?;
            parsed.values.insert(row.spellings[0], value);
        }
        parsed.rest.extend(arguments);
        Ok(parsed)
    }

    /// Value of a flag, if it was given.
    pub(super) fn get(&self, name: &str) -> Option<&FlagValue> {
        self.values.get(name)
    }

    /// Whether a boolean flag was given and is true.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.boolean(name).unwrap_or(false)
    }

    /// Value of a boolean flag, if it was given.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(FlagValue::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// Value of a text flag, if it was given.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(FlagValue::Text(value)) => Some(value),
            _ => None,
        }
    }
}

fn read_flag(
    argument: &str,
    following: &mut impl Iterator<Item = String>,
) -> Result<(&'static Flag, FlagValue), String> {
    let name_and_value = argument.strip_prefix("--").unwrap_or(&argument[1..]);
    if name_and_value.is_empty() || name_and_value.starts_with(['-', '=']) {
        return Err(format!("bad flag syntax: {argument}"));
    }
    let (name, inline_value) = match name_and_value.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (name_and_value, None),
    };
    let Some(row) = FLAGS.iter().find(|row| row.spellings.contains(&name)) else {
        return Err(format!("flag provided but not defined: -{name}"));
    };
    if row.kind == Kind::Boolean {
        return Ok((row, read_boolean(name, inline_value)?));
    }
    let value = inline_value.or_else(|| following.next()).ok_or_else(|| format!("flag needs an argument: -{name}"))?;
    Ok((row, read_value(row.kind, name, value)?))
}

fn read_boolean(name: &str, inline_value: Option<String>) -> Result<FlagValue, String> {
    let Some(text) = inline_value else {
        return Ok(FlagValue::Boolean(true));
    };
    values::boolean(&text)
        .map(FlagValue::Boolean)
        .ok_or_else(|| format!("invalid boolean value {} for -{name}: parse error", quoted(&text)))
}

fn read_value(kind: Kind, name: &str, text: String) -> Result<FlagValue, String> {
    if kind == Kind::Text {
        return Ok(FlagValue::Text(text));
    }
    values::integer(&text)
        .map(FlagValue::Integer)
        .map_err(|reason| format!("invalid value {} for flag -{name}: {reason}", quoted(&text)))
}
