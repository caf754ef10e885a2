//! Tokens that are pushed.

use std::time::SystemTime;

use tracing::{debug, error};
use troupe_actors::system::{ClaimsFault, ClaimsKept};
use troupe_codecs::jwt::{AccountClaims, Claims, decode};
use troupe_engine::account::claims::account_fault;
use troupe_engine::options::trust::{AccountResolver, FullResolver, Token};
use troupe_engine::options::{Options, TrustOptions};

use super::cache::Cache;
use super::find::vouched;
use super::force::{Change, put_in_force};
use super::store;
use crate::server::Inner;

/// A token that is pushed, and the account in the subject, where there is one.
pub(super) struct Push<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) token: &'a [u8],
}

/// Takes a token as the resolver of `options` does.
pub(super) async fn update(
    inner: &Inner,
    options: &Options,
    cache: Option<&mut Cache>,
    push: Push<'_>,
) -> Result<ClaimsKept, ClaimsFault> {
    let resolver = options.trust.as_ref().map(|trust| (trust, &trust.resolver));
    let outcome = match (resolver, cache) {
        (Some((trust, AccountResolver::Full(resolver))), _) => keep(trust, resolver, &push),
        (Some((trust, AccountResolver::Cache(_))), Some(cache)) => keep_used(trust, cache, &push),
        (trust, _) => take_known(trust.map(|(trust, _)| trust), &push),
    };
    match &outcome {
        Ok((kept, _)) => debug!("{} - {}", kept.what, kept.account),
        Err(ClaimsFault { account, what, cause }) => error!("{what} - {account} - {cause}"),
    }
    let (kept, token) = outcome?;
    if let Some(token) = token {
        put_in_force(inner, options, Change::of(token)).await;
    }
    Ok(kept)
}

/// What is said, and the token that is to be put in force.
type Outcome = Result<(ClaimsKept, Option<Token<AccountClaims>>), ClaimsFault>;

fn fault(account: &str, what: &'static str, cause: impl Into<String>) -> ClaimsFault {
    ClaimsFault { account: account.to_owned(), what, cause: cause.into() }
}

fn kept(what: &'static str, account: String, token: Option<Token<AccountClaims>>) -> Outcome {
    Ok((ClaimsKept { account, what }, token))
}

/// Reads a token that must be about the account in the subject.
fn read(push: &Push<'_>, unnamed: &str, failed: &'static str) -> Result<Token<AccountClaims>, ClaimsFault> {
    let text = String::from_utf8_lossy(push.token).into_owned();
    let claims = decode::<AccountClaims>(&text);
    let claims = claims.map_err(|cause| fault(push.account.unwrap_or(unnamed), failed, cause.to_string()))?;
    match push.account {
        Some(account) if *account != claims.sub => Err(fault(account, failed, "subject does not match jwt content")),
        _ => Ok(Token { text, claims }),
    }
}

/// Whether the first operator's own key signed a token, where that operator wants its signing keys used.
fn is_signed_by_strict_operator(trust: &TrustOptions, claims: &Claims<AccountClaims>) -> bool {
    let first = trust.operators.first().map(|operator| &operator.claims);
    first.is_some_and(|operator| operator.nats.strict_signing_key_usage && operator.sub == claims.iss)
}

const NOT_BY_OPERATOR: &str = "operator requires issuer to be a signing key";

/// Keeps the token of any account.
fn keep(trust: &TrustOptions, resolver: &FullResolver, push: &Push<'_>) -> Outcome {
    const FAILED: &str = "jwt update resulted in error";

    let token = read(push, "n/a", FAILED)?;
    let name = token.claims.sub.clone();
    if let Some(cause) = account_fault(&token.claims) {
        return Err(fault(&name, "jwt validation failed", cause));
    }
    if is_signed_by_strict_operator(trust, &token.claims) {
        return Err(fault(&name, FAILED, NOT_BY_OPERATOR));
    }
    let is_new = trust.accounts.get(&name).is_none();
    if is_new && !resolver.has_room(trust.accounts.len()) {
        return Err(fault(&name, FAILED, "jwt store is full"));
    }
    store::write(&resolver.directory, &token).map_err(|cause| fault(&name, FAILED, cause.to_string()))?;
    kept("jwt updated", name, Some(token))
}

/// Keeps the token of an account that is used.
fn keep_used(trust: &TrustOptions, cache: &mut Cache, push: &Push<'_>) -> Outcome {
    const FAILED: &str = "jwt update cache resulted in error";

    let token = read(push, "n/a", FAILED)?;
    let name = token.claims.sub.clone();
    if is_signed_by_strict_operator(trust, &token.claims) {
        return Err(fault(&name, FAILED, NOT_BY_OPERATOR));
    }
    if !trust.uses(&name) {
        return kept("jwt update cache skipped", name, None);
    }
    if let Some(cause) = account_fault(&token.claims) {
        return Err(fault(&name, "jwt update cache validation failed", cause));
    }
    cache.keep(&token, SystemTime::now()).map_err(|cause| fault(&name, FAILED, cause.to_string()))?;
    kept("jwt updated cache", name, Some(token))
}

/// Takes the token of an account that is known, and keeps it nowhere.
fn take_known(trust: Option<&TrustOptions>, push: &Push<'_>) -> Outcome {
    const FAILED: &str = "jwt update resulted in error";

    let named = push.account.unwrap_or("n/a");
    if push.token.is_empty() {
        return Err(fault(named, "jwt update error", "request body is empty"));
    }
    let token = read(push, named, FAILED)?;
    let name = token.claims.sub.clone();
    let Some(trust) = trust.filter(|trust| trust.uses(&name)) else {
        return kept("jwt update skipped", name, None);
    };
    let token = vouched(trust, &name, token).map_err(|cause| fault(&name, FAILED, cause))?;
    kept("jwt updated", name, Some(token))
}
