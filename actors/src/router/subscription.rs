//! One subscription of one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use troupe_engine::index::SubscriptionFacts;

use super::exchange::ServiceLink;
use super::imported::Imported;
use super::inbox::Inbox;
use super::peer::PeerLink;
use super::{AccountView, ClientSink};

/// Who gets the messages of a subscription.
#[derive(Debug)]
pub enum Receiver {
    /// A client connection.
    Client(Arc<ClientSink>),
    /// An actor of this server.
    Inbox(Arc<Inbox>),
    /// A subscription of another account, which imports the stream.
    Import(Box<Imported>),
    /// A service of another account.
    Service(Arc<ServiceLink>),
    /// The requesters in other accounts that services of this account reply to.
    Replies(Arc<AccountView>),
    /// Another server.
    Peer(Arc<PeerLink>),
}

/// Shared by the connection that owns it, the index, and the match caches. Kept small: a server holds millions.
#[derive(Debug)]
pub struct Subscription {
    receiver: Receiver,
    /// Messages delivered since it was made. Below zero for a moment where a delivery is taken back before its batch is
    /// counted.
    delivered: AtomicI64,
    /// Messages after which it ends; zero is never.
    max: AtomicU32,
    /// Subject, queue group, sid, one behind the other.
    text: Box<[u8]>,
    subject_len: u32,
    queue_len: u32,
    is_closed: AtomicBool,
    /// Messages on denied subjects must be filtered at delivery.
    is_filtered: AtomicBool,
}

/// What a subscription is made of.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionParts<'a> {
    /// Subject, wildcards allowed.
    pub subject: &'a [u8],
    /// Queue group; empty when there is none.
    pub queue: &'a [u8],
    /// The client's id for it.
    pub sid: &'a [u8],
    /// It is broader than a denied subject.
    pub is_filtered: bool,
}

/// What another server is interested in.
#[derive(Clone, Copy, Debug)]
pub struct PeerInterest<'a> {
    /// Subject, wildcards allowed.
    pub subject: &'a [u8],
    /// Queue group; empty when there is none.
    pub queue: &'a [u8],
    /// Members of the queue group.
    pub weight: u32,
    /// Cluster of leaf nodes whose interest it is; empty for the server's own.
    pub origin: &'a [u8],
}

/// Whether a counted delivery may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Yes.
    Deliver,
    /// Yes, and it was the last: the subscription is closed now.
    DeliverLast,
    /// No: the subscription had its messages, more of them than it was counted when its limit was set. It is closed now.
    Overdue,
    /// No: the subscription is closed.
    Exceeded,
}

impl Subscription {
    /// A subscription of the connection behind `sink`.
    #[must_use]
    pub fn new(sink: Arc<ClientSink>, parts: SubscriptionParts<'_>) -> Self {
        Self::of(Receiver::Client(sink), parts)
    }

    /// A subscription of an actor of this server; `tag` comes with each of its messages. An empty `queue` is none.
    #[must_use]
    pub fn inside(inbox: Arc<Inbox>, subject: &[u8], queue: &[u8], tag: u32) -> Self {
        let sid = &tag.to_le_bytes();
        Self::of(Receiver::Inbox(inbox), SubscriptionParts { subject, queue, sid, is_filtered: false })
    }

    /// Interest of another server, or of the cluster `origin` of leaf nodes behind it; `weight` is the number of members of its
    /// queue group. An empty `queue` or `origin` is none.
    #[must_use]
    pub fn of_peer(link: Arc<PeerLink>, interest: PeerInterest<'_>) -> Self {
        let PeerInterest { subject, queue, weight, origin } = interest;
        let sid = &[&weight.to_le_bytes()[..], origin].concat();
        Self::of(Receiver::Peer(link), SubscriptionParts { subject, queue, sid, is_filtered: false })
    }

    /// The entry in the exporting account for a subscription of the importing one.
    pub(super) fn imported(
        main: Arc<Self>,
        import: Arc<troupe_engine::account::StreamImport>,
        importer: Arc<AccountView>,
        subject: &[u8],
    ) -> Self {
        let (queue, sid) = (main.queue_opt().unwrap_or_default().to_vec(), main.sid().to_vec());
        let parts = SubscriptionParts { subject, queue: &queue, sid: &sid, is_filtered: false };
        Self::of(Receiver::Import(Box::new(Imported { main, import, importer })), parts)
    }

    /// The entry in the importing account for a service.
    #[must_use]
    pub fn service(link: Arc<ServiceLink>) -> Self {
        let subject = link.import.from.clone();
        let parts = SubscriptionParts { subject: subject.as_bytes(), queue: b"", sid: b"", is_filtered: false };
        Self::of(Receiver::Service(link), parts)
    }

    /// The entry in an account for the replies its services owe.
    pub(super) fn replies(account: Arc<AccountView>) -> Self {
        let subject = account.exchange().replies().pattern();
        let parts = SubscriptionParts { subject: &subject, queue: b"", sid: b"", is_filtered: false };
        Self::of(Receiver::Replies(account), parts)
    }

    fn of(receiver: Receiver, parts: SubscriptionParts<'_>) -> Self {
        Self {
            receiver,
            delivered: AtomicI64::new(0),
            max: AtomicU32::new(0),
            text: [parts.subject, parts.queue, parts.sid].concat().into_boxed_slice(),
            subject_len: parts.subject.len() as u32,
            queue_len: parts.queue.len() as u32,
            is_closed: AtomicBool::new(false),
            is_filtered: AtomicBool::new(parts.is_filtered),
        }
    }

    /// Who gets its messages.
    #[must_use]
    #[inline]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// The receiving connection, where it is a client's.
    #[must_use]
    #[inline]
    pub fn client(&self) -> Option<&Arc<ClientSink>> {
        match &self.receiver {
            Receiver::Client(sink) => Some(sink),
            _ => None,
        }
    }

    /// The tag of a subscription made with [`Subscription::inside`], the weight of one made with [`Subscription::of_peer`].
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.sid().first_chunk().map_or(0, |tag| u32::from_le_bytes(*tag))
    }

    /// Cluster of leaf nodes that a subscription made with [`Subscription::of_peer`] is for; empty for none.
    #[must_use]
    pub fn origin(&self) -> &[u8] {
        self.sid().get(size_of::<u32>()..).unwrap_or_default()
    }

    /// Queue group, if it is in one.
    #[must_use]
    #[inline]
    pub fn queue_opt(&self) -> Option<&[u8]> {
        SubscriptionFacts::queue(self)
    }

    /// The client's id for it.
    #[must_use]
    #[inline]
    pub fn sid(&self) -> &[u8] {
        &self.text[(self.subject_len + self.queue_len) as usize..]
    }

    /// Whether messages must be checked against denied subjects.
    #[must_use]
    #[inline]
    pub fn is_filtered(&self) -> bool {
        self.is_filtered.load(Ordering::Relaxed)
    }

    /// Sets whether messages must be checked, after the permissions changed.
    pub fn set_filtered(&self, value: bool) {
        self.is_filtered.store(value, Ordering::Relaxed);
    }

    /// Whether it receives nothing any more.
    #[must_use]
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Ends it at once, before the index knows. False when it was closed already.
    pub fn close(&self) -> bool {
        !self.is_closed.swap(true, Ordering::Relaxed)
    }

    /// Whether it ends after a number of messages.
    #[must_use]
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.max.load(Ordering::Relaxed) != 0
    }

    /// Messages after which it ends; zero is never.
    #[must_use]
    pub fn max(&self) -> u64 {
        u64::from(self.max.load(Ordering::Relaxed))
    }

    /// Messages delivered since it was made.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        u64::try_from(self.delivered.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Adds deliveries of an unlimited subscription.
    #[inline]
    pub fn add_delivered(&self, count: u64) {
        self.delivered.fetch_add(count as i64, Ordering::Relaxed);
    }

    /// Takes back a delivery counted with its batch that did not happen.
    pub fn uncount(&self) {
        self.delivered.fetch_sub(1, Ordering::Relaxed);
    }

    /// Makes it end after `max` messages counted from its start. True when it had them already and this closed it.
    pub fn limit(&self, max: u32) -> bool {
        self.max.store(max, Ordering::Relaxed);
        self.delivered() >= u64::from(max) && self.close()
    }

    /// Counts one delivery of a limited subscription. Where it closes the subscription, nobody else has: the caller takes it
    /// out of the index.
    pub fn count_limited(&self) -> Counted {
        let delivered = self.delivered.fetch_add(1, Ordering::Relaxed) + 1;
        match delivered.cmp(&i64::from(self.max.load(Ordering::Relaxed))) {
            std::cmp::Ordering::Less => Counted::Deliver,
            std::cmp::Ordering::Equal if self.close() => Counted::DeliverLast,
            std::cmp::Ordering::Greater if self.close() => Counted::Overdue,
            _ => Counted::Exceeded,
        }
    }
}

impl SubscriptionFacts for Subscription {
    /// The address: unique while the subscription lives, and free of charge.
    fn id(&self) -> u64 {
        std::ptr::from_ref(self).addr() as u64
    }

    #[inline]
    fn subject(&self) -> &[u8] {
        &self.text[..self.subject_len as usize]
    }

    #[inline]
    fn queue(&self) -> Option<&[u8]> {
        let queue = &self.text[self.subject_len as usize..(self.subject_len + self.queue_len) as usize];
        (!queue.is_empty()).then_some(queue)
    }
}
