//! The `cluster` block.

use std::collections::HashSet;
use std::time::Duration;

use config::{Value, ValueKind};
use troupe_codecs::conf::parse_duration;
use troupe_engine::options::cluster::{DEFAULT_POOL_SIZE, DEFAULT_RTT_THRESHOLDS, MAX_ROUTE_PING_INTERVAL};
use troupe_engine::options::{ClusterOptions, CompressionOptions, RouteUrl, Secret};
use troupe_engine::route::CompressionMode;

use super::reader::{Reader, go_type, is_flag};
use super::report::WarningKind;
use super::server::write_timeout;
use super::{auth, listen, permissions, tls};

/// Most thresholds of round trip times: one less than there are levels, and one that has no effect.
const MAX_THRESHOLDS: usize = 4;

/// Reads the block. Flags win over the file.
pub(super) fn read(reader: &mut Reader, value: &Value, cluster: &mut ClusterOptions) {
    let ValueKind::Table(table) = &value.kind else {
        return reader.error(value, format!("Expected map to define cluster, got {}", go_type(value)));
    };
    let (flags, file): (Vec<_>, Vec<_>) = table.iter().partition(|(_, value)| is_flag(value));
    for (key, value) in file.into_iter().chain(flags) {
        let key = key.to_ascii_lowercase();
        let is_known = identity(reader, &key, value, cluster)
            || connecting(reader, &key, value, cluster)
            || timing(reader, &key, value, cluster)
            || blocks(reader, &key, value, cluster);
        if !is_known {
            reader.unknown(&key, value);
        }
    }
    rules(reader, value, cluster);
}

fn identity(reader: &mut Reader, key: &str, value: &Value, cluster: &mut ClusterOptions) -> bool {
    match key {
        "name" => {
            let Some(name) = reader.text(value) else { return true };
            if name.contains(' ') {
                reader.error(value, "cluster name cannot contain spaces");
            }
            cluster.name = Some(name.to_owned()).filter(|name| !name.is_empty());
        }
        "listen" => listener(reader, value, cluster),
        "port" => {
            if let Some(port) = reader.integer(value) {
                cluster.port = checked_port(reader, value, port);
            }
        }
        "host" | "net" => set_text(&mut cluster.host, reader.text(value)),
        "cluster_advertise" | "advertise" => {
            cluster.advertise = reader.text(value).filter(|text| !text.is_empty()).map(str::to_owned);
        }
        "no_advertise" => set(&mut cluster.no_advertise, reader.boolean(value)),
        _ => return false,
    }
    true
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn set_text(place: &mut String, value: Option<&str>) {
    set(place, value.filter(|text| !text.is_empty()).map(str::to_owned));
}

/// An empty text as a flag switches the cluster off, and a flag without a user lets everybody in.
fn listener(reader: &mut Reader, value: &Value, cluster: &mut ClusterOptions) {
    if is_flag(value) {
        (cluster.username, cluster.password) = (None, None);
        if matches!(&value.kind, ValueKind::String(text) if text.is_empty()) {
            cluster.port = 0;
            return;
        }
    }
    match listen::address(reader, value) {
        Some(listen::Address { host, port }) => {
            set(&mut cluster.host, Some(host).filter(|host| !host.is_empty()));
            cluster.port = checked_port(reader, value, port);
        }
        None => cluster.port = 0,
    }
}

fn checked_port(reader: &mut Reader, value: &Value, port: i64) -> i32 {
    match port {
        -1..=65_535 => i32::try_from(port).unwrap_or(0),
        _ => {
            reader.error(value, format!("invalid port {port}"));
            0
        }
    }
}

fn connecting(reader: &mut Reader, key: &str, value: &Value, cluster: &mut ClusterOptions) -> bool {
    match key {
        "routes" => {
            let routes = routes(reader, value);
            set(&mut cluster.routes, routes);
        }
        "connect_retries" => {
            let retries = reader.integer(value).map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX));
            set(&mut cluster.connect_retries, retries);
        }
        "connect_backoff" => set(&mut cluster.connect_backoff, reader.boolean(value)),
        // Zero stands for the default.
        "pool_size" => {
            let size = reader.integer(value).map(|size| if size == 0 { DEFAULT_POOL_SIZE } else { size });
            set(&mut cluster.pool_size, size);
        }
        "accounts" => {
            let accounts = reader.texts("accounts", value);
            set(&mut cluster.pinned_accounts, accounts);
        }
        "compression" => {
            let compression = compression(reader, key, value, CompressionMode::S2Fast);
            set(&mut cluster.compression, compression);
        }
        _ => return false,
    }
    true
}

fn routes(reader: &mut Reader, value: &Value) -> Option<Vec<RouteUrl>> {
    let mut seen = HashSet::new();
    let mut urls = Vec::new();
    for item in reader.array(value)? {
        let Some(text) = reader.text(item) else { continue };
        if !seen.insert(text.to_owned()) {
            reader.warn_use(text, item, "Duplicate route entry detected");
            continue;
        }
        match RouteUrl::parse(text) {
            Some(url) => urls.push(url),
            None => reader.error(item, format!("error parsing route url [{:?}]", text.trim())),
        }
    }
    Some(urls)
}

/// Reads a compression setting, in which `on` stands for the mode given.
fn compression(reader: &mut Reader, key: &str, value: &Value, on: CompressionMode) -> Option<CompressionOptions> {
    let mut options = CompressionOptions::default();
    match &value.kind {
        ValueKind::Boolean(true) => options.mode = on,
        ValueKind::Boolean(false) => options.mode = CompressionMode::Off,
        ValueKind::String(text) => options.mode = mode(reader, value, text, on)?,
        ValueKind::Table(table) => {
            for (key, value) in table {
                match key.to_ascii_lowercase().as_str() {
                    "mode" => {
                        let text = reader.text(value)?;
                        options.mode = mode(reader, value, text, on)?;
                    }
                    "rtt_thresholds" | "thresholds" | "rtts" | "rtt" => {
                        options.rtt_thresholds = thresholds(reader, value)?;
                    }
                    _ => reader.unknown(key, value),
                }
            }
        }
        _ => {
            let found = go_type(value);
            reader.error(value, format!("field {key:?} should be a boolean or a structure, got {found}"));
            return None;
        }
    }
    Some(options)
}

fn mode(reader: &mut Reader, value: &Value, text: &str, on: CompressionMode) -> Option<CompressionMode> {
    let mode = CompressionMode::of_config(text, on);
    if mode.is_none() {
        reader.error(value, format!("unsupported compression mode {text:?}"));
    }
    mode
}

/// Thresholds in ascending order; zero leaves a level out, zeros at the end say nothing.
fn thresholds(reader: &mut Reader, value: &Value) -> Option<Vec<Duration>> {
    let mut thresholds: Vec<Duration> = Vec::new();
    for item in reader.array(value)? {
        let text = reader.text(item)?;
        let threshold = match parse_duration(text) {
            Ok(nanoseconds) => Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)),
            Err(error) => {
                reader.error(item, error.to_string());
                return None;
            }
        };
        if !threshold.is_zero() && thresholds.iter().any(|earlier| threshold < *earlier) {
            reader.error(value, "RTT threshold values should be in ascending order");
            return None;
        }
        thresholds.push(threshold);
    }
    while thresholds.last().is_some_and(Duration::is_zero) {
        thresholds.pop();
    }
    if thresholds.len() > MAX_THRESHOLDS {
        reader.error(value, "compression mode \"s2_auto\" should have no more than 4 RTT thresholds");
        return None;
    }
    if thresholds.is_empty() {
        return Some(DEFAULT_RTT_THRESHOLDS.to_vec());
    }
    Some(thresholds)
}

fn timing(reader: &mut Reader, key: &str, value: &Value, cluster: &mut ClusterOptions) -> bool {
    let nonzero = |duration: Option<Duration>| duration.filter(|duration| !duration.is_zero());
    match key {
        "ping_interval" => {
            cluster.ping_interval = nonzero(reader.duration(key, value));
            if cluster.ping_interval.is_some_and(|interval| interval > MAX_ROUTE_PING_INTERVAL) {
                let reason = "Cluster 'ping_interval' will reset to 30s which is the max for routes";
                reader.warn(value, reason, WarningKind::Config);
                cluster.ping_interval = Some(MAX_ROUTE_PING_INTERVAL);
            }
        }
        "ping_max" => {
            let count = reader.integer(value).filter(|count| *count > 0);
            cluster.max_pings_out = count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        }
        "write_deadline" => cluster.write_deadline = nonzero(reader.duration(key, value)),
        "write_timeout" => cluster.write_timeout = write_timeout(reader, value).unwrap_or(cluster.write_timeout),
        _ => return false,
    }
    true
}

fn blocks(reader: &mut Reader, key: &str, value: &Value, cluster: &mut ClusterOptions) -> bool {
    match key {
        "authorization" => authorization(reader, value, cluster),
        "tls" => cluster.tls = tls::read_for_servers(reader, value),
        "permissions" => {
            let Some(permissions) = permissions::read(reader, value) else { return true };
            if permissions.responses.is_some() {
                reader.error(value, "Cluster permissions do not support dynamic responses");
            }
            cluster.permissions = Some(permissions);
        }
        _ => return false,
    }
    true
}

fn authorization(reader: &mut Reader, value: &Value, cluster: &mut ClusterOptions) {
    let Some(table) = reader.table(value) else { return };
    let (flags, file): (Vec<(&String, &Value)>, Vec<_>) = table.iter().partition(|(_, value)| is_flag(value));
    for (key, value) in file.into_iter().chain(flags) {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => cluster.username = reader.text(value).map(str::to_owned),
            "pass" | "password" => cluster.password = reader.text(value).map(Secret::new),
            "timeout" => cluster.auth_timeout = auth::timeout(reader, key, value),
            "users" => reader.error(value, "Cluster authorization does not allow multiple users"),
            "token" => reader.error(value, "Cluster authorization does not support tokens"),
            "auth_callout" | "auth_hook" => reader.error(value, "Cluster authorization does not support callouts"),
            "permissions" | "default_permissions" | "default_permission" => {
                let reason = "setting \"permissions\" within cluster authorization block is deprecated";
                reader.warn_use(key, value, reason);
                let permissions = permissions::read(reader, value);
                cluster.permissions = cluster.permissions.take().or(permissions);
            }
            _ => reader.unknown(key, value),
        }
    }
    cluster.username = cluster.username.take().filter(|name| !name.is_empty());
}

/// Rules between keys.
fn rules(reader: &mut Reader, value: &Value, cluster: &ClusterOptions) {
    let pinned = &cluster.pinned_accounts;
    if !pinned.is_empty() && cluster.pool_size < 0 {
        reader.error(value, "pool_size cannot be negative if pinned accounts are specified");
    }
    let mut seen = HashSet::new();
    if let Some(double) = pinned.iter().find(|account| !seen.insert(account.as_str())) {
        let list: Vec<_> = pinned.iter().map(|account| format!("{account:?}")).collect();
        let list = list.join(" ");
        reader.error(value, format!("found duplicate account name {double:?} in pinned accounts list [{list}]"));
    }
}

#[cfg(test)]
mod tests {
    use config::Map;

    use troupe_engine::options::WriteTimeoutPolicy;

    use super::*;
    use crate::config::load;

    fn loaded(text: &str) -> Result<ClusterOptions, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), format!("cluster {{ {text} }}")).expect("written");
        load(Some(file.path()), &Map::new()).map(|loaded| loaded.options.cluster).map_err(|errors| errors.to_string())
    }

    #[test]
    fn every_key_is_read() {
        let cluster = loaded(
            "name: c, listen: \"127.0.0.1:6222\", routes: [\"nats-route://u:p@h:1\", \"nats://h:2\"], advertise: \"h:5\"\n\
             no_advertise: true, connect_retries: 3, connect_backoff: true, pool_size: 5, accounts: [A, B]\n\
             compression { mode: s2_auto, rtt_thresholds: [5ms, 10ms, 0s] }, ping_interval: 10s, ping_max: 4\n\
             write_deadline: 3s, write_timeout: close, authorization { user: u, password: p, timeout: 3 }\n\
             permissions { import: [\"a\"], export { deny: \"b\" } }",
        );
        let cluster = cluster.expect("it loads");
        assert_eq!((cluster.name.as_deref(), cluster.host.as_str(), cluster.port), (Some("c"), "127.0.0.1", 6222));
        assert_eq!(cluster.routes[0].address(), "h:1");
        assert_eq!((cluster.pool_size, cluster.connect_retries, cluster.connect_backoff), (5, 3, true));
        assert_eq!(cluster.pinned_accounts, ["A", "B"]);
        assert_eq!(cluster.compression.mode, CompressionMode::S2Auto);
        assert_eq!(cluster.compression.rtt_thresholds.len(), 2);
        assert_eq!((cluster.max_pings_out, cluster.write_timeout), (Some(4), WriteTimeoutPolicy::Close));
        assert_eq!((cluster.username.as_deref(), cluster.auth_timeout()), (Some("u"), Duration::from_secs(3)));
        assert!(cluster.permissions.is_some_and(|own| own.publish.is_some() && own.subscribe.is_some()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, reason) in [
            ("name: \"a b\"", "cluster name cannot contain spaces"),
            ("routes: [\"host:1\"]", "error parsing route url"),
            ("pool_size: -1, accounts: [A]", "pool_size cannot be negative"),
            ("accounts: [A, A]", "found duplicate account name"),
            ("compression: zip", "unsupported compression mode"),
            ("compression { mode: auto, rtts: [5ms, 1ms] }", "ascending order"),
            ("authorization { token: x }", "Cluster authorization does not support tokens"),
            ("authorization { users: [] }", "Cluster authorization does not allow multiple users"),
            ("write_timeout: never", "write_timeout must be"),
            ("foo: 1", "unknown field \"foo\""),
        ] {
            let error = loaded(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
