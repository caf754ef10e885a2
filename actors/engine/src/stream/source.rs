//! Following another stream: how far it was read, when it must be asked again.
//!
//! ```text
//! waiting ── due ──> asked ── created ──> following ── gap, silence ──> waiting
//!                      └──── refused, no answer ──────────────────────────┘
//! ```

use troupe_codecs::api::consumer::AckPolicy;
use troupe_codecs::api::stream::StreamSource;
use troupe_codecs::api::stream_info::StreamSourceInfo;
use troupe_codecs::api::{ApiError, SECOND, errors, headers};
use troupe_codecs::header;

use super::feeder::{Beginning, Fed, Feeder, Level, Request};
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
    /// Answer to this subject, without a body.
    Answer {
        /// The subject.
        to: Vec<u8>,
        /// Headers.
        headers: Vec<u8>,
    },
}

/// How far a stream was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The last sequence taken, zero for none.
    pub stream_seq: u64,
    /// The stream it was taken from, as far as it is known.
    pub identity: String,
}

/// What another stream answered about its consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Deliveries so far.
    pub consumer_seq: u64,
    /// The last sequence delivered.
    pub stream_seq: u64,
    /// Messages to come.
    pub pending: u64,
    /// How it is acknowledged.
    pub ack_policy: AckPolicy,
    /// Which stream it is; empty when it does not say.
    pub identity: String,
}

/// Another stream that is followed.
#[derive(Debug)]
pub struct Followed {
    source: StreamSource,
    index: String,
    feeder: Feeder,
    is_mirror: bool,
    /// The stream that is read, as far as it is known.
    identity: String,
    /// The stream is not the one that was read before.
    is_anew: bool,
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
    /// A stream that feeds `fed` and was read up to `place`. It is asked at once.
    #[must_use]
    pub fn new(source: StreamSource, fed: &Fed<'_>, place: Place, now: i64) -> Self {
        let transforms = source.subject_transforms.iter().map(|rule| {
            let filter = if rule.src.is_empty() { ">".to_owned() } else { rule.src.clone() };
            let transform = if rule.dest.is_empty() { None } else { Transform::new(&rule.src, &rule.dest).ok() };
            (filter, transform)
        });
        Self {
            index: index_name(&source),
            feeder: Feeder::new(fed, &source),
            is_mirror: fed.is_mirror,
            identity: place.identity,
            is_anew: false,
            transforms: transforms.collect(),
            source,
            phase: Phase::Waiting(now),
            consumer_seq: 0,
            stream_seq: place.stream_seq,
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

    /// The stream that is read, as far as it is known.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
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

    /// Where its messages come in; `unique` is a text that nobody else has.
    #[must_use]
    pub fn deliver_subject(&self, unique: &str) -> String {
        self.feeder.deliver_subject(&self.source, unique)
    }

    /// The request for a consumer that delivers to `deliver_subject`.
    #[must_use]
    pub fn request(&self, deliver_subject: &str, unique: &str) -> Request {
        let filters: Vec<String> = match self.transforms.as_slice() {
            [] => Some(&self.source.filter_subject).filter(|filter| !filter.is_empty()).into_iter().cloned().collect(),
            several => several.iter().map(|(filter, _)| filter.clone()).collect(),
        };
        let beginning = Beginning { stream_seq: self.stream_seq, identity: &self.identity };
        self.feeder.request(&self.source, &filters, beginning, deliver_subject, unique)
    }

    /// The request that removes its consumer, when it is not followed any more.
    #[must_use]
    pub fn removal(&self) -> Option<Request> {
        self.feeder.removal(&self.source)
    }

    /// The consumer was made, or begins anew.
    pub fn created(&mut self, answered: Answered, now: i64) {
        if self.source.consumer.is_some() && answered.ack_policy != AckPolicy::FlowControl {
            let error = if self.is_mirror {
                errors::MIRROR_CONSUMER_REQUIRES_ACK_FC
            } else {
                errors::SOURCE_CONSUMER_REQUIRES_ACK_FC
            };
            return self.failed(Some(error.error()), now);
        }
        let is_other = !answered.identity.is_empty() && !self.identity.is_empty() && answered.identity != self.identity;
        if self.is_anew || is_other {
            self.stream_seq = 0;
        }
        self.is_anew = false;
        self.identity = answered.identity;
        self.stream_seq = self.stream_seq.max(answered.stream_seq);
        self.phase = Phase::Following;
        self.consumer_seq = answered.consumer_seq;
        self.lag = answered.pending;
        self.heard = Some(now);
        self.error = None;
        self.num_failures = 0;
    }

    /// The consumer was refused.
    pub fn refused(&mut self, error: ApiError, now: i64) {
        if error.is(errors::CONSUMER_STREAM_IDENTITY_MISMATCH) {
            // The stream was made anew: it is read from its beginning.
            (self.stream_seq, self.is_anew) = (0, true);
            self.identity.clear();
            return self.retry(now);
        }
        let is_too_new = error.is(errors::REQUIRED_API_LEVEL) || error.is(errors::INVALID_JSON);
        let lower = match self.feeder.level {
            Level::Telling => Level::Keeping,
            Level::Keeping | Level::Old => Level::Old,
        };
        if is_too_new && lower != self.feeder.level {
            self.feeder.level = lower;
            self.phase = Phase::Waiting(now);
            return;
        }
        self.failed(Some(error), now);
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
            // A consumer that keeps its place counts as delivered what is said here.
            let (consumer_seq, stream_seq) = (self.consumer_seq.to_string(), self.stream_seq.to_string());
            let headers = header::with(b"", "Nats-Last-Consumer", consumer_seq.as_bytes());
            let headers = header::with(&headers, "Nats-Last-Stream", stream_seq.as_bytes());
            return Step::Answer { to: reply.to_vec(), headers };
        }
        let last = header::get(block, "Nats-Last-Consumer").and_then(number);
        if last.is_some_and(|last| last > 0 && last != self.consumer_seq) {
            self.retry(now);
            return Step::Nothing;
        }
        match header::get(block, "Nats-Consumer-Stalled") {
            Some(stalled) if !stalled.is_empty() => Step::Answer { to: stalled.to_vec(), headers: Vec::new() },
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
        let origin = format!("{name} {stream_seq} {rest} {}", String::from_utf8_lossy(subject));
        if self.identity.is_empty() { origin } else { format!("{origin} {}", self.identity) }
    }

    /// What is reported of it.
    #[must_use]
    pub fn info(&self, now: i64) -> StreamSourceInfo {
        StreamSourceInfo {
            name: self.source.name.clone(),
            external: self.source.external.clone(),
            lag: self.lag,
            seq: if self.is_mirror { 0 } else { self.stream_seq },
            active: self.heard.map_or(-1, |heard| now.saturating_sub(heard).max(0)),
            error: self.error.clone(),
            filter_subject: self.source.filter_subject.clone(),
            subject_transforms: self.source.subject_transforms.clone(),
        }
    }
}

/// Reads where a stored message came from: the index of its source and its place there.
#[must_use]
pub fn parse_origin(block: &[u8]) -> Option<(String, Place)> {
    let text = std::str::from_utf8(header::get(block, headers::STREAM_SOURCE)?).ok()?;
    let fields: Vec<&str> = text.split(' ').collect();
    let [name, seq, filter, destination, rest @ ..] = fields.as_slice() else { return None };
    let identity = rest.get(1).copied().unwrap_or_default().to_owned();
    Some((format!("{name} {filter} {destination}"), Place { stream_seq: number(seq.as_bytes())?, identity }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed() -> Followed {
        let source = StreamSource { name: "O".to_owned(), ..StreamSource::default() };
        Followed::new(source, &Fed { stream: "S", account: "A", ..Fed::default() }, Place::default(), 0)
    }

    fn answered(pending: u64, identity: &str) -> Answered {
        Answered { pending, identity: identity.to_owned(), ..Answered::default() }
    }

    fn message(stream_seq: u64, consumer_seq: u64) -> Delivered {
        Delivered { stream_seq, consumer_seq, deliveries: 1, pending: 3 }
    }

    #[test]
    fn messages_are_taken_in_order() {
        let mut followed = followed();
        assert!(followed.is_due(0) && !followed.is_due(0));
        assert_eq!(followed.take(message(1, 1), 1), Step::Nothing, "nobody has answered yet");
        followed.created(answered(5, ""), 1);
        assert_eq!(followed.take(message(1, 1), 2), Step::Store);
        assert_eq!(followed.take(message(1, 1), 2), Step::Nothing, "it was taken");
        assert_eq!(followed.take(message(5, 2), 2), Step::Store, "messages between are gone there");
        assert_eq!((followed.stream_seq(), followed.info(2).lag, followed.info(2).active), (5, 3, 0));
        assert_eq!(followed.take(message(9, 5), 2), Step::Nothing);
        assert_eq!(followed.deadline(), 2 + RETRY, "deliveries are missing");
        assert!(followed.is_due(2 + RETRY));
        let request = followed.request("d", "u");
        assert!(String::from_utf8(request.body).unwrap().contains(r#""opt_start_seq":6"#));
    }

    #[test]
    fn silence_and_failures_ask_again() {
        let mut followed = followed();
        assert!(followed.is_due(0));
        followed.failed(Some(troupe_codecs::api::errors::STREAM_NOT_FOUND.error()), 0);
        assert_eq!((followed.deadline(), followed.info(0).active), (10 * SECOND, -1));
        assert!(followed.info(0).error.is_some() && followed.is_due(10 * SECOND));
        followed.created(answered(0, ""), 0);
        let beat = header::with(b"", "Nats-Last-Consumer", b"0");
        assert_eq!(followed.control(&beat, b"", SECOND), Step::Nothing);
        let answer = followed.control(b"", b"answer", SECOND);
        assert!(matches!(answer, Step::Answer { to, headers } if to == b"answer" && !headers.is_empty()));
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
        assert_eq!(parse_origin(&block), Some(("O > >".to_owned(), Place { stream_seq: 7, identity: String::new() })));
        let block = header::with(b"", headers::STREAM_SOURCE, b"O 7 > > a.b IDENTITY");
        assert_eq!(parse_origin(&block).map(|(_, place)| place.identity), Some("IDENTITY".to_owned()));
    }

    #[test]
    fn a_stream_made_anew_is_read_from_its_beginning() {
        let mut followed = followed();
        assert!(followed.is_due(0));
        followed.created(answered(1, "ONE"), 0);
        assert_eq!(followed.take(message(9, 1), 0), Step::Store);
        assert!(followed.origin(9, b"a").ends_with(" a ONE"));
        followed.refused(errors::CONSUMER_STREAM_IDENTITY_MISMATCH.error(), 0);
        assert_eq!((followed.stream_seq(), followed.identity()), (0, ""));
        followed.created(answered(1, "TWO"), 0);
        assert_eq!(followed.take(message(1, 1), 0), Step::Store);
        followed.created(answered(1, "THREE"), 0);
        assert_eq!((followed.stream_seq(), followed.identity()), (0, "THREE"));
    }

    #[test]
    fn older_servers_are_asked_for_less() {
        let mut followed = followed();
        for _ in 0..2 {
            assert!(followed.is_due(0));
            followed.refused(errors::REQUIRED_API_LEVEL.error(), 0);
            assert!(followed.error.is_none());
        }
        assert!(followed.is_due(0) && followed.request("d", "u").headers.is_empty());
        followed.refused(errors::REQUIRED_API_LEVEL.error(), 0);
        assert!(followed.error.is_some() && !followed.is_due(0));
    }
}
