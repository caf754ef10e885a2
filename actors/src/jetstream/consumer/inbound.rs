//! What clients say to consumers.

use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::api::headers;
use troupe_codecs::header;
use troupe_engine::consumer::ack::parse_ack;
use troupe_engine::consumer::ack_subject::{AckSubject, parse_ack_subject};
use troupe_engine::consumer::acks::AckOutcome;
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::effects::Effects;
use troupe_engine::consumer::status::Status;
use troupe_engine::consumer::takes_acks;
use troupe_engine::stream::level::refuses_request;

use super::book::Book;
use super::dead_letters::{identity, take_receipt};
use super::outlet::Outlet;
use super::subjects::{TAG_ACK, TAG_FLOW, TAG_NEXT, TAG_RECEIPT};
use super::{Consumers, finish};
use crate::jetstream::stream::StreamCore;
use crate::router::{ClientSink, InboxMessage};

/// What it takes to hear clients.
struct Ear<'a, 'b> {
    book: &'a mut Book,
    core: &'a mut StreamCore,
    outlet: &'a mut Outlet<'b>,
    owed: &'a mut Vec<(Member, Bytes)>,
    last_named: &'a mut Option<Member>,
}

impl Consumers {
    /// Takes messages that came with a tag of consumers: acknowledgements, requests for messages, answers to flow control.
    pub fn messages(&mut self, core: &mut StreamCore, messages: &[(Option<Arc<ClientSink>>, InboxMessage)], now: i64) {
        if messages.is_empty() {
            return;
        }
        let mut outlet = self.sending.open(now);
        let mut ear = Ear {
            book: &mut self.book,
            core,
            outlet: &mut outlet,
            owed: &mut self.owed,
            last_named: &mut self.last_named,
        };
        for (client, message) in messages {
            match message.tag {
                TAG_ACK => ear.take_ack(client.as_ref(), message),
                TAG_NEXT => ear.take_request(client.as_ref(), message),
                TAG_FLOW => ear.take_answer(message),
                TAG_RECEIPT => ear.take_receipt(message),
                _ => {}
            }
        }
        outlet.close();
    }
}

impl Ear<'_, '_> {
    /// The consumer of a name. Most messages in a row are for the same one.
    fn named(&mut self, name: &[u8]) -> Option<Member> {
        if let Some(member) = *self.last_named
            && self.book.peek(member).is_some_and(|slot| slot.name.as_bytes() == name)
        {
            return Some(member);
        }
        *self.last_named = self.book.member(std::str::from_utf8(name).ok()?);
        *self.last_named
    }

    fn finish(&mut self, member: Member) {
        finish(self.book, self.core, member, self.outlet);
    }

    fn take_ack(&mut self, client: Option<&Arc<ClientSink>>, message: &InboxMessage) {
        let now = self.outlet.now;
        let Some(subject) = parse_ack_subject(message.subject()) else { return };
        let Some(member) = self.named(subject.consumer) else { return self.tell_nobody(client, message) };
        let Some(slot) = self.book.slot(member) else { return };
        if !takes_acks(slot.machine.config()) {
            return self.tell_nobody(client, message);
        }
        let word = parse_ack(message.payload());
        self.outlet.speak_for(&slot.name, slot.machine.config());
        let outcome = slot.machine.acknowledge(&subject, &word, now, self.outlet);
        let mut is_ready = slot.is_blocked || slot.machine.pending().num_queued() > 0;
        let has_reply = !message.reply().is_empty();
        match outcome {
            AckOutcome::Pull(request) if has_reply => {
                slot.machine.request(Bytes::copy_from_slice(message.reply()), request, now, self.outlet);
                is_ready = true;
            }
            AckOutcome::Answer if has_reply => self.owed.push((member, message.shared_reply())),
            AckOutcome::BadDelay(delay) => {
                let (stream, consumer, delay) = (self.core.entry.name(), &slot.name, String::from_utf8_lossy(delay));
                tracing::warn!("JetStream consumer '{stream} > {consumer}' bad NAK delay value: {delay:?}");
                if has_reply {
                    self.owed.push((member, message.shared_reply()));
                }
            }
            AckOutcome::Ahead => warn_ahead(self.core, &slot.name, &subject),
            AckOutcome::Answer | AckOutcome::Pull(_) | AckOutcome::Silence => {}
        }
        self.finish(member);
        if is_ready {
            self.book.make_ready(member);
        }
    }

    fn take_request(&mut self, client: Option<&Arc<ClientSink>>, message: &InboxMessage) {
        if message.reply().is_empty() {
            return;
        }
        let name = message.subject().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let Some(member) = self.named(name) else { return self.tell_nobody(client, message) };
        let Some(slot) = self.book.slot(member) else { return };
        self.outlet.speak_for(&slot.name, slot.machine.config());
        let level = header::get(message.headers(), headers::REQUIRED_API_LEVEL);
        if slot.machine.is_pull() && level.is_some_and(|level| !level.is_empty() && refuses_request(level)) {
            return self.outlet.status(message.reply(), &Status::RequiredApiLevel);
        }
        slot.machine.count_arrivals(self.core.audience.arrivals(slot.group));
        // Its own copy: the request may wait long, and must not keep all of the batch it came in.
        let reply = Bytes::copy_from_slice(message.reply());
        let now = self.outlet.now;
        slot.machine.request(reply, message.payload(), now, self.outlet);
        self.finish(member);
        self.book.make_ready(member);
    }

    fn take_answer(&mut self, message: &InboxMessage) {
        let name = message.subject().rsplit(|byte| *byte == b'.').nth(1).unwrap_or_default();
        let Some(member) = self.named(name) else { return };
        let Some(slot) = self.book.slot(member) else { return };
        let number = |name| {
            let value = header::get(message.headers(), name).and_then(|value| std::str::from_utf8(value).ok());
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        let (consumer_seq, stream_seq) = (number("Nats-Last-Consumer"), number("Nats-Last-Stream"));
        self.outlet.speak_for(&slot.name, slot.machine.config());
        let now = self.outlet.now;
        slot.machine.answer(message.subject(), stream_seq, consumer_seq, now, self.outlet);
        self.finish(member);
        self.book.make_ready(member);
    }

    fn take_receipt(&mut self, message: &InboxMessage) {
        let mut tokens = message.subject().rsplit(|byte| *byte == b'.');
        let (Some(seq), Some(of), Some(name)) = (tokens.next(), tokens.next(), tokens.next()) else { return };
        let seq = std::str::from_utf8(seq).ok().and_then(|seq| seq.parse().ok());
        let (Some(seq), Some(member)) = (seq, self.named(name)) else { return };
        let Some(slot) = self.book.slot(member) else { return };
        if identity(self.core, slot).as_bytes() != of {
            return;
        }
        let was_blocked = slot.is_blocked;
        self.outlet.speak_for(&slot.name, slot.machine.config());
        take_receipt(slot, seq, message, self.outlet);
        self.finish(member);
        if was_blocked {
            self.book.make_ready(member);
        }
    }

    /// Tells a client that there is no such consumer, as it is told where nobody listens.
    fn tell_nobody(&mut self, client: Option<&Arc<ClientSink>>, message: &InboxMessage) {
        if !message.reply().is_empty() && client.is_some_and(|client| client.takes_headers()) {
            self.outlet.status(message.reply(), &Status::NoResponders(message.subject()));
        }
    }
}

fn warn_ahead(core: &StreamCore, consumer: &str, subject: &AckSubject<'_>) {
    let last_seq = core.store.state().last_seq;
    if subject.stream_seq > last_seq {
        let (account, stream, seq) = (core.account.name(), core.entry.name(), subject.stream_seq);
        tracing::warn!(
            "JetStream consumer '{account} > {stream} > {consumer}' ACK sequence {seq} past last stream sequence of {last_seq}"
        );
    }
}
