//! Accounts that come to JetStream, and go, while the server runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use troupe_codecs::api::account::JetStreamLimits;
use troupe_engine::options::JetStreamOptions;

use super::account::JetStreamAccount;
use super::actor::JetStream;
use super::entry::StreamEntry;
use super::server::JetStreamServer;
use crate::router::AccountView;

/// Accounts whose JetStream is to begin and to end, for [`JetStreamServer::apply`].
#[derive(Debug, Default)]
#[must_use]
pub struct Changed {
    enabled: Vec<Arc<JetStreamAccount>>,
    disabled: Vec<Arc<JetStreamAccount>>,
}

impl JetStreamServer {
    /// Takes over other limits of the server and of accounts; those without limits have no JetStream from now on, and their
    /// clients are told so.
    pub fn reload(
        &self,
        options: &JetStreamOptions,
        limits: &[(Arc<AccountView>, Option<JetStreamLimits>)],
    ) -> Changed {
        self.capacity().set_limits(options);
        let mut changed = Changed::default();
        for (view, limits) in limits {
            match (self.account(view.name()), limits) {
                (Some(account), Some(limits)) => account.set_limits(limits.clone()),
                (None, Some(limits)) => changed.enabled.push(self.enable(Arc::clone(view), limits.clone())),
                (Some(account), None) => {
                    self.disable(&account);
                    changed.disabled.push(account);
                }
                (None, None) => {}
            }
        }
        changed
    }

    /// Ends the streams of accounts that have no JetStream any more: their files stay, what is in memory goes. Then starts
    /// those of accounts that have it from now on. One call at a time: none comes back before it has gone.
    pub async fn apply(self: &Arc<Self>, changed: Changed) {
        for account in &changed.disabled {
            self.leave_account(account).await;
        }
        self.start_accounts(&changed.enabled).await;
    }

    async fn leave_account(&self, account: &JetStreamAccount) {
        let streams = account.close();
        self.parts().router.unsubscribe_inside(account.view(), account.take_api()).ok();
        tracing::info!("JetStream of account {:?} is disabled, streams: {}", account.name(), streams.len());
        join_all(streams.iter().map(|entry| self.leave(account, entry))).await;
    }

    /// Ends the actor of a stream whose account has no JetStream any more, and what it listens to.
    pub(super) async fn leave(&self, account: &JetStreamAccount, entry: &StreamEntry) {
        self.stop_stream(entry).await;
        self.parts().router.unsubscribe_inside(account.view(), entry.take_parked()).ok();
        let held = entry.usage().bytes.swap(0, Ordering::Relaxed);
        self.capacity().changed(entry.config().storage, held, 0);
        drop(entry.take_store());
    }

    /// Serves accounts that have JetStream from now on: starts their streams that were kept, then their API.
    async fn start_accounts(self: &Arc<Self>, accounts: &[Arc<JetStreamAccount>]) {
        for account in accounts {
            match self.directory().map(|directory| directory.streams_of(account.name())) {
                Some(Ok(found)) => self.start_found(found).await,
                Some(Err(cause)) => {
                    tracing::error!("cannot list the streams of account {:?} that were kept: {cause}", account.name());
                }
                None => {}
            }
        }
        accounts.iter().for_each(|account| account.open());
        JetStream::subscribe(self, accounts).await;
    }
}
