//! The consumer of another stream that feeds this one: its name, and how it is asked for.

use std::collections::BTreeMap;

use troupe_codecs::api::consumer::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy};
use troupe_codecs::api::consumer_info::CreateConsumerRequest;
use troupe_codecs::api::json::encode;
use troupe_codecs::api::stream::StreamSource;
use troupe_codecs::api::{SECOND, headers};
use troupe_codecs::header;

use super::sources::{index_name, short_hash};

/// The stream that is fed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fed<'a> {
    /// Its name.
    pub stream: &'a str,
    /// Its account.
    pub account: &'a str,
    /// The domain of its server; empty when there is none.
    pub domain: &'a str,
    /// It is a mirror.
    pub is_mirror: bool,
    /// Another source of it is the same stream.
    pub is_repeated: bool,
}

/// What the other server can do, as far as is known. The newest is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Consumers that only deliver.
    Old,
    /// Consumers that keep their place where messages stay for consumers only.
    Keeping,
    /// It tells when the stream was made anew.
    Telling,
}

/// The consumer that feeds a stream.
#[derive(Clone, Debug)]
pub(super) struct Feeder {
    name: String,
    metadata: BTreeMap<String, String>,
    is_mirror: bool,
    pub(super) level: Level,
}

/// A request to another stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Subject.
    pub subject: String,
    /// Headers.
    pub headers: Vec<u8>,
    /// Body.
    pub body: Vec<u8>,
}

/// Where a feeder begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning<'a> {
    /// The last sequence taken, zero for none.
    pub(super) stream_seq: u64,
    /// The stream it was taken from, as far as it is known.
    pub(super) identity: &'a str,
}

impl Feeder {
    pub(super) fn new(fed: &Fed<'_>, source: &StreamSource) -> Self {
        let mut text = format!("{} {}", fed.stream, fed.account);
        let (prefix, kind) = if fed.is_mirror { ("JS_MIRROR_", "mirror") } else { ("JS_SRC_", "src") };
        let mut metadata: BTreeMap<_, _> =
            [("stream", fed.stream), ("acc", fed.account)].map(|(key, value)| (key, value.to_owned())).into();
        if !fed.domain.is_empty() {
            text = format!("{text} {}", fed.domain);
            metadata.insert("domain", fed.domain.to_owned());
        }
        // The name of nats-server's, so that either server finds what the other left.
        let mut id = short_hash(&text);
        if fed.is_repeated {
            id = format!("{id} {}", index_name(source));
        }
        if !fed.is_mirror {
            id = short_hash(&id);
        }
        let metadata = metadata.into_iter().map(|(key, value)| (format!("_nats.{kind}.{key}"), value)).collect();
        let level = if fed.is_mirror { Level::Keeping } else { Level::Telling };
        Self { name: format!("{prefix}{id}"), metadata, is_mirror: fed.is_mirror, level }
    }

    /// Where messages are to come in; `unique` is a text that nobody else has.
    pub(super) fn deliver_subject(&self, source: &StreamSource, unique: &str) -> String {
        if let Some(consumer) = &source.consumer {
            return consumer.deliver_subject.clone();
        }
        let letter = if self.is_mirror { 'M' } else { 'S' };
        match source.external.as_ref().map(|external| &external.deliver).filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix}.{letter}.{unique}").replace("..", "."),
            None => format!("$JS.{letter}.{unique}"),
        }
    }

    /// The request for a consumer that delivers to `deliver_subject`, or for one that is there to begin anew.
    pub(super) fn request(
        &self,
        source: &StreamSource,
        filters: &[String],
        beginning: Beginning<'_>,
        deliver_subject: &str,
        unique: &str,
    ) -> Request {
        let headers = self.headers(beginning.identity);
        if let Some(consumer) = &source.consumer {
            let subject = api(source, &format!("CONSUMER.RESET.{}.{}", source.name, consumer.name));
            return Request { subject, headers, body: Vec::new() };
        }
        let mut config = self.config(source, beginning.stream_seq, deliver_subject);
        if self.level == Level::Old {
            config.name = format!("{}_{}", self.name, short_hash(unique));
        }
        let subject = match filters {
            [filter] => {
                config.filter_subject.clone_from(filter);
                format!("CONSUMER.CREATE.{}.{}.{filter}", source.name, config.name)
            }
            several => {
                config.filter_subjects = several.to_vec();
                format!("CONSUMER.CREATE.{}", source.name)
            }
        };
        let request = CreateConsumerRequest { stream_name: source.name.clone(), config, ..Default::default() };
        Request { subject: api(source, &subject), headers, body: encode(&request) }
    }

    /// The request that removes it from a stream that is not followed any more.
    pub(super) fn removal(&self, source: &StreamSource) -> Option<Request> {
        if source.consumer.is_some() {
            return None;
        }
        let subject = api(source, &format!("CONSUMER.DELETE.{}.{}", source.name, self.name));
        Some(Request { subject, headers: Vec::new(), body: Vec::new() })
    }

    fn headers(&self, identity: &str) -> Vec<u8> {
        match self.level {
            Level::Old => Vec::new(),
            Level::Keeping => header::with(b"", headers::REQUIRED_API_LEVEL, b"4"),
            Level::Telling => {
                let block = header::with(b"", headers::REQUIRED_API_LEVEL, b"5");
                header::with(&block, headers::STREAM_IDENTITY, identity.as_bytes())
            }
        }
    }

    fn config(&self, source: &StreamSource, stream_seq: u64, deliver_subject: &str) -> ConsumerConfig {
        let mut config = ConsumerConfig {
            name: self.name.clone(),
            deliver_subject: deliver_subject.to_owned(),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            ack_wait: 22 * 3600 * SECOND,
            max_deliver: 1,
            replay_policy: ReplayPolicy::Instant,
            flow_control: true,
            heartbeat: SECOND,
            inactive_threshold: 10 * SECOND,
            direct: true,
            sourcing: self.level != Level::Old,
            metadata: self.metadata.clone(),
            ..ConsumerConfig::default()
        };
        if stream_seq > 0 {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = stream_seq + 1;
        } else if source.opt_start_seq > 0 {
            config.deliver_policy = DeliverPolicy::ByStartSequence;
            config.opt_start_seq = source.opt_start_seq;
        } else if let Some(time) = source.opt_start_time {
            config.deliver_policy = DeliverPolicy::ByStartTime;
            config.opt_start_time = Some(time);
        }
        config
    }
}

/// A subject of the API, as the other stream is reached.
fn api(source: &StreamSource, rest: &str) -> String {
    match source.external.as_ref().map(|external| &external.api).filter(|prefix| !prefix.is_empty()) {
        Some(prefix) => format!("{prefix}.{rest}").replace("..", "."),
        None => format!("$JS.API.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use troupe_codecs::api::stream::{ConsumerSource, ExternalStream};

    use super::*;

    fn feeder(source: &StreamSource) -> Feeder {
        Feeder::new(&Fed { stream: "S", account: "A", ..Fed::default() }, source)
    }

    #[test]
    fn the_newest_way_is_asked_for_first() {
        let source = StreamSource { name: "O".to_owned(), ..StreamSource::default() };
        let mut feeder = feeder(&source);
        let beginning = Beginning { stream_seq: 4, identity: "ID" };
        let request = feeder.request(&source, &["a.*".to_owned()], beginning, "d", "u");
        assert_eq!(request.subject, format!("$JS.API.CONSUMER.CREATE.O.{}.a.*", feeder.name));
        assert_eq!(header::get(&request.headers, headers::STREAM_IDENTITY), Some(&b"ID"[..]));
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.contains(r#""sourcing":true"#) && body.contains(r#""opt_start_seq":5"#), "{body}");
        feeder.level = Level::Old;
        let request = feeder.request(&source, &[], beginning, "d", "u");
        assert_eq!((request.subject.as_str(), request.headers.len()), ("$JS.API.CONSUMER.CREATE.O", 0));
        assert!(!String::from_utf8(request.body).unwrap().contains("sourcing"));
    }

    #[test]
    fn consumers_that_are_there_begin_anew() {
        let consumer = ConsumerSource { name: "C".to_owned(), deliver_subject: "d".to_owned() };
        let external = ExternalStream { api: "JS.X".to_owned(), ..ExternalStream::default() };
        let source = StreamSource {
            name: "O".to_owned(),
            external: Some(external),
            consumer: Some(consumer),
            ..StreamSource::default()
        };
        let feeder = feeder(&source);
        assert_eq!(feeder.deliver_subject(&source, "u"), "d");
        let request = feeder.request(&source, &[], Beginning { stream_seq: 0, identity: "" }, "d", "u");
        assert_eq!((request.subject.as_str(), request.body.len()), ("JS.X.CONSUMER.RESET.O.C", 0));
        assert_eq!(feeder.removal(&source), None);
    }

    #[test]
    fn names_tell_streams_accounts_domains_and_filters_apart() {
        let source = StreamSource { name: "O".to_owned(), filter_subject: "a".to_owned(), ..StreamSource::default() };
        let base = Fed { stream: "S", account: "A", ..Fed::default() };
        let fed =
            [base, Fed { domain: "D", ..base }, Fed { is_repeated: true, ..base }, Fed { is_mirror: true, ..base }];
        let names: std::collections::BTreeSet<_> = fed.iter().map(|fed| Feeder::new(fed, &source).name).collect();
        assert_eq!(names.len(), 4);
        let global = Feeder::new(&Fed { stream: "S", account: "$G", ..Fed::default() }, &source);
        assert_eq!(global.name, "JS_SRC_N6lXlrSF", "as nats-server calls it");
    }
}
