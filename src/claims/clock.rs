//! Activation tokens that end while the server runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use troupe_actors::account::link;
use troupe_engine::account::activation::next_end;
use troupe_engine::options::Options;

use crate::server::Inner;

/// Knows when the next activation token ends, and looks for it anew when the options have changed.
#[derive(Default)]
pub(crate) struct LinkClock {
    known: Option<(Arc<Options>, Option<i64>)>,
}

impl LinkClock {
    /// Waits until a token ends; for ever where none does.
    pub(crate) async fn strike(&mut self, inner: &Inner) {
        let options = inner.services.options();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let end = match &self.known {
            Some((known, end)) if Arc::ptr_eq(known, &options) => *end,
            _ => next_end(&options.accounts, i64::try_from(now.as_secs()).unwrap_or(i64::MAX)),
        };
        self.known = Some((options, end));
        let Some(end) = end.and_then(|end| u64::try_from(end).ok()) else { return std::future::pending().await };
        // It still counts in its last second.
        tokio::time::sleep(Duration::from_secs(end + 1).saturating_sub(now)).await;
    }

    /// Takes away the imports whose token has ended.
    pub(crate) async fn relink(&mut self, inner: &Inner) {
        self.known = None;
        let (services, options) = (&inner.services, inner.services.options());
        link(&services.accounts, &services.router, &options, &services.info().server_name).wait().await;
    }
}
