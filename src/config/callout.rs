//! `auth_callout`: a service that says who may enter.

use config::{Value, ValueKind};
use nkeys::KeyPairType;
use troupe_engine::options::{CalloutOptions, GLOBAL_ACCOUNT, Options};

use super::auth::is_public_key;
use super::reader::{Reader, go_type, shown};

/// Reads the block. `None` after a fault that spoils all of it.
pub(super) fn read(reader: &mut Reader, block: &Value) -> Option<CalloutOptions> {
    let ValueKind::Table(table) = &block.kind else {
        reader.error(block, format!("Expected authorization callout to be a map/struct, got {}", shown(block)));
        return None;
    };
    let mut callout = CalloutOptions { account: GLOBAL_ACCOUNT.to_owned(), ..CalloutOptions::default() };
    for (key, value) in table {
        match key.to_ascii_lowercase().as_str() {
            "issuer" => callout.issuer = public_key(reader, value, "user", "account nkey", &KeyPairType::Account)?,
            "account" | "acc" => {
                if let Some(name) = reader.text(value).filter(|name| !name.is_empty()) {
                    callout.account = name.to_owned();
                }
            }
            "auth_users" | "users" => callout.auth_users = names(reader, value, "auth_users field")?,
            "xkey" | "key" => callout.xkey = Some(public_key(reader, value, "xkey", "xkey", &KeyPairType::Curve)?),
            "allowed_accounts" => callout.allowed_accounts = names(reader, value, "allowed accounts field")?,
            _ => reader.unknown_as(value, format!("Unknown field {key:?} parsing authorization callout")),
        }
    }
    if callout.issuer.is_empty() {
        reader.error(block, "Authorization callouts require an issuer to be specified");
        return None;
    }
    if callout.auth_users.is_empty() {
        reader.error(block, "Authorization callouts require authorized users to be specified");
        return None;
    }
    Some(callout)
}

/// The accounts the block names that there are not.
pub(super) fn missing_account(options: &Options) -> Option<String> {
    let callout = options.auth.callout.as_ref()?;
    let is_known = |name: &&String| options.accounts.iter().any(|account| account.name == **name);
    let missing = callout.allowed_accounts.iter().find(|name| !is_known(name))?;
    Some(format!("auth_callout allowed account {missing:?} not found in configured accounts"))
}

fn public_key(reader: &mut Reader, value: &Value, what: &str, kind: &str, wanted: &KeyPairType) -> Option<String> {
    let key = reader.text(value)?;
    if is_public_key(key, Some(wanted)) {
        return Some(key.to_owned());
    }
    reader.error(value, format!("Expected callout {what} to be a valid public {kind}, got {key:?}"));
    None
}

fn names(reader: &mut Reader, value: &Value, what: &str) -> Option<Vec<String>> {
    let ValueKind::Array(items) = &value.kind else {
        reader.error(value, format!("Expected {what} to be an array, got {}", go_type(value)));
        return None;
    };
    Some(items.iter().filter_map(|item| reader.text(item).map(str::to_owned)).collect())
}
