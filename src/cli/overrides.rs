//! Configuration keys set by flags.

use std::collections::BTreeMap;
use std::fmt;

use super::flags::{FlagValue, Parsed};

/// Client port of a server that was told none; `-p 0` means it too.
const DEFAULT_PORT: i64 = 4222;
/// Client host of a server that was told none; `-a ""` means it too.
const DEFAULT_HOST: &str = "0.0.0.0";

/// Flags whose value goes under a configuration key as it is.
const DIRECT: &[(&str, &str)] = &[
    ("addr", "host"),
    ("port", "port"),
    ("server_name", "server_name"),
    ("pid", "pid_file"),
    ("ports_file_dir", "ports_file_dir"),
    ("client_advertise", "client_advertise"),
    ("http_port", "http_port"),
    ("https_port", "https_port"),
    ("profile", "prof_port"),
    ("log", "logfile"),
    ("log_size_limit", "log_size_limit"),
    ("logtime", "logtime"),
    ("logtime_utc", "logtime_utc"),
    ("syslog", "syslog"),
    ("remote_syslog", "remote_syslog"),
    ("debug", "debug"),
    ("trace", "trace"),
    ("max_traced_msg_len", "max_traced_msg_len"),
    ("jetstream", "jetstream.enabled"),
    ("store_dir", "store_dir"),
    ("user", "authorization.user"),
    ("pass", "authorization.pass"),
    ("auth", "authorization.token"),
    ("cluster_name", "cluster.name"),
    ("cluster_advertise", "cluster.advertise"),
    ("no_advertise", "cluster.no_advertise"),
    ("connect_retries", "cluster.connect_retries"),
];

/// Ports of which zero says nothing.
const PORTS: [&str; 3] = ["http_port", "https_port", "prof_port"];

/// TLS flags; one of them, given and not false, turns TLS on.
const TLS: &[(&str, &str)] = &[
    ("tlscert", "tls.cert_file"),
    ("tlskey", "tls.key_file"),
    ("tlscacert", "tls.ca_file"),
    ("tlsverify", "tls.verify"),
];

/// Shorthands and the switches they set, in nats-server's order of evaluation: a later row wins.
const SHORTHANDS: &[(&str, &[&str])] =
    &[("DV", &["debug", "trace"]), ("DVV", &["debug", "trace", "trace_verbose"]), ("VV", &["trace", "trace_verbose"])];

/// Configuration keys set by flags, spelled as in the configuration file; a dot leads into a block.
///
/// `tls` is either absent, or `false` (`--tls=false` switches the file's TLS off), or one or more of `tls.*`.
#[derive(Clone, Default, PartialEq)]
pub struct Overrides {
    values: BTreeMap<&'static str, config::Value>,
    enables_tls: bool,
}

impl Overrides {
    pub(super) fn from_flags(parsed: &Parsed) -> Self {
        let mut overrides = Self::default();
        for (flag, key) in DIRECT {
            overrides.copy(parsed, flag, key);
        }
        for (flag, keys) in SHORTHANDS {
            for key in keys.iter().filter(|_| parsed.get(flag).is_some()) {
                overrides.copy(parsed, flag, key);
            }
        }
        overrides.replace_empty_listener(parsed);
        overrides.add_cluster_listener(parsed);
        overrides.add_routes(parsed);
        overrides.add_tls(parsed);
        overrides
    }

    /// The overrides as the layers of the `config` crate take them.
    #[must_use]
    pub fn to_map(&self) -> config::Map<String, config::Value> {
        self.values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    /// Value of a key, if a flag set it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&config::Value> {
        self.values.get(key)
    }

    /// Whether a TLS flag was given that is not overruled by `--tls=false`.
    pub(super) fn enables_tls(&self) -> bool {
        self.enables_tls
    }

    /// Whether no flag set the key, or one set it to the empty string.
    pub(super) fn lacks(&self, key: &str) -> bool {
        self.values.get(key).is_none_or(|value| match &value.kind {
            config::ValueKind::String(text) => text.is_empty(),
            config::ValueKind::Array(items) => items.is_empty(),
            _ => false,
        })
    }

    fn set(&mut self, key: &'static str, value: impl Into<config::ValueKind>) {
        self.values.insert(key, config::Value::new(Some(&"command line".to_owned()), value));
    }

    fn copy(&mut self, parsed: &Parsed, flag: &str, key: &'static str) {
        match parsed.get(flag) {
            // Zero is no port: the file decides, as in nats-server.
            Some(FlagValue::Integer(0)) if PORTS.contains(&key) => {}
            Some(FlagValue::Boolean(value)) => self.set(key, *value),
            Some(FlagValue::Integer(value)) => self.set(key, *value),
            Some(FlagValue::Text(value)) => self.set(key, value.as_str()),
            None => {}
        }
    }

    fn replace_empty_listener(&mut self, parsed: &Parsed) {
        if parsed.get("port") == Some(&FlagValue::Integer(0)) {
            self.set("port", DEFAULT_PORT);
        }
        if parsed.text("addr") == Some("") {
            self.set("host", DEFAULT_HOST);
        }
    }

    /// `--cluster nats://user:pass@host:port` is a URL, where the file's `cluster.listen` is `host:port`. What is no
    /// URL is kept as it is, for the check of addresses to judge.
    fn add_cluster_listener(&mut self, parsed: &Parsed) {
        let Some(url) = parsed.text("cluster") else { return };
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (user_info, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        self.set("cluster.listen", address.trim_end_matches('/'));
        if let Some((user, password)) = user_info.split_once(':') {
            self.set("cluster.authorization.user", user);
            self.set("cluster.authorization.password", password);
        }
    }

    /// `--routes "a, b"` is a list; the empty string removes the routes of the file.
    fn add_routes(&mut self, parsed: &Parsed) {
        let Some(routes) = parsed.text("routes") else {
            return;
        };
        let routes: Vec<config::Value> =
            routes.split(',').map(str::trim).filter(|route| !route.is_empty()).map(config::Value::from).collect();
        self.set("cluster.routes", routes);
    }

    fn add_tls(&mut self, parsed: &Parsed) {
        if parsed.boolean("tls") == Some(false) {
            self.set("tls", false);
            return;
        }
        self.enables_tls = parsed.is_on("tls") || TLS.iter().any(|(flag, _)| parsed.get(flag).is_some());
        for (flag, key) in TLS {
            self.copy(parsed, flag, key);
        }
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter().map(|(key, value)| match *key {
            "authorization.pass" | "authorization.token" | "cluster.authorization.password" => {
                (key, "[REDACTED]".to_owned())
            }
            _ => (key, value.to_string()),
        });
        f.debug_map().entries(shown).finish()
    }
}
