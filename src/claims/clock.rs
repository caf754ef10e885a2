//! Moments that are waited for: activation tokens that end while the server runs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::server::Inner;

/// Waits until a token ends; for ever where none does.
pub(crate) async fn activation_ends(inner: &Inner) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = inner.linker.lock().next_end();
    let Some(end) = end.and_then(|end| u64::try_from(end).ok()) else { return std::future::pending().await };
    // It still counts in its last second.
    tokio::time::sleep(Duration::from_secs(end + 1).saturating_sub(now)).await;
}

/// Takes away the imports whose token has ended.
pub(crate) async fn drop_ended(inner: &Inner) {
    let (services, options) = (&inner.services, inner.services.options());
    let server = &services.info().server_name;
    let linked = inner.linker.lock().drop_ended(&services.accounts, &services.router, &options, server);
    linked.wait().await;
}

/// Waits until a moment, for ever where there is none.
pub(crate) async fn until(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
