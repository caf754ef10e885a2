//! Which connections are being opened.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::Target;

/// Held while a connection is opened, from the first attempt to its place in the table.
#[derive(Debug, Default)]
pub(super) struct Pursuit {
    news: Notify,
}

impl Pursuit {
    /// There is news of the other server: whoever pauses between two attempts tries now.
    pub(super) fn hurry(&self) {
        self.news.notify_waiters();
    }

    /// Waits for [`Self::hurry`].
    pub(super) async fn hurried(&self) {
        self.news.notified().await;
    }
}

/// All of them, by address and account.
#[derive(Debug, Default)]
pub(super) struct Pursuits {
    under_way: HashMap<(String, Option<String>), Weak<Pursuit>>,
}

impl Pursuits {
    /// One more, to `target`.
    pub(super) fn begin(&mut self, target: &Target) -> Arc<Pursuit> {
        self.under_way.retain(|_, pursuit| pursuit.strong_count() > 0);
        let place = self.under_way.entry(key(target)).or_default();
        place.upgrade().unwrap_or_else(|| {
            let pursuit = Arc::default();
            *place = Arc::downgrade(&pursuit);
            pursuit
        })
    }

    /// What those hold that are under way to `target`.
    pub(super) fn of(&self, target: &Target) -> Option<Arc<Pursuit>> {
        self.under_way.get(&key(target))?.upgrade()
    }
}

fn key(target: &Target) -> (String, Option<String>) {
    (target.url.address().to_lowercase(), target.account.clone())
}
