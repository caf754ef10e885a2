//! Streams that were kept.

use std::sync::Arc;

use futures_util::future::join_all;
use troupe_codecs::api::json::decode_stored;
use troupe_codecs::api::stream::StoredStream;
use troupe_codecs::api::{API_LEVEL, StreamConfig, Timestamp};
use troupe_engine::stream::level::unsupported_level;
use troupe_store::{FoundStream, StoreDirectory};

use super::account::JetStreamAccount;
use super::entry::StreamEntry;
use super::server::JetStreamServer;
use super::stream::overflow::refuse;

impl JetStreamServer {
    /// Starts the streams that were kept. Those that cannot be served stay known as offline, and their files stay.
    pub async fn recover(self: &Arc<Self>) {
        match self.directory().map(StoreDirectory::streams) {
            Some(Ok(found)) => self.start_found(found).await,
            Some(Err(cause)) => tracing::error!("cannot list the streams that were kept: {cause}"),
            None => {}
        }
        self.accounts().iter().for_each(|account| account.open());
    }

    pub(super) async fn start_found(self: &Arc<Self>, found: Vec<FoundStream>) {
        let starts = found.into_iter().filter_map(|found| self.add_kept(found));
        let starts: Vec<_> = starts.map(|(account, entry)| self.start_kept(account, entry)).collect();
        join_all(starts).await;
    }

    /// Makes a stream that was kept known. One that is to be started comes back.
    fn add_kept(self: &Arc<Self>, found: FoundStream) -> Option<(Arc<JetStreamAccount>, Arc<StreamEntry>)> {
        let Some(account) = self.account(&found.account) else {
            tracing::warn!("stream '{} > {}' is left alone: no such account has JetStream", found.account, found.name);
            return None;
        };
        if found.meta.is_err() && self.sets_leftover_aside(&account, &found.name) {
            return None;
        }
        let stored = found.meta.and_then(|meta| read_meta(&meta));
        let (stored, offline) = match stored {
            Ok(stored) => {
                let offline = unsupported_level(&stored.config.metadata);
                let text = |level| format!("unsupported - required API level: {level}, current API level: {API_LEVEL}");
                let offline = offline.map(text);
                (stored, offline)
            }
            Err(reason) => {
                let config = StreamConfig { name: found.name.clone(), ..StreamConfig::default() };
                (StoredStream { created: Timestamp::default(), config }, Some(reason))
            }
        };
        let entry = StreamEntry::new(stored.config, stored.created, refuse(self, &account, found.name));
        entry.set_kept();
        if let Some(reason) = offline {
            tracing::error!("stream '{} > {}' is offline: {reason}", account.name(), entry.name());
            entry.set_offline(Some(reason));
            account.add_offline(&entry);
            return None;
        }
        if let Err(cause) = account.add(&entry) {
            tracing::error!("stream '{} > {}' is offline: {cause}", account.name(), entry.name());
            entry.set_offline(Some(cause.to_string()));
            account.add_offline(&entry);
            return None;
        }
        Some((account, entry))
    }

    async fn start_kept(self: &Arc<Self>, account: Arc<JetStreamAccount>, entry: Arc<StreamEntry>) {
        if let Err(cause) = self.start_stream(&account, &entry).await {
            tracing::error!("stream '{} > {}' is offline: {cause}", account.name(), entry.name());
            entry.set_offline(Some(cause.to_string()));
            self.stop_stream(&entry).await;
        }
    }

    /// Moves away what is no stream but has the name of one, and tells where to; whether there was something.
    pub(super) fn sets_leftover_aside(&self, account: &JetStreamAccount, name: &str) -> bool {
        let Some(directory) = self.directory() else { return false };
        match directory.set_leftover_aside(account.name(), name) {
            Ok(None) => false,
            Ok(Some(aside)) => {
                let (account, aside) = (account.name(), aside.display());
                tracing::warn!(
                    "stream '{account} > {name}' has no configuration: what is left of it is now in {aside}"
                );
                true
            }
            Err(cause) => {
                tracing::error!("what is left of stream '{} > {name}' cannot be moved away: {cause}", account.name());
                false
            }
        }
    }
}

/// Reads a stored configuration. What a later server wrote in it is not guessed at.
fn read_meta(meta: &[u8]) -> Result<StoredStream, String> {
    let (created, config) = decode_stored(meta).map_err(|cause| format!("unsupported - config error: {cause}"))?;
    Ok(StoredStream { created, config })
}
