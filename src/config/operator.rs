//! Operators, resolvers and the accounts they know.

use std::path::Path;
use std::time::Duration;

use config::{Map, Value, ValueKind};
use troupe_codecs::jwt::{AccountClaims, OperatorClaims, UserClaims, decode, undecorated};
use troupe_engine::account::claims::account_options;
use troupe_engine::options::trust::{AccountResolver, FullResolver, Token};
use troupe_engine::options::{Options, TrustOptions};

use super::asserted;
use super::reader::Reader;
use super::resolver;
use crate::claims::store;

/// Time between two looks at what other servers keep, where none is given.
const INTERVAL: Duration = Duration::from_secs(60);

/// Keys that are read here.
pub(super) const KEYS: [&str; 5] =
    ["operator", "resolver", "resolver_preload", "resolver_pinned_accounts", "default_sentinel"];

/// Reads the operator mode, after everything else: it does not go with users and accounts of the file.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, options: &mut Options) {
    let mut trust = TrustOptions::default();
    if let Some(value) = root.get("operator") {
        read_operators(reader, value, &mut trust);
    }
    let resolver = root.get("resolver").and_then(|value| read_resolver(reader, value));
    let has_resolver = resolver.is_some();
    trust.resolver = resolver.unwrap_or_default();
    if let Some(value) = root.get("resolver_preload") {
        read_preload(reader, value, &mut trust);
    }
    if let Some(resolver) = trust.resolver.full() {
        add_kept(store::read(&resolver.directory), &mut trust.accounts);
    }
    if let Some(value) = root.get("resolver_pinned_accounts") {
        trust.pinned = reader.texts("resolver_pinned_accounts", value);
    }
    if let Some(value) = root.get("default_sentinel") {
        trust.default_sentinel = reader.text(value).map(str::to_owned).filter(|text| !text.is_empty());
    }
    if reader.has_errors() {
        return;
    }
    if trust.operators.is_empty() {
        if let Some(value) = root.get("default_sentinel") {
            reader.error(value, "default sentinel requires operators and accounts");
        }
        return;
    }
    if let Some(fault) = conflict(options, &trust, has_resolver) {
        return reader.error_at(root.get("operator"), fault);
    }
    let asserted = |token: &Token<OperatorClaims>| asserted::fault(&token.claims, crate::COMPATIBLE_VERSION);
    if let Some(fault) = trust.operators.iter().find_map(asserted) {
        return reader.error_at(root.get("operator"), fault);
    }
    if options.system_account.is_none() {
        options.system_account = trust.system_account().map(str::to_owned);
    }
    options.accounts = trust.accounts.iter().map(|token| account_options(&token.claims)).collect();
    options.trust = Some(trust);
}

/// What does not go together, in nats-server's words.
fn conflict(options: &Options, trust: &TrustOptions, has_resolver: bool) -> Option<&'static str> {
    if let Some(sentinel) = &trust.default_sentinel {
        match decode::<UserClaims>(sentinel) {
            Err(_) => return Some("default sentinel JWT not valid"),
            Ok(user) if !user.nats.rights.bearer_token => return Some("default sentinel must be a bearer token"),
            Ok(_) => {}
        }
    }
    if !has_resolver {
        return Some("operators require an account resolver to be configured");
    }
    if !options.accounts.is_empty() {
        return Some("operators do not allow Accounts to be configured directly");
    }
    if !options.auth.users.is_empty() {
        return Some("operators do not allow users to be configured directly");
    }
    if options.auth.callout.is_some() {
        return Some("operators do not allow authorization callouts to be configured directly");
    }
    let (own, named) = (options.system_account.as_deref(), trust.system_account());
    (own.is_some() && named.is_some() && own != named)
        .then_some("system_account in config and operator JWT must be identical")
}

fn read_operators(reader: &mut Reader, value: &Value, trust: &mut TrustOptions) {
    let Some(texts) = reader.texts("operators", value) else { return };
    for text in texts {
        match operator(&text) {
            Ok(token) => trust.operators.push(token),
            Err(cause) => reader.error(value, format!("error parsing operator JWT: {cause}")),
        }
    }
}

/// An operator's token: given itself, or the file it is in.
fn operator(text: &str) -> Result<Token<OperatorClaims>, String> {
    let from_file;
    let text = if text.starts_with("eyJ") {
        text
    } else {
        let bytes = resolver::read_file(Path::new(text))?;
        from_file = String::from_utf8(bytes).map_err(|cause| cause.to_string())?;
        undecorated(&from_file)
    };
    let claims = decode::<OperatorClaims>(text).map_err(|cause| cause.to_string())?;
    Ok(Token { text: text.to_owned(), claims })
}

/// Adds the tokens of a directory: the newer one of an account counts.
fn add_kept(kept: Vec<Token<AccountClaims>>, accounts: &mut Vec<Token<AccountClaims>>) {
    for token in kept {
        match accounts.iter_mut().find(|known| known.claims.sub == token.claims.sub) {
            Some(known) if known.claims.iat >= token.claims.iat => {}
            Some(known) => *known = token,
            None => accounts.push(token),
        }
    }
}

/// The resolver, where it is one that this server has.
fn read_resolver(reader: &mut Reader, value: &Value) -> Option<AccountResolver> {
    let name = match &value.kind {
        ValueKind::String(name) => name.to_ascii_lowercase(),
        ValueKind::Table(table) => match table.get("type").map(|kind| &kind.kind) {
            Some(ValueKind::String(name)) => name.to_ascii_lowercase(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match name.as_str() {
        "memory" | "mem" => return Some(AccountResolver::Memory),
        "full" => return read_full(reader, value).map(AccountResolver::Full),
        "cache" => reader.refused(&format!("resolver {name}"), value),
        _ if name.starts_with("url(") => reader.refused("resolver URL", value),
        _ => reader.error(
            value,
            "error parsing account resolver, should be MEM or  URL(\"url\") or a map containing dir and type \
             state=[FULL|CACHE])",
        ),
    }
    None
}

fn read_full(reader: &mut Reader, value: &Value) -> Option<FullResolver> {
    let table = reader.table(value)?;
    let flag = |reader: &mut Reader, key: &str| table.get(key).and_then(|value| reader.boolean(value));
    let allow_delete = flag(reader, "allow_delete").unwrap_or_default();
    let hard_delete = flag(reader, "hard_delete");
    let limit = table.get("limit").and_then(|value| reader.integer(value)).unwrap_or_default();
    let time = |reader: &mut Reader, key: &str| table.get(key).and_then(|value| reader.duration(key, value));
    let interval = time(reader, "interval").filter(|interval| !interval.is_zero());
    // Tokens are not fetched one by one: all of them are kept.
    time(reader, "timeout");
    let directory = table.get("dir").and_then(|value| reader.text(value)).unwrap_or_default().to_owned();
    if directory.is_empty() {
        reader.error(value, "dir has no value and needs to point to a directory");
    } else if Path::new(&directory).metadata().is_ok_and(|facts| !facts.is_dir() || facts.permissions().readonly()) {
        reader.error(value, "dir needs to point to an accessible directory");
    }
    if time(reader, "ttl").is_some_and(|ttl| !ttl.is_zero()) {
        reader.error(value, "FULL does not accept ttl");
    }
    if hard_delete.is_some() && !allow_delete {
        reader.error(value, "hard_delete has no effect without delete");
    }
    Some(FullResolver {
        directory: directory.into(),
        allow_delete,
        hard_delete: hard_delete.unwrap_or_default(),
        limit: usize::try_from(limit).ok().filter(|limit| *limit > 0),
        interval: interval.unwrap_or(INTERVAL),
    })
}

fn read_preload(reader: &mut Reader, value: &Value, trust: &mut TrustOptions) {
    let ValueKind::Table(table) = &value.kind else {
        return reader.error(value, "preload should be a map of account_public_key:account_jwt");
    };
    for value in table.values() {
        let ValueKind::String(text) = &value.kind else {
            reader.error(value, "preload map value should be a string JWT");
            continue;
        };
        match decode::<AccountClaims>(text) {
            Ok(claims) => trust.accounts.push(Token { text: text.clone(), claims }),
            Err(_) => reader.error(value, "invalid account JWT"),
        }
    }
}
