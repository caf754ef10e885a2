//! Which connections are being opened.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::Target;

/// Held while a connection is opened, from the first attempt to its place in the table.
#[derive(Debug, Default)]
pub(super) struct Pursuit {
    num_news: AtomicU64,
    news: Notify,
}

impl Pursuit {
    /// There is news of the other server: whoever pauses between two attempts tries now, and whoever is at one tries again.
    pub(super) fn hurry(&self) {
        self.num_news.fetch_add(1, Ordering::SeqCst);
        self.news.notify_waiters();
    }

    /// How often there was news.
    pub(super) fn num_news(&self) -> u64 {
        self.num_news.load(Ordering::SeqCst)
    }

    /// Waits until there was news more often than this.
    pub(super) async fn hurried(&self, num_news: u64) {
        let mut news = pin!(self.news.notified());
        // What comes from here on is not missed.
        news.as_mut().enable();
        if self.num_news() == num_news {
            news.await;
        }
    }
}

/// What is opened: address and account, and whether the configuration wants it. News is of those that others told of.
type Key = (String, Option<String>, bool);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Pursuits {
    under_way: HashMap<Key, Weak<Pursuit>>,
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

fn key(target: &Target) -> Key {
    (target.url.address().to_lowercase(), target.account.clone(), target.is_explicit)
}

#[cfg(test)]
mod tests {
    use troupe_engine::options::RouteUrl;

    use super::*;

    fn target(is_explicit: bool) -> Target {
        let url = RouteUrl::parse("nats-route://127.0.0.1:6222").expect("a URL");
        Target { url, is_explicit, gossip_mode: 0, account: None, failures: 0 }
    }

    #[tokio::test]
    async fn news_during_an_attempt_is_not_missed() {
        let pursuit = Pursuit::default();
        let num_news = pursuit.num_news();
        pursuit.hurry();
        pursuit.hurried(num_news).await;
        let waits = pursuit.hurried(pursuit.num_news());
        let (hurried, ()) = tokio::join!(waits, async { pursuit.hurry() });
        assert_eq!((hurried, pursuit.num_news()), ((), 2));
    }

    #[test]
    fn what_the_configuration_wants_is_not_what_others_told_of() {
        let mut pursuits = Pursuits::default();
        let wanted = pursuits.begin(&target(true));
        assert!(pursuits.of(&target(false)).is_none());
        let told = pursuits.begin(&target(false));
        assert!(!Arc::ptr_eq(&wanted, &told));
        drop(told);
        assert!(pursuits.of(&target(false)).is_none() && pursuits.of(&target(true)).is_some());
    }
}
