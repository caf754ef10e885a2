//! The part of a plan that leads to other servers, and the way there.

use std::sync::Arc;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;
use troupe_codecs::peer::encoder;
use troupe_engine::index::Matches;

use super::door::Door;
use super::peer::PeerLink;
use super::publish::SHARED_PAYLOAD;
use super::subscription::Receiver;
use super::{Message, Origin, Subscription};

/// Prefix of requests to JetStream.
const JETSTREAM_API: &[u8] = b"$JS.API.";

/// Who gets the messages on one subject on other servers.
#[derive(Clone, Debug, Default)]
pub(super) struct RemotePlan {
    peers: Vec<Peer>,
    groups: Vec<Group>,
    /// Peer and group of each copy of the message at hand.
    chosen: Vec<(usize, usize)>,
    /// Messages not yet counted.
    hits: u64,
}

#[derive(Clone, Debug)]
struct Peer {
    link: Arc<PeerLink>,
    /// An interest beside queue groups: the first one counts the messages.
    plain: Option<Arc<Subscription>>,
    /// `RMSG account subject `.
    head: Vec<u8>,
}

/// A queue group with members on other servers.
#[derive(Clone, Debug)]
struct Group {
    name: Box<[u8]>,
    /// The servers' own.
    members: Vec<Member>,
    /// Members on leaf nodes behind the servers: they are asked when there is nobody else.
    far: Vec<Member>,
}

/// Members of a queue group on one server.
#[derive(Clone, Debug)]
struct Member {
    /// Number of the peer.
    place: usize,
    /// How many they are.
    weight: u32,
    subscription: Arc<Subscription>,
}

/// Which part of a message's way to other servers is to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To everybody.
    All,
    /// To queue groups only.
    Groups,
}

impl RemotePlan {
    /// Whether nobody on another server is interested.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Takes what leads to other servers out of `matches`.
    pub(super) fn fill(&mut self, account: &str, subject: &[u8], matches: &mut Matches<Arc<Subscription>>) {
        self.peers.clear();
        self.groups.clear();
        // Requests to JetStream are answered once: by this server where it has it, else by whoever has it.
        let is_inside = |subscription: &Arc<Subscription>| matches!(subscription.receiver(), Receiver::Inbox(_));
        if subject.starts_with(JETSTREAM_API) && matches.plain.iter().any(is_inside) {
            return matches.plain.retain(|subscription| !matches!(subscription.receiver(), Receiver::Peer(_)));
        }
        matches.plain.retain(|subscription| match subscription.receiver() {
            Receiver::Peer(link) => {
                let place = self.place(link, account, subject);
                self.peers[place].plain.get_or_insert_with(|| Arc::clone(subscription));
                false
            }
            _ => true,
        });
        for members in &mut matches.groups {
            members.retain(|subscription| match subscription.receiver() {
                Receiver::Peer(link) => {
                    let place = self.place(link, account, subject);
                    self.add_member(subscription, place);
                    false
                }
                _ => true,
            });
        }
        matches.groups.retain(|members| !members.is_empty());
    }

    fn place(&mut self, link: &Arc<PeerLink>, account: &str, subject: &[u8]) -> usize {
        if let Some(place) = self.peers.iter().position(|peer| Arc::ptr_eq(&peer.link, link)) {
            return place;
        }
        let mut head = Vec::new();
        let account = link.names_account().then_some(account.as_bytes());
        encoder::message_head(&mut head, false, account, subject);
        self.peers.push(Peer { link: Arc::clone(link), plain: None, head });
        self.peers.len() - 1
    }

    fn add_member(&mut self, subscription: &Arc<Subscription>, place: usize) {
        let name = subscription.queue_opt().unwrap_or_default();
        let weight = subscription.tag().max(1);
        let group = match self.groups.iter().position(|group| *group.name == *name) {
            Some(number) => &mut self.groups[number],
            None => {
                self.groups.push(Group { name: name.into(), members: Vec::new(), far: Vec::new() });
                let last = self.groups.len() - 1;
                &mut self.groups[last]
            }
        };
        let members = if subscription.origin().is_empty() { &mut group.members } else { &mut group.far };
        members.push(Member { place, weight, subscription: Arc::clone(subscription) });
    }

    /// Members of a queue group on servers that are there.
    pub(super) fn weight(&self, name: &[u8]) -> usize {
        let Some(group) = self.groups.iter().find(|group| *group.name == *name) else { return 0 };
        let open = group.members.iter().filter(|member| !self.peers[member.place].is_closed());
        open.map(|member| member.weight as usize).sum()
    }

    /// Chooses a server for each queue group that nobody here took a message of.
    pub(super) fn choose(&mut self, taken: impl Fn(&[u8]) -> bool, random: &mut SmallRng) {
        self.chosen.clear();
        let is_closed = |member: &Member| self.peers[member.place].is_closed();
        for (number, group) in self.groups.iter().enumerate() {
            if taken(&group.name) {
                continue;
            }
            let drawn = draw(&group.members, random, is_closed).or_else(|| draw(&group.far, random, is_closed));
            if let Some(member) = drawn {
                if self.peers[member.place].plain.is_none() {
                    member.subscription.add_delivered(1);
                }
                self.chosen.push((member.place, number));
            }
        }
    }

    /// Sends the message to every server that wants it and yields to how many interests it goes.
    pub(super) fn deliver(
        &mut self,
        door: &mut Door<'_>,
        origin: Origin<'_>,
        message: &Message<'_>,
        (reach, taken): (Reach, impl Fn(&[u8]) -> bool),
        random: &mut SmallRng,
    ) -> usize {
        self.choose(taken, random);
        self.hits += u64::from(reach == Reach::All);
        let mut num_delivered = 0;
        for target in self.targets(reach) {
            door.deliver_to_peer(target.link, target.head, target.queues(), origin, message);
            num_delivered += target.queues().count() + usize::from(target.has_plain);
        }
        num_delivered
    }

    /// The servers that the message at hand goes to, for the queue groups chosen last.
    pub(super) fn targets(&self, reach: Reach) -> impl Iterator<Item = Target<'_>> {
        let open = self.peers.iter().enumerate().filter(|(_, peer)| !peer.is_closed());
        let all = open.map(move |(place, peer)| Target {
            link: &peer.link,
            head: &peer.head,
            has_plain: reach == Reach::All && peer.plain.is_some(),
            place,
            plan: self,
        });
        all.filter(|target| target.has_plain || target.queues().next().is_some())
    }

    /// Counts the messages so far to the interest that stands for each server.
    pub(super) fn count(&mut self) {
        let hits = std::mem::take(&mut self.hits);
        if hits > 0 {
            self.peers.iter().filter_map(|peer| peer.plain.as_ref()).for_each(|plain| plain.add_delivered(hits));
        }
    }
}

/// Draws one of `members`, each as often as it has members. A server that is gone hands its turn to the next one.
fn draw<'m>(members: &'m [Member], random: &mut SmallRng, is_closed: impl Fn(&Member) -> bool) -> Option<&'m Member> {
    let total = members.iter().fold(0_u32, |total, member| total.saturating_add(member.weight));
    let mut ticket = random.random_range(0..total.max(1));
    let drawn = members.iter().position(|member| {
        let is_drawn = ticket < member.weight;
        ticket = ticket.saturating_sub(member.weight);
        is_drawn
    });
    let mut turns = members.iter().cycle().skip(drawn.unwrap_or(0)).take(members.len());
    turns.find(|member| !is_closed(member))
}

/// A server that one message goes to.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The connection to it.
    pub(super) link: &'a Arc<PeerLink>,
    /// `RMSG account subject `.
    pub(super) head: &'a [u8],
    /// It gets the message beside queue groups.
    has_plain: bool,
    place: usize,
    plan: &'a RemotePlan,
}

impl<'a> Target<'a> {
    /// Queue groups that get it there.
    pub(super) fn queues(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let (place, plan) = (self.place, self.plan);
        let own = plan.chosen.iter().filter(move |(chosen, _)| *chosen == place);
        own.map(|(_, group)| &*plan.groups[*group].name)
    }
}

impl Peer {
    fn is_closed(&self) -> bool {
        self.link.sink().close_reason().is_some()
    }
}

impl Door<'_> {
    /// Appends the message to the batch of a connection to another server.
    pub(super) fn deliver_to_peer<'q>(
        &mut self,
        link: &PeerLink,
        head: &[u8],
        queues: impl Iterator<Item = &'q [u8]> + Clone,
        origin: Origin<'_>,
        message: &Message<'_>,
    ) {
        let sink = link.sink();
        let strips = message.has_headers && !sink.takes_headers();
        let batch = self.deliveries.messages(sink, origin.sink, (1, message.len() as u64), self.pool);
        let out = &mut batch.current;
        let has_groups = queues.clone().next().is_some();
        let verbatim = message.verbatim_tail.filter(|_| !has_groups && !strips && message.shown_subject.is_none());
        out.reserve(head.len() + message.reply.len() + 64);
        out.extend_from_slice(if message.has_headers && !strips { b"H" } else { b"R" });
        out.extend_from_slice(&head[1..]);
        if self.is_tracing {
            trace(sink, head, message, queues.clone());
        }
        let content = if strips { &message.payload[message.header_len..] } else { message.payload };
        let shares = message.len() >= SHARED_PAYLOAD && !strips;
        match verbatim {
            Some(tail) if !shares => return out.extend_from_slice(tail),
            Some(tail) => out.extend_from_slice(&tail[..tail.len() - message.payload.len()]),
            None => {
                let joined = message.shown_subject.map(|shown| [message.reply, b"@", shown].concat());
                encoder::message_names(out, joined.as_deref().unwrap_or(message.reply), queues);
                append_sizes(out, message, strips);
            }
        }
        match message.buffer.filter(|_| shares) {
            Some(buffer) => batch.push_shared(shared(buffer, content)),
            None => batch.current.extend_from_slice(content),
        }
        if !message.has_crlf {
            batch.current.extend_from_slice(b"\r\n");
        }
    }
}

fn shared(buffer: &Bytes, content: &[u8]) -> Bytes {
    buffer.slice_ref(content)
}

fn append_sizes(out: &mut Vec<u8>, message: &Message<'_>, strips: bool) {
    let mut number = itoa::Buffer::new();
    if message.has_headers && !strips {
        out.extend_from_slice(number.format(message.header_len).as_bytes());
        out.push(b' ');
    }
    let len = message.len() - if strips { message.header_len } else { 0 };
    out.extend_from_slice(number.format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cold]
fn trace<'q>(sink: &super::ClientSink, head: &[u8], message: &Message<'_>, queues: impl Iterator<Item = &'q [u8]>) {
    let mut line = Vec::from(if message.has_headers { &b"H"[..] } else { b"R" });
    line.extend_from_slice(&head[1..]);
    encoder::message_names(&mut line, message.reply, queues);
    line.extend_from_slice(message.sizes);
    tracing::trace!(conn = %sink.label(), "->> [{}]", String::from_utf8_lossy(&line));
}
