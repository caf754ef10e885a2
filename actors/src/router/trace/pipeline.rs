//! The way of a traced message: that of any other, with every receiver noted.

use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use troupe_codecs::system::header;
use troupe_codecs::system::trace::{ACCEPT_ENCODING, DESTINATION, DISABLED, HOP};
use troupe_engine::index::SubscriptionFacts;

use super::{MessageTrace, PendingTrace};
use crate::router::door::{Door, in_turn};
use crate::router::imported::Imported;
use crate::router::publish::View;
use crate::router::remote::{Reach, Target};
use crate::router::rewritten::Rewritten;
use crate::router::subscription::Receiver;
use crate::router::{ClientSink, Inbox, Message, Origin, Publisher, Subscription};

const NO_ECHO: &str = "Not delivered because of no echo";
const DENIED: &str = "Not delivered because subscription denies this subject";
const CLIENT_CLOSED: &str = "Not delivered because client is closed";
const HAD_ITS_MESSAGES: &str = "Not delivered because auto-unsubscribe exceeded";
const IS_SLOW: &str = "Not delivered because fast producer not stalled and consumer is slow";
const UNDELIVERED_UNTRACED: &str = "Not delivered because remote does not support message tracing";
const DELIVERED_UNTRACED: &str =
    "Message delivered but remote does not support message tracing so no trace event generated from there";

/// Who may get a message.
#[derive(Clone, Copy, Debug)]
pub enum Audience<'a> {
    /// Everybody: it was published here.
    Everybody,
    /// Receivers here, one member of each of these queue groups among them: it comes from another server.
    Here(&'a [&'a [u8]]),
}

impl Publisher {
    /// Delivers a traced message and publishes its trace.
    #[cold]
    pub fn publish_traced(
        &mut self,
        origin: Origin<'_>,
        message: &Message<'_>,
        trace: Box<MessageTrace>,
        audience: Audience<'_>,
    ) {
        self.close_row();
        self.trace = Some(trace);
        self.deliver_traced(origin, message, audience);
        if let Some(trace) = self.trace.take() {
            self.end_trace(trace);
        }
    }

    /// Publishes a trace, unless streams have something to add to it.
    pub fn end_trace(&mut self, trace: Box<MessageTrace>) {
        let complete = match trace.pending.clone() {
            Some(pending) => pending.published(trace),
            None => Some(trace),
        };
        if let Some(trace) = complete {
            self.tell_trace(&trace);
        }
    }

    /// Publishes a complete trace. Without a system account nobody tells anything.
    pub(in crate::router) fn tell_trace(&mut self, trace: &MessageTrace) {
        let Some(server) = self.router.stamp() else { return };
        let (account, destination) = trace.destination();
        let event = trace.event(server);
        let (headers, body) = troupe_codecs::system::encoding::encode(trace.header(ACCEPT_ENCODING), event);
        let content = [&headers[..], &body].concat();
        let header_len = headers.len();
        let sizes = if header_len > 0 { format!("{header_len} {}", content.len()) } else { content.len().to_string() };
        let message = Message::made(destination, sizes.as_bytes(), &content, header_len);
        self.close_row();
        let outer = self.view.replace(View::of(account));
        self.publish(Origin { sink: None, account, echo: true, no_responders: false }, &message);
        self.close_row();
        self.view = outer;
    }

    /// Delivers the message at hand, which is traced; yields to how many.
    pub(in crate::router) fn deliver_traced(
        &mut self,
        origin: Origin<'_>,
        message: &Message<'_>,
        audience: Audience<'_>,
    ) -> usize {
        let Some(number) = self.look_up(message.subject) else { return 0 };
        let plan = self.cache.plan(number);
        let (plain, groups) = (plan.matches.plain.clone(), plan.matches.groups.clone());
        let mut remote = plan.remote.clone();
        let mut random = SmallRng::from_rng(&mut self.random);
        let is_here = matches!(audience, Audience::Here(_));
        let mut num_delivered = 0;
        for subscription in &plain {
            num_delivered += usize::from(self.trace_to(subscription, origin, message));
        }
        let mut taken: Vec<&[u8]> = Vec::new();
        for group in &groups {
            let name = SubscriptionFacts::queue(&*group[0]).unwrap_or_default();
            let theirs = match audience {
                Audience::Everybody => remote.weight(name),
                Audience::Here(queues) if queues.contains(&name) => 0,
                Audience::Here(_) => continue,
            };
            let drawn = random.random_range(0..group.len() + theirs);
            if drawn < group.len() && in_turn(group, drawn).any(|member| self.trace_to(member, origin, message)) {
                taken.push(name);
                num_delivered += 1;
            }
        }
        if !is_here && !remote.is_empty() {
            remote.choose(|name| taken.contains(&name), &mut random);
            for target in remote.targets(Reach::All) {
                num_delivered += usize::from(self.trace_on(&target, origin, message));
            }
        }
        if num_delivered == 0 && !message.reply.is_empty() {
            num_delivered = usize::from(!self.is_trace_only() && self.resort(origin, message));
        }
        num_delivered
    }

    /// Delivers to one subscription, and notes it.
    fn trace_to(&mut self, subscription: &Arc<Subscription>, origin: Origin<'_>, message: &Message<'_>) -> bool {
        match subscription.receiver() {
            Receiver::Client(sink) => self.trace_to_client(sink, (subscription, subscription), origin, message),
            Receiver::Inbox(inbox) => self.trace_to_inbox(inbox, subscription, origin, message),
            Receiver::Import(imported) => self.trace_to_importer(subscription, imported, origin, message),
            Receiver::Service(_) | Receiver::Replies(_) => {
                self.hops.push(Arc::clone(subscription));
                self.follow_hops(origin, message) > 0
            }
            Receiver::Peer(_) => false,
        }
    }

    /// Delivers to the client behind `main`, by way of `entry`.
    fn trace_to_client(
        &mut self,
        sink: &Arc<ClientSink>,
        (main, entry): (&Arc<Subscription>, &Arc<Subscription>),
        origin: Origin<'_>,
        message: &Message<'_>,
    ) -> bool {
        // It has ended, the index does not know yet.
        if main.is_closed() {
            return false;
        }
        let shown = message.visible_subject();
        let obstacle = if !origin.echo && origin.is(sink) {
            NO_ECHO
        } else if main.is_filtered() && sink.denies(shown, main.queue_opt()) {
            DENIED
        } else if self.is_trace_only() {
            self.note_sent(sink, entry, "");
            return true;
        } else if sink.is_dropping() {
            IS_SLOW
        } else if sink.close_reason().is_some() {
            CLIENT_CLOSED
        } else {
            ""
        };
        let is_delivered = obstacle.is_empty() && self.pass(entry, origin, message);
        let late = if is_delivered { "" } else { HAD_ITS_MESSAGES };
        self.note_sent(sink, entry, if obstacle.is_empty() { late } else { obstacle });
        is_delivered
    }

    fn note_sent(&mut self, sink: &ClientSink, subscription: &Subscription, error: &'static str) {
        if let Some(trace) = &mut self.trace {
            trace.sent(sink, subscription, error);
        }
    }

    /// Delivers to a subscription as the plain pipeline does.
    fn pass(&mut self, subscription: &Arc<Subscription>, origin: Origin<'_>, message: &Message<'_>) -> bool {
        self.show(message.visible_subject(), message.has_headers);
        self.shown_door().deliver(subscription, origin, message, true)
    }

    /// The way out of one message whose beginning was shown.
    fn shown_door(&mut self) -> Door<'_> {
        Door {
            head: &self.shown_head,
            deliveries: &mut self.deliveries,
            pool: &self.pool,
            ended: &mut self.ended,
            hops: &mut self.hops,
            work: &mut self.work,
            is_tracing: self.is_tracing,
            payload_trace: self.payload_trace,
        }
    }

    /// Delivers to an actor of this server. Streams say later what became of the message.
    fn trace_to_inbox(
        &mut self,
        inbox: &Arc<Inbox>,
        subscription: &Arc<Subscription>,
        origin: Origin<'_>,
        message: &Message<'_>,
    ) -> bool {
        let (Some(stream), Some(trace)) = (inbox.stream_of(subscription.tag()), &mut self.trace) else {
            return self.pass(subscription, origin, message);
        };
        if subscription.is_closed() {
            return false;
        }
        let place = trace.taken(stream);
        let is_only = trace.is_only;
        let ticket = trace.pending.get_or_insert_with(|| Arc::new(PendingTrace::default())).ticket(place, is_only);
        let changed =
            (!is_only).then(|| Rewritten::new(message, header::replace(message.headers(), DESTINATION, DISABLED)));
        let message = changed.as_ref().map_or(*message, |changed| changed.of(message));
        self.deliveries.inside_traced(inbox, origin, ticket).append(subscription.tag(), &message);
        true
    }

    /// Delivers to an account that imports the stream.
    fn trace_to_importer(
        &mut self,
        entry: &Arc<Subscription>,
        imported: &Imported,
        origin: Origin<'_>,
        message: &Message<'_>,
    ) -> bool {
        if message.is_imported || imported.main.is_closed() || entry.is_closed() {
            return false;
        }
        let local = imported.import.local_subject(message.subject);
        let shown = message.shown_subject.unwrap_or(&local);
        if let Some(trace) = &mut self.trace {
            trace.exported(imported.importer.name(), shown);
        }
        if !imported.import.allow_trace {
            if self.is_trace_only() {
                return true;
            }
            let suspended = self.trace.take();
            let is_delivered = self.pass(entry, origin, message);
            self.trace = suspended;
            return is_delivered;
        }
        match imported.main.receiver() {
            Receiver::Client(sink) => {
                let shown = Message { shown_subject: Some(shown), ..*message };
                self.trace_to_client(sink, (&imported.main, entry), origin, &shown)
            }
            Receiver::Inbox(inbox) => {
                let shown = Message { shown_subject: Some(shown), ..*message };
                let origin = Origin { account: &imported.importer, ..origin };
                self.trace_to_inbox(inbox, &imported.main, origin, &shown)
            }
            _ => false,
        }
    }

    /// Sends the message on to another server.
    fn trace_on(&mut self, target: &Target<'_>, origin: Origin<'_>, message: &Message<'_>) -> bool {
        let Some(trace) = &mut self.trace else { return false };
        let (hop, link) = (trace.next_hop(), target.link);
        if trace.is_only && !link.traces() {
            trace.sent_on(link, hop, UNDELIVERED_UNTRACED);
            return false;
        }
        trace.sent_on(link, hop.clone(), if link.traces() { "" } else { DELIVERED_UNTRACED });
        let changed = Rewritten::new(message, header::set(message.headers(), HOP, hop.as_bytes()));
        let message = changed.of(message);
        self.shown_head.clear();
        self.shown_door().deliver_to_peer(link, target.head, target.queues(), origin, &message);
        true
    }
}
