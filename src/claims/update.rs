//! Tokens that are pushed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{debug, error};
use troupe_actors::system::{ClaimsFault, ClaimsKept};
use troupe_codecs::jwt::{AccountClaims, Claims, decode};
use troupe_engine::account::claims::account_fault;
use troupe_engine::options::TrustOptions;
use troupe_engine::options::trust::{AccountResolver, FullResolver, Token};

use super::cache::Cache;
use super::find::vouched;
use super::force::{Change, put_in_force};
use super::store;
use crate::server::Inner;

/// A token that is pushed, and the account in the subject, where there is one.
pub(super) struct Push {
    pub(super) account: Option<String>,
    pub(super) token: Vec<u8>,
}

/// Takes tokens that were pushed as the resolver does: all of them are on the disk and in force then. Comes with what is said
/// to each.
pub(super) async fn update(
    inner: &Inner,
    mut cache: Option<&mut Cache>,
    pushes: &[Push],
) -> Vec<Result<ClaimsKept, ClaimsFault>> {
    let options = inner.services.options();
    let trust = options.trust.as_ref();
    let mut added = BTreeSet::new();
    let judge = |push: &Push| match (trust, trust.map(|trust| &trust.resolver), cache.as_deref_mut()) {
        (Some(trust), Some(AccountResolver::Full(resolver)), _) => judge_any(trust, resolver, push, &mut added),
        (Some(trust), Some(AccountResolver::Cache(_)), Some(cache)) => keep_used(trust, cache, push),
        (trust, ..) => take_known(trust, push),
    };
    let mut outcomes: Vec<Outcome> = pushes.iter().map(judge).collect();
    if let Some(resolver) = trust.and_then(|trust| trust.resolver.full()) {
        keep(resolver, &mut outcomes).await;
    }
    let mut change = Change::default();
    let mut said = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match &outcome {
            Ok((kept, _)) => debug!("{} - {}", kept.what, kept.account),
            Err(ClaimsFault { account, what, cause }) => error!("{what} - {account} - {cause}"),
        }
        said.push(outcome.map(|(kept, token)| {
            change.tokens.extend(token);
            kept
        }));
    }
    put_in_force(inner, &options, change).await;
    said
}

/// Writes the tokens of those that may be kept.
async fn keep(resolver: &FullResolver, outcomes: &mut [Outcome]) {
    let token = |outcome: &Outcome| outcome.as_ref().ok().and_then(|(_, token)| token.clone());
    let tokens: Vec<Arc<Token<AccountClaims>>> = outcomes.iter().filter_map(token).collect();
    let mut written = store::write_all(&resolver.directory, &tokens).await.into_iter();
    for outcome in outcomes.iter_mut().filter(|outcome| token(outcome).is_some()) {
        if let (Ok((kept, _)), Some(Err(cause))) = (&*outcome, written.next()) {
            *outcome = Err(fault(&kept.account, FAILED, cause));
        }
    }
}

/// What is said, and the token that is to be put in force.
type Outcome = Result<(ClaimsKept, Option<Arc<Token<AccountClaims>>>), ClaimsFault>;

/// What is said of most faults.
const FAILED: &str = "jwt update resulted in error";

fn fault(account: &str, what: &'static str, cause: impl Into<String>) -> ClaimsFault {
    ClaimsFault { account: account.to_owned(), what, cause: cause.into() }
}

fn kept(what: &'static str, account: String, token: Option<Token<AccountClaims>>) -> Outcome {
    Ok((ClaimsKept { account, what }, token.map(Arc::new)))
}

/// Reads a token that must be about the account in the subject.
fn read(push: &Push, unnamed: &str, failed: &'static str) -> Result<Token<AccountClaims>, ClaimsFault> {
    let text = String::from_utf8_lossy(&push.token).into_owned();
    let claims = decode::<AccountClaims>(&text);
    let claims =
        claims.map_err(|cause| fault(push.account.as_deref().unwrap_or(unnamed), failed, cause.to_string()))?;
    match &push.account {
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

/// Whether the token of any account may be kept. `added` are the accounts that come with others of the same time.
fn judge_any(trust: &TrustOptions, resolver: &FullResolver, push: &Push, added: &mut BTreeSet<String>) -> Outcome {
    let token = read(push, "n/a", FAILED)?;
    let name = token.claims.sub.clone();
    if let Some(cause) = account_fault(&token.claims) {
        return Err(fault(&name, "jwt validation failed", cause));
    }
    if is_signed_by_strict_operator(trust, &token.claims) {
        return Err(fault(&name, FAILED, NOT_BY_OPERATOR));
    }
    if trust.accounts.get(&name).is_none() && !added.contains(&name) {
        if !resolver.has_room(trust.accounts.len() + added.len()) {
            return Err(fault(&name, FAILED, "jwt store is full"));
        }
        added.insert(name.clone());
    }
    kept("jwt updated", name, Some(token))
}

/// Keeps the token of an account that is used.
fn keep_used(trust: &TrustOptions, cache: &mut Cache, push: &Push) -> Outcome {
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
fn take_known(trust: Option<&TrustOptions>, push: &Push) -> Outcome {
    let named = push.account.as_deref().unwrap_or("n/a");
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
