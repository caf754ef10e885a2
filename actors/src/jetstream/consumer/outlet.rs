//! Where the decisions of consumers go: messages, advisories, the stream.

use std::sync::Arc;

use serde::Serialize;
use troupe_codecs::api::advisory::{
    ADVISORY_PREFIX, ConsumerAckMetric, ConsumerGroup, ConsumerPause, Event, METRIC_PREFIX, MaxDeliveries,
    MessageRefused,
};
use troupe_codecs::api::json::encode;
use troupe_codecs::api::{ConsumerConfig, Timestamp};
use troupe_engine::consumer::effects::{Advisory, Effects, GivenUp};
use troupe_engine::consumer::status::Status;
use troupe_engine::id::nuid;

use super::dead_letters::{Letter, subject_of};
use super::interest::Interest;
use crate::router::{Content, ServerBatch, ServerMessage, Stalled};

/// One batch of what consumers send.
#[derive(Debug)]
pub(super) struct Outlet<'a> {
    pub(super) batch: ServerBatch<'a>,
    pub(super) interest: &'a mut Interest,
    pub(super) now: i64,
    stream: Arc<str>,
    domain: Arc<str>,
    /// The consumer that is at work.
    consumer: Arc<str>,
    config: Option<Arc<ConsumerConfig>>,
    /// Sequences it is done with.
    pub(super) settled: Vec<u64>,
    /// Messages it gave up, where somebody cares.
    pub(super) dead: Vec<(u64, Letter)>,
    pub(super) num_sent: usize,
    pub(super) num_bytes: usize,
    block: Vec<u8>,
}

impl<'a> Outlet<'a> {
    /// An outlet for the consumers of a stream in a domain.
    pub(super) fn new(
        batch: ServerBatch<'a>,
        interest: &'a mut Interest,
        (stream, domain): (Arc<str>, Arc<str>),
        now: i64,
    ) -> Self {
        Self {
            batch,
            interest,
            now,
            stream,
            domain,
            consumer: "".into(),
            config: None,
            settled: Vec::new(),
            dead: Vec::new(),
            num_sent: 0,
            num_bytes: 0,
            block: Vec::new(),
        }
    }

    /// What follows is of this consumer.
    pub(super) fn speak_for(&mut self, consumer: &Arc<str>, config: &Arc<ConsumerConfig>) {
        self.consumer = Arc::clone(consumer);
        self.config = Some(Arc::clone(config));
    }

    /// Takes back the room for settled sequences.
    pub(super) fn give_back(&mut self, mut settled: Vec<u64>) {
        settled.clear();
        self.settled = settled;
    }

    /// Hands everything over; what comes back is so full that nothing more should be sent for now.
    pub(super) fn close(self) -> Option<Stalled> {
        self.batch.finish()
    }

    /// Publishes a body without headers.
    pub(super) fn send(&mut self, to: &[u8], body: &[u8]) {
        self.batch.publish(&ServerMessage::plain(to, body));
    }

    /// Publishes an event below a prefix, if somebody listens.
    pub(super) fn publish_event<T: Serialize>(
        &mut self,
        prefix: &str,
        subject: &str,
        event: impl FnOnce() -> Event<T>,
    ) {
        let subject = format!("{prefix}.{subject}.{}.{}", self.stream, self.consumer);
        if self.interest.has(subject.as_bytes()) {
            let body = encode(&event());
            self.send(subject.as_bytes(), &body);
        }
    }

    fn advise_of<T: Serialize>(&mut self, subject: &str, kind: &str, body: impl FnOnce(Names) -> T) {
        let (names, now) = (self.names(), self.now);
        self.publish_event(ADVISORY_PREFIX, &format!("CONSUMER.{subject}"), || {
            Event::advisory(kind, nuid(), Timestamp::from_nanos(now), body(names))
        });
    }

    fn names(&self) -> Names {
        Names { stream: self.stream.to_string(), consumer: self.consumer.to_string(), domain: self.domain.to_string() }
    }

    /// Tells that the consumer was made or deleted.
    pub(super) fn advise_action(&mut self, subject: &str, action: &'static str) {
        self.advise_of(subject, "consumer_action", |names| {
            let Names { stream, consumer, domain } = names;
            troupe_codecs::api::advisory::ConsumerAction { stream, consumer, action, domain }
        });
    }

    fn advise_pause(&mut self) {
        let until = self.config.as_ref().and_then(|config| config.pause_until).unwrap_or_default();
        let paused = !until.is_zero() && until.nanos() > self.now;
        self.advise_of("PAUSE", "consumer_pause", |names| {
            let Names { stream, consumer, domain } = names;
            ConsumerPause { stream, consumer, paused, pause_until: until, domain }
        });
    }

    fn advise_refused(
        &mut self,
        subject: &str,
        kind: &str,
        (consumer_seq, stream_seq): (u64, u64),
        rest: (u64, &[u8]),
    ) {
        let (deliveries, reason) = rest;
        let reason = String::from_utf8_lossy(reason).into_owned();
        self.advise_of(subject, kind, |names| {
            let Names { stream, consumer, domain } = names;
            MessageRefused { stream, consumer, consumer_seq, stream_seq, deliveries, reason, domain }
        });
    }

    fn advise_group(&mut self, subject: &str, kind: &str, group: &str, id: Option<&str>, reason: Option<&'static str>) {
        let (group, pinned_id) = (group.to_owned(), id.map(str::to_owned));
        let account = self.interest.account_name().to_owned();
        self.advise_of(subject, kind, |names| {
            let Names { stream, consumer, domain } = names;
            ConsumerGroup { account, stream, consumer, domain, group, pinned_id, reason }
        });
    }

    fn measure(&mut self, consumer_seq: u64, stream_seq: u64, ack_time: i64, deliveries: u64) {
        let (names, now) = (self.names(), self.now);
        self.publish_event(METRIC_PREFIX, "CONSUMER.ACK", || {
            let Names { stream, consumer, domain } = names;
            let body = ConsumerAckMetric { stream, consumer, consumer_seq, stream_seq, ack_time, deliveries, domain };
            Event::metric("consumer_ack", nuid(), Timestamp::from_nanos(now), body)
        });
    }
}

/// Names in an advisory.
struct Names {
    stream: String,
    consumer: String,
    domain: String,
}

impl Effects for Outlet<'_> {
    fn status(&mut self, to: &[u8], status: &Status<'_>) {
        self.block.clear();
        status.write(&mut self.block);
        let content = Content::Parts(&self.block, b"");
        self.batch.publish(&ServerMessage { to, shown_subject: None, reply: b"", content });
    }

    fn ask(&mut self, to: &[u8], answer: &[u8]) {
        self.block.clear();
        Status::FlowControlRequest.write(&mut self.block);
        let content = Content::Parts(&self.block, b"");
        self.batch.publish(&ServerMessage { to, shown_subject: None, reply: answer, content });
    }

    fn advise(&mut self, advisory: &Advisory<'_>) {
        match *advisory {
            Advisory::Nak { consumer_seq, stream_seq, deliveries } => {
                self.advise_refused("MSG_NAKED", "nak", (consumer_seq, stream_seq), (deliveries, b""));
            }
            Advisory::Terminated { consumer_seq, stream_seq, deliveries, reason } => {
                self.advise_refused("MSG_TERMINATED", "terminated", (consumer_seq, stream_seq), (deliveries, reason));
            }
            Advisory::MaxDeliveries { stream_seq, deliveries } => {
                self.advise_of("MAX_DELIVERIES", "max_deliver", |names| {
                    let Names { stream, consumer, domain } = names;
                    MaxDeliveries { stream, consumer, stream_seq, deliveries, domain }
                });
            }
            Advisory::Acknowledged { consumer_seq, stream_seq, delay, deliveries } => {
                self.measure(consumer_seq, stream_seq, delay, deliveries);
            }
            Advisory::Pinned { group, id } => {
                self.advise_group("PINNED", "consumer_group_pinned", group, Some(id), None);
            }
            Advisory::Unpinned { group, reason } => {
                self.advise_group("UNPINNED", "consumer_group_unpinned", group, None, Some(reason.word()));
            }
            Advisory::Paused => self.advise_pause(),
        }
    }

    fn settled(&mut self, stream_seq: u64) {
        self.settled.push(stream_seq);
    }

    fn given_up(&mut self, message: &GivenUp<'_>) -> bool {
        let is_letter = self.config.as_ref().is_some_and(|config| subject_of(config).is_some());
        if is_letter {
            self.dead.push((message.stream_seq, Letter::new(message)));
        }
        is_letter
    }

    fn has_interest(&mut self, subject: &[u8]) -> bool {
        self.interest.has(subject)
    }

    fn leads_elsewhere(&mut self, subject: &[u8]) -> bool {
        self.interest.leads_elsewhere(subject)
    }

    fn new_id(&mut self) -> String {
        nuid()
    }
}
