//! Following another stream: how far it was read, when it must be asked again.
//!
//! ```text
//! waiting ── due ──> asked ── created ──> following ── gap, silence ──> waiting
//!                      └──── refused, no answer ──────────────────────────┘
//! ```

use troupe_codecs::api::consumer::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy};
use troupe_codecs::api::consumer_info::CreateConsumerRequest;
use troupe_codecs::api::stream::StreamSource;
use troupe_codecs::api::stream_info::StreamSourceInfo;
use troupe_codecs::api::{ApiError, SECOND, headers};
use troupe_codecs::header;

use super::publish::number;
use super::sources::index_name;
use crate::subject::Transform;

/// Silence after which the other stream is asked again.
const STALLED: i64 = 10 * SECOND;
/// Time between two requests.
const RETRY: i64 = 2 * SECOND;
/// Time after a request that failed, times twice the number of failures.
const FAILED: i64 = 5 * SECOND;
/// Longest time between two requests.
const LONGEST: i64 = 120 * SECOND;
/// Time for an answer.
const ANSWER: i64 = 30 * SECOND;

/// Where a stream is with another that it follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is asked at this time.
    Waiting(i64),
    /// It was asked, and answers until this time.
    Asked(i64),
    /// Its messages come.
    Following,
}

/// A message of the followed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its sequence there.
    pub stream_seq: u64,
    /// The number of the delivery.
    pub consumer_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Messages behind it.
    pub pending: u64,
}

/// Reads the reply subject of a delivery: the message, and the time it was stored.
#[must_use]
pub fn parse_delivery(reply: &[u8]) -> Option<(Delivered, i64)> {
    let text = std::str::from_utf8(reply).ok()?.strip_prefix("$JS.ACK.")?;
    let tokens: Vec<&str> = text.split('.').collect();
    let numbers = match tokens.len() {
        7 => &tokens[2..],
        9.. => &tokens[4..],
        _ => return None,
    };
    let [deliveries, stream_seq, consumer_seq, time, pending, ..] = numbers else { return None };
    let delivered = Delivered {
        stream_seq: number(stream_seq.as_bytes())?,
        consumer_seq: number(consumer_seq.as_bytes())?,
        deliveries: number(deliveries.as_bytes())?,
        pending: number(pending.as_bytes())?,
    };
    Some((delivered, time.parse().ok()?))
}

/// What to do with what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Store the message.
    Store,
    /// Answer with an empty message to this subject.
    Answer(Vec<u8>),
}

/// Another stream that is followed.
#[derive(Debug)]
pub struct Followed {
    source: StreamSource,
    index: String,
    transforms: Vec<(String, Option<Transform>)>,
    phase: Phase,
    /// The last delivery.
    consumer_seq: u64,
    /// The last sequence taken.
    stream_seq: u64,
    lag: u64,
    heard: Option<i64>,
    error: Option<ApiError>,
    num_failures: u32,
}

impl Followed {
    /// A stream that was read up to `stream_seq`, zero for not at all. It is asked at once.
    #[must_use]
    pub fn new(source: StreamSource, stream_seq: u64, now: i64) -> Self {
        let transforms = source.subject_transforms.iter().map(|rule| {
            let filter = if rule.src.is_empty() { ">".to_owned() } else { rule.src.clone() };
            let transform = if rule.dest.is_empty() { None } else { Transform::new(&rule.src, &rule.dest).ok() };
            (filter, transform)
        });
        Self {
            index: index_name(&source),
            transforms: transforms.collect(),
            source,
            phase: Phase::Waiting(now),
            consumer_seq: 0,
            stream_seq,
            lag: 0,
            heard: None,
            error: None,
            num_failures: 0,
        }
    }

    /// How it was configured.
    #[must_use]
    pub fn source(&self) -> &StreamSource {
        &self.source
    }

    /// What tells it from the others.
    #[must_use]
    pub fn index(&self) -> &str {
        &self.index
    }

    /// The last sequence taken from it.
    #[must_use]
    pub fn stream_seq(&self) -> u64 {
        self.stream_seq
    }

    /// When something is due.
    #[must_use]
    pub fn deadline(&self) -> i64 {
        match self.phase {
            Phase::Waiting(until) | Phase::Asked(until) => until,
            Phase::Following => self.heard.unwrap_or(0).saturating_add(STALLED),
        }
    }

    /// Whether it must be asked now; it counts as asked then.
    #[must_use]
    pub fn is_due(&mut self, now: i64) -> bool {
        match self.phase {
            Phase::Waiting(until) if until <= now => {
                self.phase = Phase::Asked(now.saturating_add(ANSWER));
                self.consumer_seq = 0;
                true
            }
            Phase::Asked(until) if until <= now => {
                self.failed(None, now);
                false
            }
            Phase::Following if self.deadline() <= now => {
                self.phase = Phase::Waiting(now);
                self.is_due(now)
            }
            _ => false,
        }
    }

    /// The request for a consumer that delivers to `deliver_subject`. `preserves` says that sequences are kept.
    #[must_use]
    pub fn request(&self, deliver_subject: String) -> CreateConsumerRequest {
        let mut config = ConsumerConfig {
            deliver_subject,
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            ack_wait: 22 * 3600 * SECOND,
            max_deliver: 1,
            replay_policy: ReplayPolicy::Instant,
            flow_control: true,
            heartbeat: SECOND,
            inactive_threshold: 10 * SECOND,
            direct: true,
            ..ConsumerConfig::default()
        };
        if self.stream_seq > 0 {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = self.stream_seq + 1;
        } else if self.source.opt_start_seq > 0 {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = self.source.opt_start_seq;
        } else if let Some(time) = self.source.opt_start_time {
            config.deliver_policy = DeliverPolicy::ByStartTime;
            config.opt_start_time = Some(time);
        }
        match self.transforms.as_slice() {
            [] => config.filter_subject.clone_from(&self.source.filter_subject),
            [(filter, _)] => config.filter_subject.clone_from(filter),
            several => config.filter_subjects = several.iter().map(|(filter, _)| filter.clone()).collect(),
        }
        CreateConsumerRequest { stream_name: self.source.name.clone(), config, ..CreateConsumerRequest::default() }
    }

    /// The consumer was made: `delivered` messages went through it already.
    pub fn created(&mut self, delivered: u64, pending: u64, now: i64) {
        self.phase = Phase::Following;
        self.consumer_seq = delivered;
        self.lag = pending;
        self.heard = Some(now);
        self.error = None;
        self.num_failures = 0;
    }

    /// The consumer was not made: with an error, or nobody answered.
    pub fn failed(&mut self, error: Option<ApiError>, now: i64) {
        self.error = error;
        self.num_failures = self.num_failures.saturating_add(1);
        let pause = FAILED.saturating_mul(2).saturating_mul(i64::from(self.num_failures)).min(LONGEST);
        self.phase = Phase::Waiting(now.saturating_add(pause));
    }

    /// It must be asked again: messages are missing.
    pub fn retry(&mut self, now: i64) {
        self.phase = Phase::Waiting(now.saturating_add(RETRY));
    }

    /// Takes a message without content: a sign of life, or a question of flow control.
    pub fn control(&mut self, block: &[u8], reply: &[u8], now: i64) -> Step {
        if self.phase != Phase::Following {
            return Step::Nothing;
        }
        self.heard = Some(now);
        if !reply.is_empty() {
            return Step::Answer(reply.to_vec());
        }
        let last = header::get(block, "Nats-Last-Consumer").and_then(number);
        if last.is_some_and(|last| last > 0 && last != self.consumer_seq) {
            self.retry(now);
            return Step::Nothing;
        }
        match header::get(block, "Nats-Consumer-Stalled") {
            Some(stalled) if !stalled.is_empty() => Step::Answer(stalled.to_vec()),
            _ => Step::Nothing,
        }
    }

    /// Takes a message.
    pub fn take(&mut self, message: Delivered, now: i64) -> Step {
        if self.phase != Phase::Following || message.deliveries > 1 {
            return Step::Nothing;
        }
        self.heard = Some(now);
        if message.consumer_seq != self.consumer_seq + 1 {
            if message.consumer_seq > self.consumer_seq {
                self.retry(now);
            }
            return Step::Nothing;
        }
        self.consumer_seq = message.consumer_seq;
        self.lag = message.pending;
        if message.stream_seq <= self.stream_seq {
            return Step::Nothing;
        }
        self.stream_seq = message.stream_seq;
        Step::Store
    }

    /// The message could not be stored: it comes again.
    pub fn put_back(&mut self, stream_seq: u64, now: i64) {
        self.stream_seq = stream_seq;
        self.retry(now);
    }

    /// The subject a message gets.
    #[must_use]
    pub fn transformed(&self, subject: &[u8]) -> Vec<u8> {
        let changed = self.transforms.iter().filter_map(|(_, transform)| transform.as_ref()?.matched(subject)).next();
        changed.unwrap_or_else(|| subject.to_vec())
    }

    /// The header that tells where a message came from.
    #[must_use]
    pub fn origin(&self, stream_seq: u64, subject: &[u8]) -> String {
        let (name, rest) = self.index.split_once(' ').unwrap_or((&self.index, "> >"));
        format!("{name} {stream_seq} {rest} {}", String::from_utf8_lossy(subject))
    }

    /// What is reported of it.
    #[must_use]
    pub fn info(&self, now: i64) -> StreamSourceInfo {
        StreamSourceInfo {
            name: self.source.name.clone(),
            external: self.source.external.clone(),
            lag: self.lag,
            active: self.heard.map_or(-1, |heard| now.saturating_sub(heard).max(0)),
            error: self.error.clone(),
            filter_subject: self.source.filter_subject.clone(),
            subject_transforms: self.source.subject_transforms.clone(),
        }
    }
}

/// Reads where a stored message came from: the index of its source and its sequence there.
#[must_use]
pub fn parse_origin(block: &[u8]) -> Option<(String, u64)> {
    let text = std::str::from_utf8(header::get(block, headers::STREAM_SOURCE)?).ok()?;
    let fields: Vec<&str> = text.split(' ').collect();
    let [name, seq, filter, destination, ..] = fields.as_slice() else { return None };
    Some((format!("{name} {filter} {destination}"), number(seq.as_bytes())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed() -> Followed {
        Followed::new(StreamSource { name: "O".to_owned(), ..StreamSource::default() }, 0, 0)
    }

    fn message(stream_seq: u64, consumer_seq: u64) -> Delivered {
        Delivered { stream_seq, consumer_seq, deliveries: 1, pending: 3 }
    }

    #[test]
    fn messages_are_taken_in_order() {
        let mut followed = followed();
        assert!(followed.is_due(0) && !followed.is_due(0));
        assert_eq!(followed.take(message(1, 1), 1), Step::Nothing, "nobody has answered yet");
        followed.created(0, 5, 1);
        assert_eq!(followed.take(message(1, 1), 2), Step::Store);
        assert_eq!(followed.take(message(1, 1), 2), Step::Nothing, "it was taken");
        assert_eq!(followed.take(message(5, 2), 2), Step::Store, "messages between are gone there");
        assert_eq!((followed.stream_seq(), followed.info(2).lag, followed.info(2).active), (5, 3, 0));
        assert_eq!(followed.take(message(9, 5), 2), Step::Nothing);
        assert_eq!(followed.deadline(), 2 + RETRY, "deliveries are missing");
        assert!(followed.is_due(2 + RETRY));
        let request = followed.request("d".to_owned());
        assert_eq!((request.config.deliver_policy, request.config.opt_start_seq), (DeliverPolicy::ByStartSequence, 6));
    }

    #[test]
    fn silence_and_failures_ask_again() {
        let mut followed = followed();
        assert!(followed.is_due(0));
        followed.failed(Some(troupe_codecs::api::errors::STREAM_NOT_FOUND.error()), 0);
        assert_eq!((followed.deadline(), followed.info(0).active), (10 * SECOND, -1));
        assert!(followed.info(0).error.is_some() && followed.is_due(10 * SECOND));
        followed.created(0, 0, 0);
        let beat = header::with(b"", "Nats-Last-Consumer", b"0");
        assert_eq!(followed.control(&beat, b"", SECOND), Step::Nothing);
        assert_eq!(followed.control(b"", b"answer", SECOND), Step::Answer(b"answer".to_vec()));
        assert!(!followed.is_due(2 * SECOND) && followed.is_due(SECOND + STALLED));
    }

    #[test]
    fn deliveries_are_read() {
        let expected = Some((Delivered { stream_seq: 7, consumer_seq: 3, deliveries: 1, pending: 2 }, 99));
        assert_eq!(parse_delivery(b"$JS.ACK.S.C.1.7.3.99.2"), expected);
        assert_eq!(parse_delivery(b"$JS.ACK._.HASH.S.C.1.7.3.99.2"), expected);
        assert_eq!(parse_delivery(b"$JS.ACK.S.C.1.7"), None);
    }

    #[test]
    fn origins_are_written_and_read() {
        let origin = followed().origin(7, b"a.b");
        assert_eq!(origin, "O 7 > > a.b");
        let block = header::with(b"", headers::STREAM_SOURCE, origin.as_bytes());
        assert_eq!(parse_origin(&block), Some(("O > >".to_owned(), 7)));
    }
}
