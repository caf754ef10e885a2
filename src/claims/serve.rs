//! Tokens of accounts that come while the server runs: kept, and put in force at once.

use std::sync::Arc;

use nkeys::KeyPairType;
use tracing::{debug, error};
use troupe_actors::client::ClientCommand;
use troupe_actors::system::{ClaimsAnswer, ClaimsFault, ClaimsRequest};
use troupe_codecs::jwt::{AccountClaims, DeletionClaims, decode};
use troupe_engine::account::claims::{account_fault, account_options};
use troupe_engine::options::trust::{FullResolver, Token};
use troupe_engine::options::{Options, TrustOptions};

use super::store;
use crate::config::is_public_key;
use crate::reload::put_accounts_in_force;
use crate::server::Inner;

/// Does what a request asks for.
pub(crate) async fn serve(inner: &Inner, request: ClaimsRequest) -> ClaimsAnswer {
    let options = inner.services.options();
    let Some((trust, resolver)) = full(&options) else { return ClaimsAnswer::Nothing };
    match request {
        ClaimsRequest::Update { account, token } => {
            let outcome = update(inner, &options, (trust, resolver), account.as_deref(), &token).await;
            match &outcome {
                Ok(account) => debug!("jwt updated - {account}"),
                Err(ClaimsFault { account, what, cause }) => error!("{what} - {account} - {cause}"),
            }
            ClaimsAnswer::Updated(outcome)
        }
        ClaimsRequest::Merge { token } => {
            merge(inner, &options, (trust, resolver), &token).await;
            ClaimsAnswer::Nothing
        }
        ClaimsRequest::Delete { token } => {
            let outcome = delete(inner, &options, (trust, resolver), &token).await;
            match &outcome {
                Ok(count) => debug!("deleted {count} accounts"),
                Err(cause) => error!("{cause}"),
            }
            ClaimsAnswer::Deleted(outcome)
        }
        ClaimsRequest::Lookup { account } => {
            let known = trust.accounts.iter().find(|token| token.claims.sub == account);
            if known.is_none() {
                debug!("DirResolver - Could not find account {account:?}");
            }
            ClaimsAnswer::Token(known.map(|token| token.text.clone()))
        }
        ClaimsRequest::List => {
            let mut names: Vec<String> = trust.accounts.iter().map(|token| token.claims.sub.clone()).collect();
            names.sort_unstable();
            debug!("list request responded with {} account ids", names.len());
            ClaimsAnswer::List(names)
        }
        ClaimsRequest::Pack { digest } if digest == store::digest(&trust.accounts) => ClaimsAnswer::Pack(Vec::new()),
        ClaimsRequest::Pack { .. } => {
            let line = |token: &Token<AccountClaims>| format!("{}|{}", token.claims.sub, token.text);
            ClaimsAnswer::Pack(trust.accounts.iter().map(line).collect())
        }
        ClaimsRequest::Digest => ClaimsAnswer::Digest(store::digest(&trust.accounts)),
    }
}

fn full(options: &Options) -> Option<(&TrustOptions, &FullResolver)> {
    let trust = options.trust.as_ref()?;
    Some((trust, trust.resolver.full()?))
}

async fn update(
    inner: &Inner,
    options: &Options,
    (trust, resolver): (&TrustOptions, &FullResolver),
    account: Option<&str>,
    token: &[u8],
) -> Result<String, ClaimsFault> {
    const FAILED: &str = "jwt update resulted in error";
    let fault =
        |account: &str, what: &'static str, cause: String| ClaimsFault { account: account.to_owned(), what, cause };
    let text = String::from_utf8_lossy(token).into_owned();
    let claims = decode::<AccountClaims>(&text);
    let claims = claims.map_err(|cause| fault(account.unwrap_or("n/a"), FAILED, cause.to_string()))?;
    let name = claims.sub.clone();
    if let Some(account) = account.filter(|account| *account != name) {
        return Err(fault(account, FAILED, "subject does not match jwt content".to_owned()));
    }
    if let Some(cause) = account_fault(&claims) {
        return Err(fault(&name, "jwt validation failed", cause));
    }
    let is_new = !trust.accounts.iter().any(|known| known.claims.sub == name);
    if is_new && resolver.limit.is_some_and(|limit| trust.accounts.len() >= limit) {
        return Err(fault(&name, FAILED, "jwt store is full".to_owned()));
    }
    let token = Token { text, claims };
    store::write(resolver, &token).map_err(|cause| fault(&name, FAILED, cause.to_string()))?;
    put_in_force(inner, options, vec![token], &[]).await;
    Ok(name)
}

/// Takes a token of another server where it is newer than the own one.
async fn merge(inner: &Inner, options: &Options, (trust, resolver): (&TrustOptions, &FullResolver), token: &[u8]) {
    let text = String::from_utf8_lossy(token).into_owned();
    let Ok(claims) = decode::<AccountClaims>(&text) else { return };
    let known = trust.accounts.iter().find(|known| known.claims.sub == claims.sub);
    if known.is_some_and(|known| known.claims.iat >= claims.iat) || account_fault(&claims).is_some() {
        return;
    }
    let token = Token { text, claims };
    match store::write(resolver, &token) {
        Ok(()) => put_in_force(inner, options, vec![token], &[]).await,
        Err(cause) => error!("DirResolver - Error when merging: {cause}"),
    }
}

async fn delete(
    inner: &Inner,
    options: &Options,
    (trust, resolver): (&TrustOptions, &FullResolver),
    token: &[u8],
) -> Result<usize, String> {
    let refused = |by: &str, cause: &str| format!("delete accounts request by {by} failed - {cause}");
    let claims = decode::<DeletionClaims>(&String::from_utf8_lossy(token));
    let claims = claims.map_err(|cause| refused("", &cause.to_string()))?;
    let by = claims.sub.as_str();
    if !resolver.allow_delete {
        return Err(refused(by, "delete must be enabled in server config"));
    }
    if claims.iss != claims.sub {
        return Err(refused(by, "not self signed"));
    }
    if !trust.trusted_keys().contains(&by) {
        return Err(refused(by, "not trusted"));
    }
    let names = claims.nats.accounts;
    if names.iter().any(|name| options.system_account_name() == Some(name)) {
        return Err(refused(by, "not allowed to delete system account"));
    }
    if !names.iter().all(|name| is_public_key(name, Some(&KeyPairType::Account))) {
        return Err(refused(by, "malformed request"));
    }
    for name in &names {
        store::remove(resolver, name).map_err(|cause| refused(by, &cause.to_string()))?;
    }
    put_in_force(inner, options, Vec::new(), &names).await;
    Ok(names.len())
}

/// Serves with changed tokens from now on: links, limits and users.
async fn put_in_force(inner: &Inner, options: &Options, changed: Vec<Token<AccountClaims>>, removed: &[String]) {
    let touched: Vec<String> = changed.iter().map(|token| token.claims.sub.clone()).chain(removed.to_vec()).collect();
    let mut options = options.clone();
    let Some(trust) = &mut options.trust else { return };
    trust.accounts.retain(|token| !touched.contains(&token.claims.sub));
    trust.accounts.extend(changed);
    options.accounts = trust.accounts.iter().map(|token| account_options(&token.claims)).collect();
    put_accounts_in_force(inner, &Arc::new(options), |name| touched.iter().any(|one| one == name)).wait().await;
    judge_again(inner, &touched);
}

/// Has the clients of accounts judged by new tokens. Those that came last go where there are too many.
fn judge_again(inner: &Inner, touched: &[String]) {
    touched.iter().for_each(|name| debug!("Updating account claims: {name}"));
    let services = &inner.services;
    let mut clients = services.registry.all();
    clients.retain(|client| {
        client.sink.close_reason().is_none() && touched.iter().any(|name| **name == *client.sink.account_name())
    });
    clients.iter().for_each(|client| client.address.do_send(ClientCommand::Reload));
    services.close_excess();
}
