//! What the system account's services ask about tokens of accounts.

use nkeys::KeyPairType;
use tracing::{debug, error};
use troupe_actors::system::{ClaimsAnswer, ClaimsRequest};
use troupe_codecs::jwt::{AccountClaims, DeletionClaims, decode};
use troupe_engine::options::trust::{AccountResolver, Token};
use troupe_engine::options::{Options, TrustOptions};

use super::cache::Cache;
use super::find::Finder;
use super::force::{Change, put_in_force, seconds};
use super::update::{Push, update};
use super::{merge, store};
use crate::config::is_public_key;
use crate::control::ClaimsSender;
use crate::server::Inner;

/// Does what requests ask for, in their order. Tokens that are pushed one after the other are taken together.
pub(crate) async fn serve(inner: &Inner, finder: &mut Finder, requests: Vec<(ClaimsRequest, ClaimsSender)>) {
    let (mut pushes, mut senders) = (Vec::new(), Vec::new());
    for (request, sender) in requests {
        match request {
            ClaimsRequest::Update { account, token } => {
                pushes.push(Push { account, token });
                senders.push(sender);
            }
            request => {
                take(inner, finder, &std::mem::take(&mut pushes), std::mem::take(&mut senders)).await;
                // Whoever asked may be gone.
                sender.send(serve_one(inner, finder, request).await).ok();
            }
        }
    }
    take(inner, finder, &pushes, senders).await;
}

async fn take(inner: &Inner, finder: &mut Finder, pushes: &[Push], senders: Vec<ClaimsSender>) {
    if pushes.is_empty() {
        return;
    }
    let outcomes = update(inner, finder.cache.as_mut(), pushes).await;
    for (outcome, sender) in outcomes.into_iter().zip(senders) {
        if let Ok(kept) = &outcome {
            finder.complete(inner, &kept.account);
        }
        sender.send(ClaimsAnswer::Updated(outcome)).ok();
    }
}

async fn serve_one(inner: &Inner, finder: &mut Finder, request: ClaimsRequest) -> ClaimsAnswer {
    let options = inner.services.options();
    let Some(trust) = options.trust.as_ref().filter(|trust| trust.resolver.asks_servers()) else {
        return ClaimsAnswer::Nothing;
    };
    match request {
        // Taken above.
        ClaimsRequest::Update { .. } => ClaimsAnswer::Nothing,
        ClaimsRequest::Merge { lines } => {
            if let AccountResolver::Full(resolver) = &trust.resolver {
                let change = merge::newer(trust, resolver, &lines, seconds()).await;
                put_in_force(inner, &options, change).await;
            }
            ClaimsAnswer::Nothing
        }
        ClaimsRequest::Delete { token } => {
            let outcome = delete(inner, &options, (trust, finder.cache.as_mut()), &token).await;
            match &outcome {
                Ok(count) => debug!("deleted {count} accounts"),
                Err(cause) => error!("{cause}"),
            }
            ClaimsAnswer::Deleted(outcome)
        }
        ClaimsRequest::Lookup { account } => {
            let known = trust.accounts.get(&account);
            if known.is_none() {
                debug!("DirResolver - Could not find account {account:?}");
            }
            ClaimsAnswer::Token(known.map(|token| token.text.clone()))
        }
        ClaimsRequest::List => {
            let names = match &finder.cache {
                Some(cache) => cache.names(),
                None => shown(trust).map(|token| token.claims.sub.clone()).collect(),
            };
            debug!("list request responded with {} account ids", names.len());
            ClaimsAnswer::List(names)
        }
        ClaimsRequest::Pack { digest } if digest == trust.accounts.digest() => ClaimsAnswer::Pack(Vec::new()),
        ClaimsRequest::Pack { .. } => {
            let line = |token: &Token<AccountClaims>| format!("{}|{}", token.claims.sub, token.text);
            ClaimsAnswer::Pack(shown(trust).map(line).collect())
        }
        ClaimsRequest::Digest => ClaimsAnswer::Digest(trust.accounts.digest()),
    }
}

/// The tokens that others are shown: those that have not ended.
fn shown(trust: &TrustOptions) -> impl Iterator<Item = &Token<AccountClaims>> {
    let now = seconds();
    let tokens = trust.accounts.iter().map(|token| &**token);
    tokens.filter(move |token| !token.claims.is_over(now))
}

async fn delete(
    inner: &Inner,
    options: &Options,
    (trust, cache): (&TrustOptions, Option<&mut Cache>),
    token: &[u8],
) -> Result<usize, String> {
    let refused = |by: &str, cause: &str| format!("delete accounts request by {by} failed - {cause}");
    let claims = decode::<DeletionClaims>(&String::from_utf8_lossy(token));
    let claims = claims.map_err(|cause| refused("", &cause.to_string()))?;
    let by = claims.sub.as_str();
    if trust.resolver.full().is_some_and(|resolver| !resolver.allow_delete) {
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
    let removed = match (&trust.resolver, cache) {
        (AccountResolver::Full(resolver), _) => {
            names.iter().try_for_each(|name| store::remove(&resolver.directory, name, resolver.hard_delete))
        }
        (_, Some(cache)) => names.iter().try_for_each(|name| cache.forget(name)),
        (_, None) => Ok(()),
    };
    removed.map_err(|cause| refused(by, &cause.to_string()))?;
    let count = names.len();
    put_in_force(inner, options, Change { tokens: Vec::new(), removed: names }).await;
    Ok(count)
}
