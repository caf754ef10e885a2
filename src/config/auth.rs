//! The `authorization` block, users, `no_auth_user` and trusted proxies.

use std::collections::HashSet;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use nkeys::KeyPairType;
use troupe_engine::options::{
    AuthOptions, ConnectionType, Credential, Permissions, Secret, UserLimitOptions, UserOptions,
};

use super::reader::{Reader, go_type, is_flag, shown};
use super::{limits, permissions};

/// Keys this room reads.
pub(super) const KEYS: &[&str] = &["authorization", "no_auth_user", "proxies"];

/// Reads the authentication keys of the top level. Users of accounts are added later.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, auth: &mut AuthOptions) {
    if let Some(value) = root.get("authorization") {
        authorization(reader, value, auth);
    }
    if let Some(name) = root.get("no_auth_user").and_then(|value| reader.text(value)) {
        auth.no_auth_user = Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    if let Some(value) = root.get("proxies") {
        proxies(reader, value, auth);
    }
}

fn authorization(reader: &mut Reader, value: &Value, auth: &mut AuthOptions) {
    let Some(table) = reader.table(value) else { return };
    auth.is_block_defined = true;
    let (mut users, mut defaults) = (None, None);
    for (key, value) in table {
        match key.as_str() {
            "user" => auth.username = text(reader, value),
            "password" => auth.password = text(reader, value).map(Secret::new),
            "token" => auth.token = text(reader, value).map(Secret::new),
            "timeout" => auth.timeout = timeout(reader, key, value),
            "users" => users = read_users(reader, value, None),
            "default_permissions" => defaults = permissions::read(reader, value),
            "proxy_required" => auth.proxy_required = reader.boolean(value).unwrap_or_default(),
            "auth_callout" => auth.callout = super::callout::read(reader, value),
            _ => reader.unknown(key, value),
        }
    }
    exclude(reader, value, table, users.is_some());
    let mut users = users.unwrap_or_default();
    apply_defaults(&mut users, defaults.as_ref());
    let mut names = HashSet::new();
    for user in users {
        if add_name(reader, value, &user, &mut names) {
            auth.users.push(user);
        }
    }
}

/// Refuses what the file may not combine. Flags may be combined with everything.
fn exclude(reader: &mut Reader, value: &Value, table: &Map<String, Value>, has_users: bool) {
    let has_token = in_file(table, "token");
    if (in_file(table, "user") || in_file(table, "password")) && has_token {
        reader.error(value, "Cannot have a user/pass and token");
    } else if let Some(single) = single_in(table).filter(|_| has_users) {
        reader.error(value, format!("Can not have a {single} and a users array"));
    }
}

/// The single credential that the file, not a flag, gives in the `authorization` block.
pub(super) fn single_in_file(root: &Map<String, Value>) -> Option<&'static str> {
    match &root.get("authorization")?.kind {
        ValueKind::Table(table) => single_in(table),
        _ => None,
    }
}

fn single_in(table: &Map<String, Value>) -> Option<&'static str> {
    if in_file(table, "user") {
        return Some("single user/pass");
    }
    in_file(table, "token").then_some("token")
}

fn in_file(table: &Map<String, Value>, key: &str) -> bool {
    let given = table.get(key).filter(|value| !is_flag(value));
    given.is_some_and(|value| !matches!(&value.kind, ValueKind::String(text) if text.is_empty()))
}

/// A text that is not empty.
fn text(reader: &mut Reader, value: &Value) -> Option<String> {
    reader.text(value).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Time for CONNECT.
pub(super) fn timeout(reader: &mut Reader, key: &str, value: &Value) -> Option<Duration> {
    let timeout = reader.seconds("authorization", value)?;
    if timeout > Duration::from_secs(60) {
        let reason = format!(
            "timeout of {} ({:.6} seconds) is high, consider keeping it under 60 seconds. possibly caused by unquoted \
             duration; use '1m' instead of 1m, for example",
            shown(value),
            timeout.as_secs_f64()
        );
        reader.warn_use(key, value, &reason);
    }
    Some(timeout)
}

/// Gives users without permissions of their own the default ones.
pub(super) fn apply_defaults(users: &mut [UserOptions], defaults: Option<&Permissions>) {
    for user in users {
        if user.permissions.is_none() {
            user.permissions = defaults.cloned();
        }
    }
}

/// Reports a user whose name or nkey is taken already; true when it was free.
pub(super) fn add_name(reader: &mut Reader, place: &Value, user: &UserOptions, names: &mut HashSet<String>) -> bool {
    let (kind, name) = match &user.credential {
        Credential::Password { name, .. } => ("user", name),
        Credential::Nkey(key) => ("nkey", key),
    };
    let is_new = names.insert(name.clone());
    if !is_new {
        reader.error(place, format!("Duplicate {kind} {name:?} detected"));
    }
    is_new
}

/// Reads a `users` array. `None` after a fault that spoils all of it.
pub(super) fn read_users(reader: &mut Reader, value: &Value, account: Option<&str>) -> Option<Vec<UserOptions>> {
    let ValueKind::Array(items) = &value.kind else {
        reader.error(value, format!("Expected users field to be an array, got {}", shown(value)));
        return None;
    };
    let mut users = Vec::with_capacity(items.len());
    for item in items {
        let ValueKind::Table(table) = &item.kind else {
            reader.error(item, format!("Expected user entry to be a map/struct, got {}", shown(item)));
            continue;
        };
        users.push(read_user(reader, item, table, account)?);
    }
    Some(users)
}

fn read_user(
    reader: &mut Reader,
    item: &Value,
    table: &Map<String, Value>,
    account: Option<&str>,
) -> Option<UserOptions> {
    let (mut nkey, mut name, mut password) = (None, None, None);
    let mut user = UserOptions {
        credential: Credential::Nkey(String::new()),
        account: account.map(str::to_owned),
        permissions: None,
        allowed_connection_types: None,
        proxy_required: false,
        limits: UserLimitOptions::default(),
    };
    let mut last = item;
    for (key, value) in table {
        last = value;
        match key.to_ascii_lowercase().as_str() {
            "nkey" => nkey = text(reader, value),
            "user" | "username" => name = text(reader, value),
            "pass" | "password" => password = text(reader, value),
            "permission" | "permissions" | "authorization" => user.permissions = permissions::read(reader, value),
            "allowed_connection_types" | "connection_types" | "clients" => {
                user.allowed_connection_types = connection_types(reader, value);
            }
            "proxy_required" => user.proxy_required = reader.boolean(value).unwrap_or_default(),
            "limits" => user.limits = limits::read_user(reader, value),
            _ => reader.unknown(key, value),
        }
    }
    user.credential = match (nkey, name, password) {
        (None, None, _) => {
            reader.error(last, "User entry requires a user");
            return None;
        }
        (Some(key), ..) if !is_public_key(&key, Some(&KeyPairType::User)) => {
            reader.error(last, "Not a valid public nkey for a user");
            return None;
        }
        (Some(key), None, None) => Credential::Nkey(key),
        (Some(_), ..) => {
            reader.error(last, "Nkey users do not take usernames or passwords");
            return None;
        }
        (None, Some(name), password) => {
            Credential::Password { name, password: Secret::new(password.unwrap_or_default()) }
        }
    };
    Some(user)
}

/// Whether a text is a public nkey, of one kind if given.
pub(crate) fn is_public_key(text: &str, kind: Option<&KeyPairType>) -> bool {
    let Ok((prefix, _)) = nkeys::from_public_key(text) else { return false };
    kind.is_none_or(|kind| std::mem::discriminant(&KeyPairType::from(prefix)) == std::mem::discriminant(kind))
}

/// An empty list allows every type.
fn connection_types(reader: &mut Reader, value: &Value) -> Option<Vec<ConnectionType>> {
    let names = reader.texts("allowed connection types", value)?;
    let mut types = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        let name = name.to_ascii_uppercase();
        match connection_type(&name) {
            Some(kind) if types.contains(&kind) => {}
            Some(kind) => types.push(kind),
            None => unknown.push(format!("{name:?}")),
        }
    }
    if !unknown.is_empty() {
        reader.error(value, format!("invalid connection types [{}]", unknown.join(" ")));
    }
    Some(types).filter(|types| !types.is_empty())
}

fn connection_type(name: &str) -> Option<ConnectionType> {
    Some(match name {
        "STANDARD" => ConnectionType::Standard,
        "WEBSOCKET" => ConnectionType::Websocket,
        "LEAFNODE" => ConnectionType::Leafnode,
        "LEAFNODE_WS" => ConnectionType::LeafnodeWs,
        "MQTT" => ConnectionType::Mqtt,
        "MQTT_WS" => ConnectionType::MqttWs,
        "IN_PROCESS" => ConnectionType::InProcess,
        _ => return None,
    })
}

fn proxies(reader: &mut Reader, value: &Value, auth: &mut AuthOptions) {
    let ValueKind::Table(table) = &value.kind else {
        return reader.error(value, format!("expected proxies to be a map/struct, got {}", go_type(value)));
    };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "trusted" => trusted_proxies(reader, value, auth),
            _ => reader.unknown(key, value),
        }
    }
}

fn trusted_proxies(reader: &mut Reader, value: &Value, auth: &mut AuthOptions) {
    let ValueKind::Array(items) = &value.kind else {
        let found = go_type(value);
        return reader.error(value, format!("expected proxies' trusted field to be an array, got {found}"));
    };
    for item in items {
        let ValueKind::Table(table) = &item.kind else {
            let found = go_type(item);
            reader.error(item, format!("expected proxies' trusted entry to be a map/struct, got {found}"));
            continue;
        };
        let before = auth.trusted_proxies.len();
        for (key, value) in table {
            match key.to_ascii_lowercase().as_str() {
                "key" | "public_key" => match reader.text(value) {
                    Some(key) if is_public_key(key, None) => auth.trusted_proxies.push(key.to_owned()),
                    Some(key) => reader.error(value, format!("invalid proxy key {key:?}")),
                    None => {}
                },
                _ => reader.unknown(key, value),
            }
        }
        if auth.trusted_proxies.len() == before && !reader.has_errors() {
            reader.error(item, "proxy trusted key \"\" is invalid");
        }
    }
}
