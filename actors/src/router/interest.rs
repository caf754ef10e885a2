//! Tells other servers what this server's own subscribers are interested in.

use std::collections::HashMap;
use std::sync::Arc;

use troupe_codecs::peer::encoder;
use troupe_engine::index::{InterestChange, InterestCounts, SubscriptionFacts};

use super::messages::RouterHandle;
use super::peer::{Announcement, PeerLink, Pools};
use super::subscription::Receiver;
use super::view::AccountView;
use super::{Accounts, Subscription};

/// Bytes of news for one connection beyond which they are handed over.
const ENOUGH: usize = 64 * 1024;

/// The interest of all accounts, counted by one instance of the Router.
///
/// It is counted anew from the published snapshots by each instance. News go out before the snapshot they come from is
/// published, so an instance that is cut off in between is followed by one that tells the same once more.
#[derive(Debug, Default)]
pub(super) struct InterestBook {
    accounts: HashMap<u32, AccountInterest>,
    news: Vec<(Arc<PeerLink>, Vec<u8>)>,
}

#[derive(Debug)]
struct AccountInterest {
    counts: InterestCounts,
    carriers: Vec<Arc<PeerLink>>,
    /// Number of joins and leaves when `carriers` was looked up.
    version: u64,
}

impl InterestBook {
    /// Notes that `account` is about to change; counts what it holds before the first change.
    fn entry(&mut self, account: &Arc<AccountView>, handle: &RouterHandle) -> &mut AccountInterest {
        let version = handle.peers().version();
        let entry = self.accounts.entry(account.id()).or_insert_with(|| AccountInterest {
            counts: count(account),
            carriers: Vec::new(),
            version: u64::MAX,
        });
        if entry.version != version {
            entry.version = version;
            entry.carriers = handle.peers().carriers(account.name());
        }
        entry
    }

    /// Counts a change of the index.
    pub(super) fn note(
        &mut self,
        account: &Arc<AccountView>,
        subscription: &Subscription,
        is_added: bool,
        handle: &RouterHandle,
    ) {
        if !is_told(subscription) {
            return;
        }
        let entry = self.entry(account, handle);
        let change = if is_added { entry.counts.add(subscription) } else { entry.counts.remove(subscription) };
        if change == InterestChange::None || entry.carriers.is_empty() {
            return;
        }
        let carriers = entry.carriers.clone();
        for link in &carriers {
            self.tell(link, account.name(), subscription.subject(), subscription.queue_opt(), change);
        }
    }

    /// Counts an account before its first change, so that the change itself is not counted twice.
    pub(super) fn open(&mut self, account: &Arc<AccountView>, handle: &RouterHandle) {
        self.entry(account, handle);
    }

    fn tell(
        &mut self,
        link: &Arc<PeerLink>,
        account: &str,
        subject: &[u8],
        queue: Option<&[u8]>,
        change: InterestChange,
    ) {
        if !link.announces(subject) {
            return;
        }
        let place = self.news.iter().position(|(known, _)| Arc::ptr_eq(known, link)).unwrap_or_else(|| {
            self.news.push((Arc::clone(link), Vec::new()));
            self.news.len() - 1
        });
        let out = &mut self.news[place].1;
        let account = link.names_account().then_some(account.as_bytes());
        match change {
            InterestChange::None => {}
            InterestChange::Begins(weight) => {
                encoder::interest(out, account, subject, queue.map(|queue| (queue, weight)));
            }
            InterestChange::Ends => encoder::no_interest(out, account, subject, queue),
        }
        if out.len() > ENOUGH {
            push(link, out);
        }
    }

    /// Tells a new connection everything it carries.
    pub(super) fn tell_all(&mut self, link: &Arc<PeerLink>, accounts: &Accounts, handle: &RouterHandle) {
        self.flush();
        let news = |subject: &[u8]| Some(true).filter(|_| link.announces(subject));
        self.tell_carried(link, accounts, handle, news);
        tracing::debug!(conn = %link.sink().label(), "Sent local subscriptions to route");
    }

    /// Spreads accounts over connections anew and tells those that carry an account now.
    pub(super) fn spread(&mut self, pools: &Pools, accounts: &Accounts, handle: &RouterHandle) {
        self.flush();
        for (link, account) in handle.peers().spread(pools, &accounts.all()) {
            let news = |subject: &[u8]| Some(true).filter(|_| link.announces(subject));
            self.tell_account(&link, &account, handle, news);
        }
    }

    /// Tells a connection what other rights let through now.
    pub(super) fn announce(&mut self, announcement: &Announcement, accounts: &Accounts, handle: &RouterHandle) {
        self.flush();
        if announcement.is_own {
            announcement.link.set_announced(announcement.now.clone());
        }
        self.tell_carried(&announcement.link, accounts, handle, |subject| announcement.news(subject));
    }

    fn tell_carried(
        &mut self,
        link: &Arc<PeerLink>,
        accounts: &Accounts,
        handle: &RouterHandle,
        news: impl Fn(&[u8]) -> Option<bool>,
    ) {
        for account in accounts.all() {
            if handle.peers().carries(link, account.name()) {
                self.tell_account(link, &account, handle, &news);
            }
        }
    }

    /// Tells a connection of an account's interest: `news` says whether that in a subject begins, ends, or is passed over.
    fn tell_account(
        &mut self,
        link: &Arc<PeerLink>,
        account: &Arc<AccountView>,
        handle: &RouterHandle,
        news: impl Fn(&[u8]) -> Option<bool>,
    ) {
        let mut out = Vec::new();
        let name = link.names_account().then(|| account.name().as_bytes());
        self.entry(account, handle).counts.for_each(|subject, queue, weight| {
            match news(subject) {
                Some(true) => encoder::interest(&mut out, name, subject, queue.map(|queue| (queue, weight))),
                Some(false) => encoder::no_interest(&mut out, name, subject, queue),
                None => {}
            }
            if out.len() > ENOUGH {
                push(link, &mut out);
            }
        });
        push(link, &mut out);
    }

    /// Hands the news over.
    pub(super) fn flush(&mut self) {
        for (link, mut out) in self.news.drain(..) {
            push(&link, &mut out);
        }
    }
}

fn push(link: &PeerLink, out: &mut Vec<u8>) {
    if !out.is_empty() {
        link.sink().send(std::mem::take(out));
    }
}

/// Whether other servers hear of it: interest of theirs goes no further, and requests to another account cross over where they are made.
fn is_told(subscription: &Subscription) -> bool {
    !matches!(subscription.receiver(), Receiver::Peer(_) | Receiver::Service(_))
}

/// Counts the own subscriptions in the published index of an account.
fn count(account: &AccountView) -> InterestCounts {
    let mut counts = InterestCounts::default();
    account.snapshot().for_each(&mut |subscription: &Arc<Subscription>| {
        if is_told(subscription) {
            counts.add(&**subscription);
        }
    });
    counts
}
