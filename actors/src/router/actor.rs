//! The actor that owns the index.

use std::collections::HashMap;
use std::sync::Arc;

use actix::{Actor, ActorContext, AsyncContext, Context, StreamHandler};

use super::exchange::StreamLink;
use super::interest::InterestBook;
use super::messages::{ChangeSet, RouterCommand, RouterHandle, Ticket};
use super::peer::{Announcement, PeerLink, Pools};
use super::shadows::Shadows;
use super::subscription::Receiver;
use super::view::{AccountIndex, AccountView};
use super::{Subscription, shadows};
use crate::queue::{Batch, QueueConsumer};
use crate::supervisor::{ChildContext, SupervisedActor};

/// Applies queued changes to the indexes of all accounts.
///
/// A new instance starts from the published snapshots and gets the change sets its predecessor did not finish once more, so
/// a panic loses nothing: subscriptions stay, waiting connections are answered late.
#[derive(Debug)]
pub struct Router {
    context: ChildContext,
    consumer: Option<QueueConsumer<RouterCommand>>,
    handle: RouterHandle,
    /// Working copies of the indexes changed so far, by account id.
    indexes: HashMap<u32, Working>,
    /// Accounts whose index has changed since it was published: of many accounts, few do at a time.
    changed: Vec<u32>,
    /// Entries that stand for subscriptions of importing accounts.
    shadows: Shadows,
    /// What other servers are told; there in a cluster.
    interest: Option<InterestBook>,
}

#[derive(Debug)]
struct Working {
    account: Arc<AccountView>,
    index: AccountIndex,
    is_changed: bool,
}

impl Router {
    /// An instance that serves `handle`.
    #[must_use]
    pub fn new(context: ChildContext, handle: RouterHandle) -> Self {
        let consumer = Some(handle.consume());
        Self {
            context,
            consumer,
            handle,
            indexes: HashMap::new(),
            changed: Vec::new(),
            shadows: Shadows::default(),
            interest: None,
        }
    }

    fn apply(&mut self, changes: &ChangeSet) {
        let account = &changes.account;
        if let Some(streams) = &changes.streams {
            self.relink(account, streams);
        }
        let links = account.exchange().streams();
        for subscription in &changes.added {
            if self.change(account, subscription, true) && !links.is_empty() {
                self.cast(account, &links, subscription);
            }
        }
        for subscription in &changes.removed {
            self.change(account, subscription, false);
            self.uncast(subscription);
        }
    }

    fn working(&mut self, account: &Arc<AccountView>) -> &mut Working {
        self.indexes.entry(account.id()).or_insert_with(|| Working {
            account: Arc::clone(account),
            index: AccountIndex::clone(&account.snapshot()),
            is_changed: false,
        })
    }

    /// Puts a subscription into an index or takes it out; false when that changed nothing.
    fn change(&mut self, account: &Arc<AccountView>, subscription: &Arc<Subscription>, is_added: bool) -> bool {
        if let Some(interest) = &mut self.interest {
            interest.open(account, &self.handle);
        }
        let working = self.working(account);
        let is_news = match is_added {
            true => working.index.insert(Arc::clone(subscription)),
            false => working.index.remove(subscription),
        };
        if is_news && !std::mem::replace(&mut working.is_changed, true) {
            self.changed.push(account.id());
        }
        if let Some(interest) = self.interest.as_mut().filter(|_| is_news) {
            interest.note(account, subscription, is_added, &self.handle);
        }
        is_news
    }

    fn join(&mut self, link: &Arc<PeerLink>) {
        self.handle.peers().join(link);
        if let (Some(interest), Some(accounts)) = (&mut self.interest, self.handle.peers().accounts()) {
            interest.tell_all(link, &accounts, &self.handle);
        }
    }

    fn spread(&mut self, pools: &Pools) {
        if let (Some(interest), Some(accounts)) = (&mut self.interest, self.handle.peers().accounts()) {
            interest.spread(pools, &accounts, &self.handle);
        }
    }

    fn announce(&mut self, announcement: &Announcement) {
        if let (Some(interest), Some(accounts)) = (&mut self.interest, self.handle.peers().accounts()) {
            interest.announce(announcement, &accounts, &self.handle);
        }
    }

    fn cast(&mut self, account: &Arc<AccountView>, links: &[StreamLink], subscription: &Arc<Subscription>) {
        for (exporter, entry) in self.shadows.cast(account, links, subscription) {
            self.change(&exporter, &entry, true);
        }
    }

    fn uncast(&mut self, subscription: &Arc<Subscription>) {
        for (exporter, entry) in self.shadows.uncast(subscription) {
            self.change(&exporter, &entry, false);
        }
    }

    /// Has an account import other streams from now on.
    fn relink(&mut self, account: &Arc<AccountView>, streams: &Arc<Vec<StreamLink>>) {
        let was_linked = !account.exchange().streams().is_empty();
        account.exchange().set_streams(Arc::clone(streams));
        if streams.is_empty() && !was_linked {
            return;
        }
        self.handle.note_importer(account);
        let index = self.working(account).index.clone();
        index.for_each(&mut |subscription: &Arc<Subscription>| {
            self.uncast(subscription);
            self.cast(account, streams, subscription);
        });
    }

    /// Finds out what a predecessor put into exporting accounts, and makes up for what it did not come to.
    fn recover(&mut self) {
        for importer in self.handle.importers() {
            let streams = importer.exchange().streams();
            for link in streams.iter() {
                link.exporter.snapshot().for_each(&mut |entry: &Arc<Subscription>| match entry.receiver() {
                    Receiver::Import(imported) if Arc::ptr_eq(&imported.importer, &importer) => {
                        self.shadows.adopt(&link.exporter, entry);
                    }
                    _ => {}
                });
            }
            importer.snapshot().for_each(&mut |subscription: &Arc<Subscription>| {
                if self.shadows.count(subscription) < shadows::wanted(&streams, subscription) {
                    self.uncast(subscription);
                    self.cast(&importer, &streams, subscription);
                }
            });
        }
    }

    /// Publishes what has changed. False when a successor has published already: this instance must not go on.
    fn publish(&mut self) -> bool {
        let epoch = self.context.epoch();
        self.changed.drain(..).all(|id| {
            let Some(working) = self.indexes.get_mut(&id) else { return true };
            working.is_changed = false;
            working.account.publish(working.index.clone(), epoch)
        })
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recover();
        if let Some(consumer) = self.consumer.take() {
            ctx.add_stream(consumer);
        }
    }
}

impl SupervisedActor for Router {}

impl StreamHandler<Batch<RouterCommand>> for Router {
    fn handle(&mut self, batch: Batch<RouterCommand>, ctx: &mut Self::Context) {
        self.context.heartbeat().touch();
        self.context.checkpoint("before-apply");
        if self.interest.is_none() && self.handle.peers().accounts().is_some() {
            self.interest = Some(InterestBook::default());
        }
        for command in batch.iter() {
            match command {
                RouterCommand::Change(changes) => self.apply(changes),
                RouterCommand::Join(link) => self.join(link),
                RouterCommand::Leave(link) => self.handle.peers().leave(link),
                RouterCommand::Spread(pools) => self.spread(pools),
                RouterCommand::Announce(announcement) => self.announce(announcement),
            }
            self.context.checkpoint("mid-apply");
        }
        if !self.context.epoch_is_current() {
            // A successor owns the index now.
            return ctx.stop();
        }
        self.context.checkpoint("before-publish");
        if let Some(interest) = &mut self.interest {
            interest.flush();
        }
        if !self.publish() {
            return ctx.stop();
        }
        self.context.checkpoint("after-publish");
        let barriers = batch.iter().filter_map(|command| match command {
            RouterCommand::Change(changes) => changes.barrier.as_ref(),
            _ => None,
        });
        barriers.for_each(Ticket::open);
        if self.handle.commit(batch).is_err() {
            ctx.stop();
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
