//! `/subsz`.

use std::sync::Arc;
use std::time::SystemTime;

use troupe_codecs::report::subsz::DEFAULT_LIMIT;
use troupe_codecs::report::{SubDetail, SublistStats, Subsz, SubszOptions, Timestamp};
use troupe_codecs::subject::{is_valid_publish, matches};
use troupe_engine::index::SubscriptionFacts;

use super::reporter::Page;
use super::{ReportError, Reporter};
use crate::router::cache_stats::CacheFigures;
use crate::router::subscription::Receiver;
use crate::router::{AccountView, Subscription};

impl Reporter {
    /// Subscriptions and the state of their indexes.
    ///
    /// # Errors
    /// The test subject is no subject to publish on.
    pub fn subsz(&self, options: &SubszOptions) -> Result<Subsz, ReportError> {
        let test = options.test.as_bytes();
        if !test.is_empty() && !is_valid_publish(test) {
            return Err(ReportError::InvalidTestSubject(options.test.clone()));
        }
        let page = Page::new(options.offset, options.limit, DEFAULT_LIMIT);
        let mut stats = SublistStats::default();
        let (mut total, mut list) = (0, Vec::new());
        for account in self.accounts(&options.account) {
            let index = account.snapshot();
            add_stats(&mut stats, &sublist_stats(&account));
            if !options.subscriptions {
                continue;
            }
            index.for_each(&mut |subscription| {
                // Listed are subscriptions of this server. Those of replies are made beforehand here; nats-server makes them with the
                // first request to another account.
                if matches!(subscription.receiver(), Receiver::Replies(_) | Receiver::Peer(_)) {
                    return;
                }
                if !test.is_empty() && !matches(test, subscription.subject()) {
                    return;
                }
                if page.holds(total) {
                    list.push(detail_in_account(subscription, account.name()));
                }
                total += 1;
            });
        }
        if options.account.is_empty() {
            add_caches(&mut stats, self.services.router.cache_figures());
        }
        Ok(Subsz {
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            stats,
            total,
            offset: page.offset,
            limit: page.limit,
            subscriptions_list: list,
        })
    }

    /// The account of this name, or all of them by name where the name is empty.
    pub(super) fn accounts(&self, name: &str) -> Vec<Arc<AccountView>> {
        if !name.is_empty() {
            return self.services.accounts.get(name).into_iter().collect();
        }
        let mut all = self.services.accounts.all();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }
}

/// State of one account's index.
pub(super) fn sublist_stats(account: &AccountView) -> SublistStats {
    let index = account.snapshot();
    let churn = index.churn();
    SublistStats {
        num_subscriptions: index.len() as u64,
        num_inserts: churn.inserts,
        num_removes: churn.removes,
        ..SublistStats::default()
    }
}

/// Adds what the match caches remember. They serve all accounts.
fn add_caches(stats: &mut SublistStats, caches: CacheFigures) {
    let share = |part: u64, all: u64| if all == 0 { 0.0 } else { part as f64 / all as f64 };
    stats.num_cache = caches.subjects;
    stats.num_matches = caches.lookups;
    stats.cache_hit_rate = share(caches.lookups.saturating_sub(caches.misses), caches.lookups);
    stats.max_fanout = caches.max_fanout;
    stats.avg_fanout = share(caches.subscribers, caches.subjects);
}

/// Adds up indexes; the average weighs each by what it remembers.
fn add_stats(sum: &mut SublistStats, other: &SublistStats) {
    let weighed = |stats: &SublistStats| stats.avg_fanout * stats.num_cache as f64;
    let hits = |stats: &SublistStats| stats.cache_hit_rate * stats.num_matches as f64;
    let (fanout, hit) = (weighed(sum) + weighed(other), hits(sum) + hits(other));
    sum.num_subscriptions += other.num_subscriptions;
    sum.num_cache += other.num_cache;
    sum.num_inserts += other.num_inserts;
    sum.num_removes += other.num_removes;
    sum.num_matches += other.num_matches;
    sum.max_fanout = sum.max_fanout.max(other.max_fanout);
    sum.avg_fanout = if sum.num_cache == 0 { 0.0 } else { fanout / sum.num_cache as f64 };
    sum.cache_hit_rate = if sum.num_matches == 0 { 0.0 } else { hit / sum.num_matches as f64 };
}

/// A subscription in a list of one connection.
pub(super) fn detail(subscription: &Subscription) -> SubDetail {
    SubDetail {
        subject: text(subscription.subject()),
        qgroup: text(subscription.queue().unwrap_or_default()),
        sid: match subscription.client() {
            Some(_) => text(subscription.sid()),
            None => subscription.tag().to_string(),
        },
        msgs: subscription.delivered(),
        max: subscription.max(),
        // Actors of the server have no connection.
        cid: subscription.client().map_or(0, |sink| sink.cid()),
        ..SubDetail::default()
    }
}

fn detail_in_account(subscription: &Subscription, account: &str) -> SubDetail {
    SubDetail { account: account.to_owned(), account_tag: account.to_owned(), ..detail(subscription) }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
