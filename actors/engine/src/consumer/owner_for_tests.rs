//! An owner of a consumer for tests: a stream in a map, and a clock that is set by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::AckPolicy;
use troupe_codecs::subject::matches;

use super::ack::parse_ack;
use super::ack_subject::parse_ack_subject;
use super::acks::AckOutcome;
use super::change::{Stored, filters_of};
use super::deliver::{Candidate, Idle, Next, Offer};
use super::effects::{Advisory, Effects, GivenUp, GivenUpCause};
use super::start::{Start, StreamFacts};
use super::status::Status;
use super::timers::Usage;
use super::{Consumer, Identity};

pub(super) const SECOND: i64 = 1_000_000_000;
pub(super) const MILLISECOND: i64 = 1_000_000;
/// A time to begin with.
pub(super) const START: i64 = 1_700_000_000 * SECOND;

/// What came out of a consumer, as short lines.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<String>,
    /// Subjects nobody listens to.
    pub(super) deaf: BTreeSet<Vec<u8>>,
    pub(super) settled: Vec<u64>,
    pub(super) given_up: BTreeSet<u64>,
    /// Somebody cares for what is given up.
    pub(super) holds: bool,
    num_ids: u64,
}

impl Effects for Log {
    fn status(&mut self, to: &[u8], status: &Status<'_>) {
        let mut block = Vec::new();
        status.write(&mut block);
        let text = String::from_utf8_lossy(&block).trim_end().replace("\r\n", " | ");
        self.lines.push(format!("{} < {}", to.escape_ascii(), text.trim_start_matches("NATS/1.0 ")));
    }

    fn ask(&mut self, to: &[u8], answer: &[u8]) {
        self.lines.push(format!("{} < flow {}", to.escape_ascii(), answer.escape_ascii()));
    }

    fn advise(&mut self, advisory: &Advisory<'_>) {
        self.lines.push(match advisory {
            Advisory::Nak { stream_seq, deliveries, .. } => format!("nak {stream_seq} x{deliveries}"),
            Advisory::Terminated { stream_seq, deliveries, reason, .. } => {
                format!("terminated {stream_seq} x{deliveries} {}", reason.escape_ascii())
            }
            Advisory::MaxDeliveries { stream_seq, deliveries } => format!("max deliveries {stream_seq} x{deliveries}"),
            Advisory::Acknowledged { stream_seq, delay, .. } => format!("sampled {stream_seq} after {delay}"),
            Advisory::Pinned { group, id } => format!("pinned {group} {id}"),
            Advisory::Unpinned { group, reason } => format!("unpinned {group} {}", reason.word()),
            Advisory::Paused => "paused or resumed".to_owned(),
        });
    }

    fn settled(&mut self, stream_seq: u64) {
        self.settled.push(stream_seq);
    }

    fn given_up(&mut self, message: &GivenUp<'_>) -> bool {
        self.given_up.insert(message.stream_seq);
        let cause = match message.cause {
            GivenUpCause::MaxDeliver => "max deliver".to_owned(),
            GivenUpCause::Terminated(reason) => format!("terminated {}", reason.escape_ascii()),
        };
        self.lines.push(format!("dead {} x{}: {cause}", message.stream_seq, message.deliveries));
        self.holds
    }

    fn has_interest(&mut self, subject: &[u8]) -> bool {
        !self.deaf.contains(subject)
    }

    fn leads_elsewhere(&mut self, subject: &[u8]) -> bool {
        subject.starts_with(b"_R_.")
    }

    fn new_id(&mut self) -> String {
        self.num_ids += 1;
        format!("id{:04}", self.num_ids)
    }
}

/// A stream and one consumer of it.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) now: i64,
    pub(super) messages: BTreeMap<u64, (i64, String)>,
    pub(super) last_seq: u64,
    pub(super) arrivals: u64,
    pub(super) consumer: Consumer,
    pub(super) log: Log,
    pub(super) usage: Usage,
}

/// A delivery as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) to: String,
    pub(super) ack: String,
    pub(super) seq: u64,
    pub(super) deliveries: u64,
    pub(super) num_pending: u64,
}

/// A configuration of a pulled consumer with explicit acknowledgements, defaults filled in.
pub(super) fn pulled() -> ConsumerConfig {
    ConsumerConfig {
        durable: "C".to_owned(),
        name: "C".to_owned(),
        ack_policy: AckPolicy::Explicit,
        ack_wait: 30 * SECOND,
        max_deliver: -1,
        max_ack_pending: 1000,
        max_waiting: 512,
        ..ConsumerConfig::default()
    }
}

/// A configuration of a consumer that pushes to `d`.
pub(super) fn pushed() -> ConsumerConfig {
    ConsumerConfig { deliver_subject: "d".to_owned(), max_waiting: 0, ..pulled() }
}

impl Owner {
    /// An empty stream.
    pub(super) fn new(config: ConsumerConfig) -> Self {
        Self::with_messages(config, 0)
    }

    /// A stream with so many messages on `a`, `b`, `c` in turn.
    pub(super) fn with_messages(config: ConsumerConfig, num_messages: u64) -> Self {
        let config = Arc::new(config);
        let consumer = Consumer::new(Arc::clone(&config), identity(), 1, 0, START);
        let mut owner = Self {
            now: START,
            messages: BTreeMap::new(),
            last_seq: 0,
            arrivals: 0,
            consumer,
            log: Log::default(),
            usage: Usage::Used,
        };
        (0..num_messages).for_each(|_| owner.store());
        let Ok(start) = Start::choose(&config, &mut owner);
        owner.consumer = Consumer::new(config, identity(), start.seq, owner.last_seq, owner.now);
        owner.consumer.set_listed(start.listed);
        owner.recount();
        owner
    }

    fn store(&mut self) {
        self.last_seq += 1;
        let subject = ["a", "b", "c"][usize::try_from(self.last_seq % 3).unwrap()];
        self.messages.insert(self.last_seq, (self.now, subject.to_owned()));
        if self.matches(subject) {
            self.arrivals += 1;
        }
    }

    fn matches(&self, subject: &str) -> bool {
        let filters = filters_of(self.consumer.config());
        filters.is_empty() || filters.iter().any(|filter| matches(subject.as_bytes(), filter.as_bytes()))
    }

    pub(super) fn recount(&mut self) {
        let from = self.consumer.next_stream_seq();
        let num = self.messages.range(from..).filter(|(_, (_, subject))| self.matches(subject)).count();
        self.consumer.set_num_pending(num as u64, self.arrivals);
    }

    /// Stores messages, and delivers what can be.
    pub(super) fn publish(&mut self, num_messages: u64) -> Vec<Received> {
        (0..num_messages).for_each(|_| self.store());
        self.deliver()
    }

    pub(super) fn request(&mut self, reply: &str, body: &str) -> Vec<Received> {
        let reply = Bytes::copy_from_slice(reply.as_bytes());
        self.consumer.request(reply, body.as_bytes(), self.now, &mut self.log);
        self.deliver()
    }

    pub(super) fn ack(&mut self, received: &Received, word: &str) -> Vec<Received> {
        let subject = parse_ack_subject(received.ack.as_bytes()).unwrap();
        let word = parse_ack(word.as_bytes());
        let outcome = self.consumer.acknowledge(&subject, &word, self.now, &mut self.log);
        if let AckOutcome::Pull(request) = outcome {
            self.consumer.request(Bytes::from_static(b"next"), request, self.now, &mut self.log);
        }
        self.deliver()
    }

    /// Lets time pass, doing what is due at each point.
    pub(super) fn wait(&mut self, nanoseconds: i64) -> Vec<Received> {
        let until = self.now + nanoseconds;
        let mut received = Vec::new();
        for _ in 0..10_000 {
            let next = self.consumer.next_tick().max(self.now);
            if next > until {
                break;
            }
            self.now = next;
            let first = self.first_seq();
            self.usage = self.consumer.tick(first, self.now, &mut self.log);
            assert!(self.consumer.next_tick() > self.now, "what is due is done");
            if self.usage == Usage::Abandoned {
                break;
            }
            received.extend(self.deliver());
            self.now += 1;
        }
        self.now = self.now.max(until);
        received
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.messages.keys().next().copied().unwrap_or(self.last_seq + 1)
    }

    /// Removes a message from the stream.
    pub(super) fn remove(&mut self, seq: u64) {
        if let Some((_, subject)) = self.messages.remove(&seq) {
            let matches = self.matches(&subject);
            self.consumer.left(seq, matches, self.now, &mut self.log);
        }
    }

    /// Stops and starts again from what was stored.
    pub(super) fn restart(&mut self) {
        let (delivered, floor) = self.consumer.positions();
        let stored = Stored {
            delivered,
            floor,
            pending: self.consumer.pending().iter().copied().collect(),
            redelivered: self.consumer.redelivered().iter().map(|(seq, count)| (*seq, *count)).collect(),
        };
        let config = Arc::clone(self.consumer.config());
        self.consumer = Consumer::new(config, identity(), 1, self.last_seq, self.now);
        self.consumer.restore(stored, self.last_seq, self.now);
        self.recount();
    }

    pub(super) fn deliver(&mut self) -> Vec<Received> {
        self.consumer.count_arrivals(self.arrivals);
        let mut received = Vec::new();
        let is_at_ack_limit = loop {
            let found = match self.consumer.next(self.now, &mut self.log) {
                Next::Nothing(idle) => break idle == Idle::AckLimit,
                Next::Exactly(seq) => {
                    if !self.messages.contains_key(&seq) {
                        self.consumer.vanished(seq, self.now, &mut self.log);
                        continue;
                    }
                    Some(seq)
                }
                Next::From(from) => {
                    let mut wanted = self.messages.range(from..).filter(|(_, (_, subject))| self.matches(subject));
                    wanted.next().map(|(seq, _)| *seq)
                }
            };
            let Some(seq) = found else {
                self.consumer.reached_end(self.last_seq);
                break false;
            };
            let candidate = Candidate { seq, timestamp: self.messages[&seq].0, subject_len: 1, body_len: 10 };
            match self.consumer.offer(&candidate, self.now, &mut self.log) {
                Offer::Refused => break false,
                Offer::Taken(delivery) => {
                    let mut ack = Vec::new();
                    delivery.ack.write(&delivery.numbers, &mut ack);
                    let to = String::from_utf8(delivery.to.to_vec()).unwrap();
                    let (asks, completed) = (delivery.asks, delivery.completed);
                    received.push(Received {
                        to: to.clone(),
                        ack: String::from_utf8(ack).unwrap(),
                        seq,
                        deliveries: delivery.numbers.deliveries,
                        num_pending: delivery.numbers.num_pending,
                    });
                    if let Some(pin) = delivery.pin_id {
                        self.log.lines.push(format!("pin {pin}"));
                    }
                    if let Some(rest) = completed {
                        self.log.status(to.as_bytes(), &Status::BatchCompleted(rest));
                    }
                    if asks {
                        self.consumer.ask(&mut self.log);
                    }
                }
            }
        };
        self.consumer.rest(is_at_ack_limit, self.now, &mut self.log);
        received
    }

    pub(super) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log.lines)
    }
}

impl StreamFacts for Owner {
    type Error = std::convert::Infallible;

    fn bounds(&self) -> (u64, u64) {
        (if self.last_seq == 0 { 0 } else { self.first_seq() }, self.last_seq)
    }

    fn is_last_per_subject(&self) -> bool {
        false
    }

    fn seq_from_time(&mut self, time: i64) -> Result<u64, Self::Error> {
        Ok(self.messages.iter().find(|(_, (at, _))| *at >= time).map_or(self.last_seq + 1, |(seq, _)| *seq))
    }

    fn bounds_of(&mut self, filter: &str) -> Result<(u64, u64), Self::Error> {
        let mut seqs = self.messages.iter().filter(|(_, (_, subject))| matches(subject.as_bytes(), filter.as_bytes()));
        let first = seqs.next().map_or(0, |(seq, _)| *seq);
        Ok((first, seqs.next_back().map_or(first, |(seq, _)| *seq)))
    }

    fn last_seqs(&mut self, filters: &[&str]) -> Result<Vec<u64>, Self::Error> {
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (seq, (_, subject)) in &self.messages {
            if filters.iter().any(|filter| matches(subject.as_bytes(), filter.as_bytes())) {
                last.insert(subject, *seq);
            }
        }
        let mut seqs: Vec<u64> = last.into_values().collect();
        seqs.sort_unstable();
        Ok(seqs)
    }
}

fn identity() -> Identity {
    Identity { stream: "S".into(), name: "C".into(), settles: true, burst: 1000, seed: 7 }
}

pub(super) fn seqs(received: &[Received]) -> Vec<u64> {
    received.iter().map(|one| one.seq).collect()
}
