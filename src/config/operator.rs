//! Operators, trusted keys and the accounts they vouch for.

use std::path::Path;
use std::sync::Arc;

use config::{Map, Value, ValueKind};
use nkeys::KeyPairType;
use troupe_codecs::jwt::{AccountClaims, OperatorClaims, UserClaims, decode, undecorated};
use troupe_engine::account::claims::account_options;
use troupe_engine::options::trust::{AccountResolver, Token, UrlResolver};
use troupe_engine::options::{AccountTokens, DEFAULT_SYSTEM_ACCOUNT, Options, TrustOptions};

use super::account_resolver;
use super::asserted;
use super::auth::is_public_key;
use super::reader::{Reader, go_type};
use super::resolver;
use super::tls;
use crate::claims::store;

/// Keys that are read here.
pub(super) const KEYS: [&str; 7] = [
    "operator",
    "trusted_keys",
    "resolver",
    "resolver_tls",
    "resolver_preload",
    "resolver_pinned_accounts",
    "default_sentinel",
];

/// Reads the operator mode, after everything else: it does not go with users and accounts of the file.
pub(super) fn read(reader: &mut Reader, root: &Map<String, Value>, options: &mut Options) {
    let mut trust = TrustOptions::default();
    if let Some(value) = root.get("operator") {
        read_operators(reader, value, &mut trust);
    }
    if let Some(value) = root.get("trusted_keys") {
        read_keys(reader, value, &mut trust);
    }
    let has_resolver = read_resolver(reader, root, &mut trust);
    if let Some(value) = root.get("resolver_preload") {
        read_preload(reader, value, &mut trust);
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
    let place = root.get("operator").or(root.get("resolver")).or(root.get("trusted_keys"));
    if trust.operators.is_empty() {
        if let Some(value) = root.get("default_sentinel") {
            return reader.error(value, "default sentinel requires operators and accounts");
        }
        if trust.resolver.asks_servers() {
            return reader.error_at(place, "Could not start resolver: no operator key found");
        }
        if trust.keys.is_empty() && !trust.resolver.can_find() {
            return;
        }
    } else if let Some(fault) = conflict(options, &trust, has_resolver) {
        return reader.error_at(place, fault);
    }
    if matches!(trust.resolver, AccountResolver::Url(_)) && !trust.accounts.is_empty() {
        let fault = "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR";
        return reader.error_at(root.get("resolver_preload"), fault);
    }
    let asserted = |token: &Token<OperatorClaims>| asserted::fault(&token.claims, crate::COMPATIBLE_VERSION);
    if let Some(fault) = trust.operators.iter().find_map(asserted) {
        return reader.error_at(place, fault);
    }
    if trust.keys.is_empty() && trust.operators.is_empty() {
        // Nobody's word counts, so the resolver is not asked.
        return;
    }
    take_over(trust, options);
}

/// Puts the operator mode into the options.
fn take_over(mut trust: TrustOptions, options: &mut Options) {
    if options.system_account.is_none() {
        options.system_account = trust.system_account().map(str::to_owned);
    }
    let system = options.system_account.as_deref().filter(|name| *name != DEFAULT_SYSTEM_ACCOUNT);
    if trust.operators.len() == 1 && trust.resolver.can_find() {
        trust.bootstrap = system.map(str::to_owned);
    }
    if let Some(resolver) = trust.resolver.full() {
        trust.preload = trust.accounts.clone();
        add_kept(store::read(&resolver.directory), &mut trust.accounts);
    }
    if trust.resolver.is_lazy() {
        trust.preload = std::mem::take(&mut trust.accounts);
    }
    options.accounts = trust.accounts.iter().map(|token| Arc::new(account_options(&token.claims))).collect();
    options.trust = Some(trust);
}

/// Reads the resolver; false when there is none.
fn read_resolver(reader: &mut Reader, root: &Map<String, Value>, trust: &mut TrustOptions) -> bool {
    let tls = root.get("resolver_tls").and_then(|value| tls::read_for_resolver(reader, value));
    let resolver = match root.get("resolver") {
        Some(value) => account_resolver::read(reader, value),
        None => match &trust.operators[..] {
            [only] => account_server(&only.claims.nats.account_server_url),
            _ => None,
        },
    };
    let has_resolver = resolver.is_some();
    trust.resolver = resolver.unwrap_or_default();
    if let AccountResolver::Url(resolver) = &mut trust.resolver {
        resolver.tls = tls;
    }
    has_resolver
}

/// The resolver that an operator's token names, at the place `nsc` pushes accounts to.
fn account_server(url: &str) -> Option<AccountResolver> {
    let url = account_resolver::resolver_url(&format!("{url}/accounts")).ok()?;
    Some(AccountResolver::Url(UrlResolver { url, tls: None }))
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
    if !trust.keys.is_empty() {
        return Some("conflicting options for 'TrustedKeys' and 'TrustedOperators'");
    }
    if options.auth.callout.is_some() {
        return Some("operators do not allow authorization callouts to be configured directly");
    }
    let (own, named) = (options.system_account.as_deref(), trust.system_account());
    if own.is_none() && named.is_none() && trust.resolver.asks_servers() {
        return Some(
            "using nats based account resolver - the system account needs to be specified in configuration or the \
             operator jwt",
        );
    }
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

fn read_keys(reader: &mut Reader, value: &Value, trust: &mut TrustOptions) {
    if !matches!(value.kind, ValueKind::String(_) | ValueKind::Array(_)) {
        return reader.error(value, format!("error parsing trusted: unsupported type {}", go_type(value)));
    }
    let Some(keys) = reader.texts("trusted", value) else { return };
    for key in &keys {
        if !is_public_key(key, Some(&KeyPairType::Operator)) {
            reader.error(value, format!("trust key {key:?} required to be a valid public operator nkey"));
        }
    }
    trust.keys = keys;
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
fn add_kept(kept: Vec<Token<AccountClaims>>, accounts: &mut AccountTokens) {
    for token in kept {
        if accounts.get(&token.claims.sub).is_none_or(|known| known.claims.iat < token.claims.iat) {
            accounts.put(Arc::new(token));
        }
    }
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
            Ok(claims) => trust.accounts.put(Arc::new(Token { text: text.clone(), claims })),
            Err(_) => reader.error(value, "invalid account JWT"),
        }
    }
}
