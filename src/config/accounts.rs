//! The `accounts` block.

use std::collections::HashSet;

use config::{Map, Value, ValueKind};
use nkeys::KeyPairType;
use troupe_engine::account::Graph;
use troupe_engine::options::{AccountOptions, AuthOptions, Credential, GLOBAL_ACCOUNT, UserOptions};

use super::auth::{add_name, apply_defaults, is_public_key, read_users};
use super::reader::{Reader, go_type, shown};
use super::{jetstream, limits, links, mappings, permissions};

/// Reads the accounts and adds their users to those of the `authorization` block, which was read before.
///
/// `single` names the single credential that the file gives in that block, which accounts with users exclude.
pub(super) fn read(
    reader: &mut Reader,
    value: &Value,
    single: Option<&str>,
    accounts: &mut Vec<AccountOptions>,
    auth: &mut AuthOptions,
) {
    match &value.kind {
        ValueKind::Array(names) => read_names(reader, names, accounts),
        ValueKind::Table(table) => read_table(reader, table, single, accounts, auth),
        _ => reader.error(value, format!("expected accounts to be an array or a map, got {}", go_type(value))),
    }
}

/// Checks what the accounts export and import against each other, once everything else is read.
pub(super) fn check_links(reader: &mut Reader, value: &Value, accounts: &[AccountOptions], has_system_account: bool) {
    if reader.has_errors() {
        return;
    }
    let (_, faults) = Graph::of_options(accounts, has_system_account);
    faults.into_iter().for_each(|fault| reader.error(value, fault));
}

fn read_names(reader: &mut Reader, names: &[Value], accounts: &mut Vec<AccountOptions>) {
    for value in names {
        let Some(name) = reader.text(value) else { continue };
        if name == GLOBAL_ACCOUNT {
            reader.error(value, format!("{name:?} is a Reserved Account"));
        } else if accounts.iter().any(|account| account.name == name) {
            reader.error(value, format!("Duplicate Account Entry: {name}"));
        } else {
            accounts.push(AccountOptions { name: name.to_owned(), ..AccountOptions::default() });
        }
    }
}

fn read_table(
    reader: &mut Reader,
    table: &Map<String, Value>,
    single: Option<&str>,
    accounts: &mut Vec<AccountOptions>,
    auth: &mut AuthOptions,
) {
    let mut names: HashSet<String> = auth.users.iter().map(|user| user_name(user).to_owned()).collect();
    for (name, value) in table {
        if reader.is_variable(value) {
            continue;
        }
        let ValueKind::Table(keys) = &value.kind else {
            reader.error(value, "Expected map entries for accounts");
            continue;
        };
        if name == GLOBAL_ACCOUNT {
            reader.error(value, format!("{name:?} is a Reserved Account"));
            continue;
        }
        let mut account = AccountOptions { name: name.clone(), ..AccountOptions::default() };
        let users = read_account(reader, keys, &mut account);
        if let Some((place, users)) = users {
            match single {
                Some(single) if !users.is_empty() => {
                    reader.error(place, format!("Can not have a {single} and accounts"));
                }
                _ => add_users(reader, place, users, &mut names, auth),
            }
        }
        accounts.push(account);
    }
}

fn user_name(user: &UserOptions) -> &str {
    match &user.credential {
        Credential::Password { name, .. } | Credential::Nkey(name) => name,
    }
}

/// Reads one account; its users and their place come back.
fn read_account<'v>(
    reader: &mut Reader,
    keys: &'v Map<String, Value>,
    account: &mut AccountOptions,
) -> Option<(&'v Value, Vec<UserOptions>)> {
    let mut users = None;
    for (key, value) in keys {
        match key.to_ascii_lowercase().as_str() {
            "nkey" => match &value.kind {
                ValueKind::String(nkey) if is_public_key(nkey, Some(&KeyPairType::Account)) => {
                    account.nkey = Some(nkey.clone());
                }
                _ => {
                    let found = shown(value);
                    reader.error(value, format!("Not a valid public nkey for an account: {found:?}"));
                }
            },
            "users" => users = read_users(reader, value, Some(&account.name)).map(|users| (value, users)),
            "default_permissions" => account.default_permissions = permissions::read(reader, value),
            "limits" => limits::read_account(reader, value, &mut account.limits),
            "exports" => account.exports = links::read_exports(reader, value),
            "imports" => account.imports = links::read_imports(reader, value),
            "mappings" | "maps" => account.mappings = mappings::read(reader, value),
            "msg_trace" | "trace_dest" => account.trace = mappings::read_trace(reader, key, value),
            "jetstream" => account.jetstream = jetstream::read_account(reader, value),
            _ => reader.unknown(key, value),
        }
    }
    if let Some((_, users)) = &mut users {
        apply_defaults(users, account.default_permissions.as_ref());
    }
    users
}

fn add_users(
    reader: &mut Reader,
    place: &Value,
    users: Vec<UserOptions>,
    names: &mut HashSet<String>,
    auth: &mut AuthOptions,
) {
    for user in users {
        if add_name(reader, place, &user, names) {
            auth.users.push(user);
        }
    }
}
