//! Tokens that another server shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use nkeys::KeyPairType;
use tracing::{debug, error};
use troupe_codecs::jwt::{AccountClaims, Claims, decode};
use troupe_engine::account::claims::account_fault;
use troupe_engine::options::TrustOptions;
use troupe_engine::options::trust::{FullResolver, Token};

use super::force::Change;
use super::store;
use crate::config::is_public_key;

/// Keeps those of the tokens in `lines` that are newer than the own ones, at the moment `now`; they are to be put in force.
pub(super) async fn newer(trust: &TrustOptions, resolver: &FullResolver, lines: &[Bytes], now: i64) -> Change {
    let mut tokens: Vec<Arc<Token<AccountClaims>>> = Vec::new();
    let mut added = BTreeSet::new();
    for line in lines.iter().flat_map(|lines| lines.split(|byte| *byte == b'\n')).filter(|line| !line.is_empty()) {
        let token = match newer_one(trust, line, now) {
            Ok(Some(token)) => token,
            Ok(None) => continue,
            Err(cause) => {
                error!("DirResolver - Merging resulted in error: {cause}");
                continue;
            }
        };
        let name = &token.claims.sub;
        if trust.accounts.get(name).is_none() && !added.contains(name) {
            if !resolver.has_room(trust.accounts.len() + added.len()) {
                error!("DirResolver - Merging resulted in error: jwt store is full");
                continue;
            }
            added.insert(name.clone());
        }
        tokens.push(Arc::new(token));
    }
    let written = store::write_all(&resolver.directory, &tokens).await;
    let mut change = Change::default();
    for (token, written) in tokens.into_iter().zip(written) {
        match written {
            Ok(()) => change.tokens.push(token),
            Err(cause) => error!("DirResolver - Merging resulted in error: {cause}"),
        }
    }
    debug!("DirResolver - Merging finished and changed {} accounts", change.tokens.len());
    change
}

/// The token in a line, where it is to be taken.
fn newer_one(trust: &TrustOptions, line: &[u8], now: i64) -> Result<Option<Token<AccountClaims>>, String> {
    let line = std::str::from_utf8(line).map_err(|cause| cause.to_string())?;
    let (account, text) =
        line.split_once('|').ok_or_else(|| format!("line in package didn't contain 2 entries: {line:?}"))?;
    if !is_public_key(account, Some(&KeyPairType::Account)) {
        return Err("key to merge is not a valid public account key".to_owned());
    }
    let known = trust.accounts.get(account);
    if known.is_some_and(|known| known.text == text) {
        return Ok(None);
    }
    let claims = decode::<AccountClaims>(text).map_err(|cause| cause.to_string())?;
    if claims.sub != account {
        return Err("jwt subject nkey and provided nkey do not match".to_owned());
    }
    if let Some(fault) = account_fault(&claims) {
        return Err(fault);
    }
    let is_older = known.is_some_and(|known| rank(&known.claims, &known.text) >= rank(&claims, text));
    Ok((!claims.is_over(now) && !is_older).then(|| Token { text: text.to_owned(), claims }))
}

/// What says which of two tokens counts: the later one, and of two of the same second the same one on every server.
fn rank<'a>(claims: &Claims<AccountClaims>, text: &'a str) -> (i64, &'a str) {
    (claims.iat, text)
}
