//! Messages a stream has no room for.

use std::sync::Arc;

use troupe_codecs::api::errors;

use crate::jetstream::account::JetStreamAccount;
use crate::jetstream::server::JetStreamServer;
use crate::router::inbox::OnFull;

/// Counts refused messages and tells so, now and then. Publishers time out, as they do with nats-server when its log says the same.
#[must_use]
pub fn refuse(_: &Arc<JetStreamServer>, account: &Arc<JetStreamAccount>, name: String) -> OnFull {
    let account = Arc::clone(account.name());
    let refused = std::sync::atomic::AtomicU64::new(0);
    Box::new(move |batch| {
        let count = batch.len() as u64;
        let before = refused.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        // One line for the first and then for every 10,000 messages.
        if before == 0 || before / 10_000 != (before + count) / 10_000 {
            let reason = errors::STREAM_TOO_MANY_REQUESTS.text;
            tracing::warn!("stream '{account} > {name}' refused {} messages: {reason}", before + count);
        }
    })
}
