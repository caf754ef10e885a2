//! Subscriptions of the connections on a page of `/connz`, found in the published indexes: no connection is asked.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use troupe_codecs::report::{ConnInfo, SubDetail};
use troupe_codecs::subject::overlaps;
use troupe_engine::index::SubscriptionFacts;

use super::connz_rows::Row;
use super::subsz::{detail, text};
use crate::connection::ClosedSubscription;
use crate::router::{AccountView, Accounts, Subscription};

/// Open subscriptions by connection.
pub(super) struct SubscriptionsByConnection(HashMap<u64, Vec<Arc<Subscription>>>);

impl SubscriptionsByConnection {
    /// Those of the open connections among `rows`.
    pub(super) fn of(accounts: &Accounts, rows: &[Row]) -> Self {
        let open = rows.iter().filter(|row| matches!(row, Row::Open(_)));
        let mut found: HashMap<u64, Vec<Arc<Subscription>>> = open.clone().map(|row| (row.cid(), Vec::new())).collect();
        let names: HashSet<Arc<str>> = open.filter_map(Row::account).collect();
        for account in names.iter().filter_map(|name| accounts.get(name)) {
            account.snapshot().for_each(&mut |subscription| {
                let owner = subscription.client().filter(|_| !subscription.is_closed());
                if let Some(list) = owner.and_then(|sink| found.get_mut(&sink.cid())) {
                    list.push(Arc::clone(subscription));
                }
            });
        }
        Self(found)
    }

    /// Connections with a subscription that overlaps `subject`.
    pub(super) fn overlapping(account: &AccountView, subject: &[u8]) -> HashSet<u64> {
        let mut cids = HashSet::new();
        account.snapshot().for_each(&mut |subscription| {
            if overlaps(subscription.subject(), subject) {
                cids.extend(subscription.client().map(|sink| sink.cid()));
            }
        });
        cids
    }

    /// Adds the subscriptions of `row`, in full or only their subjects.
    pub(super) fn add_to(&self, info: &mut ConnInfo, row: &Row, in_detail: bool) {
        match row {
            Row::Open(entry) => {
                let own = self.0.get(&entry.sink.cid()).map(Vec::as_slice).unwrap_or_default();
                if in_detail {
                    info.subscriptions_list_detail = own.iter().map(|subscription| detail(subscription)).collect();
                } else {
                    info.subscriptions_list = own.iter().map(|subscription| text(subscription.subject())).collect();
                }
            }
            Row::Closed(closed) if in_detail => {
                let account = row.account();
                let shown = |subscription| closed_detail(subscription, closed.cid, account.as_deref());
                info.subscriptions_list_detail = closed.subscriptions.iter().map(shown).collect();
            }
            Row::Closed(closed) => {
                let subjects = closed.subscriptions.iter().map(|subscription| text(&subscription.subject));
                info.subscriptions_list = subjects.collect();
            }
        }
    }
}

/// Those of closed connections carry their account, as in nats-server.
fn closed_detail(subscription: &ClosedSubscription, cid: u64, account: Option<&str>) -> SubDetail {
    let account = account.unwrap_or_default().to_owned();
    SubDetail {
        account_tag: account.clone(),
        account,
        subject: text(&subscription.subject),
        qgroup: text(&subscription.queue),
        sid: text(&subscription.sid),
        msgs: subscription.delivered,
        max: subscription.max,
        cid,
    }
}
