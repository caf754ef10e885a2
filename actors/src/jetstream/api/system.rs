//! Requests of the system account: about the server, and about other accounts.

use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use troupe_codecs::api::response::{AccountInfo, AccountPurged, Empty};
use troupe_codecs::api::{ApiError, errors};

use super::super::server::JetStreamServer;
use super::dispatch::Work;
use super::{ApiRequest, streams};
use crate::router::ArbiterLocal;

/// Answers a request of the system account, or yields the work that will.
pub(super) fn dispatch(tokens: &[&str], request: ApiRequest, local: Rc<ArbiterLocal>) -> Option<Work> {
    match tokens {
        ["ACCOUNT", "PURGE", account] => return Some(purge(request, local, (*account).to_owned())),
        // Leaders of a cluster answer these; there is none.
        ["META", "LEADER", "STEPDOWN"] | ["SERVER", "REMOVE"] | ["ACCOUNT", ..] => {
            tracing::debug!("without a cluster of JetStream nobody answers {tokens:?}");
        }
        ["INFO"] => refuse::<AccountInfo>(&request, &local, "account_info_response"),
        _ => refuse::<Empty>(&request, &local, "system_response"),
    }
    None
}

fn refuse<T: Serialize + Default>(request: &ApiRequest, local: &ArbiterLocal, kind: &'static str) {
    request.answer::<T>(local, kind, Err(errors::NOT_ENABLED_FOR_ACCOUNT.error()));
}

/// Removes all streams of an account, and what else it keeps.
fn purge(request: ApiRequest, local: Rc<ArbiterLocal>, account: String) -> Work {
    Box::pin(async move {
        let outcome = purge_account(request.server(), &account).await;
        let answer = outcome.map(|()| AccountPurged { initiated: true });
        request.answer(&local, "account_purge_response", answer);
    })
}

async fn purge_account(server: &Arc<JetStreamServer>, name: &str) -> Result<(), ApiError> {
    if name.contains(['/', '\\']) {
        return Err(errors::STREAM_GENERAL.with("account name can not contain path separators"));
    }
    let account = server.account(name);
    let entries = account.as_ref().map(|account| account.streams()).unwrap_or_default();
    let is_known = server.parts().accounts.get(name).is_some();
    tracing::info!("Purge request for account {name} (streams: {}, hasAccount: {is_known})", entries.len());
    if let Some(account) = &account {
        for entry in entries {
            let outcome = streams::destroy(server, account, entry.name()).await;
            outcome.map_err(|cause| errors::STREAM_DELETE.with(cause))?;
        }
        // One that was made meanwhile keeps its files.
        if !account.streams().is_empty() {
            return Ok(());
        }
    }
    let Some(directory) = server.directory().cloned() else { return Ok(()) };
    let name = name.to_owned();
    let removed = tokio::task::spawn_blocking(move || directory.remove_account(&name)).await;
    let removed = removed.map_err(|cause| errors::STREAM_GENERAL.with(cause))?;
    removed.map_err(|cause| errors::STREAM_GENERAL.with(cause))
}
