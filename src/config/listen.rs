//! Where clients connect to.

use std::path::PathBuf;

use config::{Map, Value, ValueKind};
use troupe_engine::options::ListenOptions;
use troupe_engine::options::listen::DEFAULT_PORT;

use super::reader::{Reader, go_type};

/// Keys this room reads.
pub(super) const KEYS: &[&str] = &["listen", "host", "port", "client_advertise", "proxy_protocol"];

/// What `listen` said.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<i64>,
    unix_path: Option<PathBuf>,
}

/// Reads the client listener. `host` and `port` win over `listen`; a Unix socket alone replaces the TCP port.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, listen: &mut ListenOptions) {
    let mut parts = Parts::default();
    if let Some(value) = root.get("listen") {
        let items = match &value.kind {
            ValueKind::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        for item in items {
            add(reader, item, &mut parts);
        }
    }
    let host = root.get("host").and_then(|value| reader.text(value)).filter(|host| !host.is_empty());
    if let Some(host) = host {
        parts.host = Some(host.to_owned());
    }
    let port = root.get("port").and_then(|value| reader.integer(value));
    let port_place = root.get("port").or_else(|| root.get("listen"));
    let unix_only = parts.unix_path.is_some() && parts.host.is_none() && parts.port.is_none() && port.is_none();
    listen.port = match port.or(parts.port) {
        _ if unix_only => 0,
        Some(0) | None => DEFAULT_PORT,
        Some(port @ -1..=65_535) => i32::try_from(port).unwrap_or(DEFAULT_PORT),
        Some(port) => {
            reader.error_at(port_place, format!("invalid port {port}"));
            DEFAULT_PORT
        }
    };
    listen.unix_path = parts.unix_path;
    if let Some(host) = parts.host {
        listen.host = host;
    }
    if let Some(text) = root.get("client_advertise").and_then(|value| reader.text(value)) {
        listen.client_advertise = Some(text.to_owned()).filter(|text| !text.is_empty());
    }
    if let Some(on) = root.get("proxy_protocol").and_then(|value| reader.boolean(value)) {
        listen.proxy_protocol = on;
    }
}

/// A host, empty where none is given, and a port.
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: i64,
}

/// Reads `port` or `host:port`.
pub(super) fn address(reader: &mut Reader, value: &Value) -> Option<Address> {
    match &value.kind {
        ValueKind::I64(port) => Some(Address { host: String::new(), port: *port }),
        ValueKind::String(text) => match host_and_port(text) {
            Ok((host, port)) => Some(Address { host: host.to_owned(), port }),
            Err(reason) => {
                reader.error(value, reason);
                None
            }
        },
        _ => {
            reader.error(value, format!("expected port or host:port, got {}", go_type(value)));
            None
        }
    }
}

/// Checks the address of a listener that is not served.
pub(super) fn check(reader: &mut Reader, value: &Value) {
    address(reader, value);
}

fn add(reader: &mut Reader, value: &Value, parts: &mut Parts) {
    match &value.kind {
        ValueKind::String(text) => match text.strip_prefix("unix:") {
            Some(path) => add_unix(reader, value, path, parts),
            None => match host_and_port(text) {
                Ok((host, port)) if parts.port.is_none() => {
                    parts.host = Some(host.to_owned()).filter(|host| !host.is_empty());
                    parts.port = Some(port);
                }
                Ok(_) => reader.error(value, "only one TCP address can be listened on"),
                Err(reason) => reader.error(value, reason),
            },
        },
        ValueKind::I64(port) if parts.port.is_none() => parts.port = Some(*port),
        ValueKind::I64(_) => reader.error(value, "only one TCP address can be listened on"),
        _ => reader.error(value, format!("expected port or host:port, got {}", go_type(value))),
    }
}

fn add_unix(reader: &mut Reader, value: &Value, path: &str, parts: &mut Parts) {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return reader.error(value, "the path of the unix socket is missing");
    }
    if parts.unix_path.replace(path.into()).is_some() {
        reader.error(value, "only one unix socket can be listened on");
    }
}

/// Splits `host:port`; an IPv6 host stands in brackets.
fn host_and_port(text: &str) -> Result<(&str, i64), String> {
    let unparsable = || format!("could not parse address string {text:?}");
    let (host, port) = text.rsplit_once(':').ok_or_else(unparsable)?;
    let host = match host.strip_prefix('[').map(|inner| inner.strip_suffix(']')) {
        Some(Some(inner)) if !inner.contains(['[', ']']) => inner,
        None if !host.contains([':', '[', ']']) => host,
        _ => return Err(unparsable()),
    };
    if port.contains(['[', ']']) {
        return Err(unparsable());
    }
    let port = port.parse().map_err(|_| format!("could not parse port {port:?}"))?;
    Ok((host, port))
}
