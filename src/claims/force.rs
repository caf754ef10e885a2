//! Puts tokens of accounts in force while the server runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::debug;
use troupe_actors::client::ClientCommand;
use troupe_codecs::jwt::{AccountClaims, claims};
use troupe_engine::account::claims::account_options;
use troupe_engine::options::Options;
use troupe_engine::options::trust::Token;

use crate::reload::put_accounts_in_force;
use crate::server::Inner;

/// Tokens that come and go.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Those that come, each in place of what its account had.
    pub(super) tokens: Vec<Arc<Token<AccountClaims>>>,
    /// Accounts whose tokens go.
    pub(super) removed: Vec<String>,
}

impl Change {
    /// One token comes.
    pub(super) fn of(token: Token<AccountClaims>) -> Self {
        Self { tokens: vec![Arc::new(token)], removed: Vec::new() }
    }
}

/// The moment, in seconds since 1970.
pub(super) fn seconds() -> i64 {
    claims::seconds(SystemTime::now())
}

/// Serves with changed tokens from now on: links, limits and users.
pub(super) async fn put_in_force(inner: &Inner, options: &Options, change: Change) {
    let touched: BTreeSet<String> =
        change.tokens.iter().map(|token| token.claims.sub.clone()).chain(change.removed.iter().cloned()).collect();
    if touched.is_empty() {
        return;
    }
    let mut options = options.clone();
    apply(&mut options, change);
    let names: BTreeSet<&str> = touched.iter().map(String::as_str).collect();
    put_accounts_in_force(inner, &Arc::new(options), Some(&names)).wait().await;
    judge_again(inner, &names);
}

/// Changes the tokens in `options`, and the accounts made from them.
pub(super) fn apply(options: &mut Options, change: Change) {
    let Some(trust) = &mut options.trust else { return };
    for name in &change.removed {
        options.accounts.remove(name);
        trust.accounts.remove(name);
    }
    // The last token of an account counts.
    for token in change.tokens {
        options.accounts.put(Arc::new(account_options(&token.claims)));
        trust.accounts.put(token);
    }
}

/// Has the clients of accounts judged by new tokens. Those that came last go where there are too many.
fn judge_again(inner: &Inner, touched: &BTreeSet<&str>) {
    touched.iter().for_each(|name| debug!("Updating account claims: {name}"));
    let services = &inner.services;
    let has_clients = |name: &&str| services.accounts.get(name).is_some_and(|account| account.num_connections() > 0);
    if !touched.iter().any(has_clients) {
        return;
    }
    let mut clients = services.registry.all();
    clients.retain(|client| client.sink.close_reason().is_none() && touched.contains(&*client.sink.account_name()));
    clients.iter().for_each(|client| client.address.do_send(ClientCommand::Reload));
    let accounts = touched.iter().filter_map(|name| services.accounts.get(name));
    accounts.for_each(|account| services.close_excess_of(&account));
}
