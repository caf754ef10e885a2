//! Where the monitor listens.

use config::{Map, Value};
use troupe_engine::options::{MonitorAuth, MonitorOptions, Secret};

use super::listen;
use super::reader::Reader;

/// Keys this room reads.
pub(super) const KEYS: &[&str] = &["http", "https", "http_port", "https_port", "http_base_path", "http_auth"];

/// Reads the monitor's keys. The ports win over the port in `http` and `https`; zero stands for absent.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, monitor: &mut MonitorOptions) {
    monitor.http_port = port(reader, root, ("http", "http_port"), &mut monitor.host);
    monitor.https_port = port(reader, root, ("https", "https_port"), &mut monitor.host);
    if let Some(path) = root.get("http_base_path").and_then(|value| reader.text(value)) {
        path.clone_into(&mut monitor.base_path);
    }
    monitor.auth = root.get("http_auth").and_then(|block| auth(reader, block));
}

/// Reads who may use the monitor. Troupe's own: nats-server lets everybody in.
fn auth(reader: &mut Reader, block: &Value) -> Option<MonitorAuth> {
    let mut auth = MonitorAuth::default();
    for (key, value) in reader.table(block)? {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => auth.user = text(reader, value),
            "password" | "pass" => auth.password = text(reader, value).map(Secret::new),
            "token" => auth.token = text(reader, value).map(Secret::new),
            "verify" => auth.verify = reader.boolean(value).unwrap_or_default(),
            "ca_file" => auth.ca_file = text(reader, value).map(Into::into),
            "public_healthz" => auth.public_healthz = reader.boolean(value).unwrap_or_default(),
            _ => reader.unknown(key, value),
        }
    }
    if auth.user.is_some() != auth.password.is_some() {
        reader.error(block, "http_auth needs a user and a password, or neither");
    }
    if !auth.asks_for_credentials() && !auth.verify {
        reader.error(block, "http_auth asks for nothing: a user and a password, a token, or verify is needed");
    }
    Some(auth)
}

/// A text that is not empty.
fn text(reader: &mut Reader, value: &Value) -> Option<String> {
    let text = reader.text(value)?.to_owned();
    if text.is_empty() {
        reader.error(value, "the value is empty");
    }
    Some(text)
}

fn port(
    reader: &mut Reader,
    root: &Map<String, Value>,
    (address_key, port_key): (&str, &str),
    host: &mut Option<String>,
) -> i32 {
    let mut port = None;
    if let Some(address) = root.get(address_key).and_then(|value| listen::address(reader, value)) {
        if !address.host.is_empty() {
            *host = Some(address.host);
        }
        port = Some(address.port);
    }
    let own = root.get(port_key).and_then(|value| reader.integer(value)).filter(|port| *port != 0);
    let place = root.get(port_key).or_else(|| root.get(address_key));
    match own.or(port) {
        None => 0,
        Some(port @ -1..=65_535) => i32::try_from(port).unwrap_or(0),
        Some(port) => {
            reader.error_at(place, format!("invalid port {port}"));
            0
        }
    }
}

/// What only the whole configuration shows: one port at most, and certificates for the secure one.
pub(super) fn check(reader: &mut Reader, root: &Map<String, Value>, monitor: &MonitorOptions, has_tls: bool) {
    let (http, https) = (monitor.http_port, monitor.https_port);
    let place = ["https_port", "https", "http_port", "http"].iter().find_map(|key| root.get(*key));
    if http != 0 && https != 0 {
        reader.error_at(place, format!("can't specify both HTTP ({http}) and HTTPs ({https}) ports"));
    } else if https != 0 && !has_tls {
        reader.error_at(place, "TLS cert and key required for HTTPS");
    }
    if https == 0 && monitor.auth.as_ref().is_some_and(|auth| auth.verify) {
        reader
            .error_at(root.get("http_auth"), "http_auth with verify needs https: certificates are shown over TLS only");
    }
}
