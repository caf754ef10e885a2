//! Following other streams: the mirrored one, the sources.

use std::sync::Arc;

use troupe_codecs::api::stream_info::StreamSourceInfo;
use troupe_codecs::api::{ApiError, ConsumerInfo, errors, headers};
use troupe_codecs::header;
use troupe_engine::id::nuid;
use troupe_engine::stream::feeder::{Fed, Request};
use troupe_engine::stream::ingest::{Incoming, Verdict, decide};
use troupe_engine::stream::publish::{Lifetime, parse_ttl};
use troupe_engine::stream::source::{Answered, Followed, Place, Step, parse_delivery, parse_origin};
use troupe_engine::stream::sources::index_name;
use troupe_store::{NewMessage, SourcePosition, SubjectFilter, Ttl};

use super::core::StreamCore;
use crate::jetstream::clock;
use crate::router::{InboxMessage, Subscription};

/// Tags of what comes from followed streams: this bit, the number of the stream, and whether it is an answer to a request.
pub const TAG_FOLLOW: u32 = 1 << 31;

/// The streams that are followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    followed: Followed,
    is_mirror: bool,
    /// Place in the list that its subscriptions know.
    place: usize,
    /// Where its messages come in, and where the answer to the last request does.
    subscriptions: Vec<Arc<Subscription>>,
}

impl Following {
    /// When something is due.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.streams.iter().map(|stream| stream.followed.deadline()).min()
    }

    /// What is reported of the mirrored stream.
    pub(super) fn mirror_info(&self, now: i64) -> Option<StreamSourceInfo> {
        self.streams.iter().find(|stream| stream.is_mirror).map(|stream| stream.followed.info(now))
    }

    /// What is reported of the sources.
    pub(super) fn source_infos(&self, now: i64) -> Vec<StreamSourceInfo> {
        self.streams.iter().filter(|stream| !stream.is_mirror).map(|stream| stream.followed.info(now)).collect()
    }

    /// Requests that remove the consumers of all.
    pub(super) fn removals(&self) -> Vec<Request> {
        self.streams.iter().filter_map(|stream| stream.followed.removal()).collect()
    }
}

impl StreamCore {
    /// Follows the streams of the configuration; those that were followed already go on where they are.
    pub(super) fn follow(&mut self) {
        if self.is_offline() {
            return;
        }
        let now = clock::now();
        let mut known = std::mem::take(&mut self.following.streams);
        let config = Arc::clone(&self.config);
        let positions = if config.sources.is_empty() { Vec::new() } else { self.positions() };
        let wanted =
            config.mirror.iter().map(|mirror| (mirror, true)).chain(config.sources.iter().map(|one| (one, false)));
        for (source, is_mirror) in wanted {
            let same = known.iter().position(|one| one.is_mirror == is_mirror && one.followed.source() == source);
            let stream = same.map(|place| known.swap_remove(place)).unwrap_or_else(|| {
                let place = if is_mirror {
                    Place { stream_seq: self.store.state().last_seq, identity: String::new() }
                } else {
                    position(&positions, &index_name(source))
                };
                let fed = Fed {
                    stream: self.entry.name(),
                    account: self.account.name(),
                    domain: self.server.domain(),
                    is_mirror,
                    is_repeated: config.sources.iter().filter(|other| other.name == source.name).count() > 1,
                };
                let followed = Followed::new(source.clone(), &fed, place, now);
                Stream { followed, is_mirror, place: 0, subscriptions: Vec::new() }
            });
            self.following.streams.push(stream);
        }
        for removal in known.iter().filter_map(|stream| stream.followed.removal()) {
            self.send_request(&removal, "");
        }
        let mut gone: Vec<_> = known.into_iter().flat_map(|stream| stream.subscriptions).collect();
        for (place, stream) in self.following.streams.iter_mut().enumerate() {
            // Tags carry the place of a stream in the list, so those that moved ask anew.
            if stream.place != place && !stream.subscriptions.is_empty() {
                gone.append(&mut stream.subscriptions);
                stream.followed.retry(now);
            }
            stream.place = place;
        }
        self.change_subscriptions(Vec::new(), gone);
    }

    /// How far the sources were read: what the store knows, and what stands in the messages behind that.
    fn positions(&mut self) -> Vec<(String, SourcePosition)> {
        let (mut positions, through) = self.store.sources();
        let mut from = through + 1;
        while let Ok(Some(message)) = self.store.next(&SubjectFilter::all(), from) {
            from = message.seq + 1;
            let Some((name, place)) = parse_origin(message.headers()) else { continue };
            let position = SourcePosition { seq: place.stream_seq, identity: place.identity };
            match positions.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = position,
                None => positions.push((name, position)),
            }
        }
        positions
    }

    /// Asks the streams that are due.
    pub(super) fn ask_followed(&mut self, now: i64) {
        for place in 0..self.following.streams.len() {
            if self.following.streams[place].followed.is_due(now) {
                self.ask_one(place);
            }
        }
    }

    fn ask_one(&mut self, place: usize) {
        let tag = TAG_FOLLOW | (place as u32) << 1;
        let inbox = self.entry.inbox();
        let answer = format!("_INBOX.{}", nuid());
        let stream = &mut self.following.streams[place];
        let unique = nuid();
        let deliver = stream.followed.deliver_subject(&unique);
        let request = stream.followed.request(&deliver, &unique);
        let made = vec![
            Arc::new(Subscription::inside(Arc::clone(inbox), deliver.as_bytes(), b"", tag)),
            Arc::new(Subscription::inside(Arc::clone(inbox), answer.as_bytes(), b"", tag | 1)),
        ];
        let gone = std::mem::replace(&mut stream.subscriptions, made.clone());
        let Some(ticket) = self.change_subscriptions(made, gone) else { return };
        self.requests.push((ticket, request, answer));
    }

    /// Takes what a followed stream sent; how many messages were stored.
    pub(super) fn take_followed(&mut self, message: &InboxMessage, now: i64) -> u64 {
        let place = ((message.tag & !TAG_FOLLOW) >> 1) as usize;
        let Some(stream) = self.following.streams.get_mut(place) else { return 0 };
        if message.tag & 1 == 1 {
            match read_answer(message) {
                Ok(answered) => stream.followed.created(answered, now),
                Err(error) => stream.followed.refused(error, now),
            }
            return 0;
        }
        let is_control = message.headers().starts_with(b"NATS/1.0 100");
        if is_control {
            if let Step::Answer { to, headers } = stream.followed.control(message.headers(), message.reply(), now) {
                self.send_message(&to, b"", &headers, b"");
            }
            return 0;
        }
        let Some((delivered, time)) = parse_delivery(message.reply()) else { return 0 };
        let before = stream.followed.stream_seq();
        let seq = delivered.stream_seq;
        if stream.followed.take(delivered, now) != Step::Store {
            return 0;
        }
        let is_mirror = stream.is_mirror;
        let subject = stream.followed.transformed(message.subject());
        let stored = if is_mirror {
            self.store_mirrored(&subject, message, seq, time)
        } else {
            self.store_sourced(place, &subject, message, seq, now)
        };
        if let Err(cause) = &stored {
            tracing::warn!("stream '{} > {}' cannot follow: {cause}", self.account.name(), self.entry.name());
            self.following.streams[place].followed.put_back(before, now);
        }
        u64::from(stored.is_ok())
    }

    /// Stores a message under the sequence and the time it has in the mirrored stream.
    fn store_mirrored(
        &mut self,
        subject: &[u8],
        message: &InboxMessage,
        seq: u64,
        time_ns: i64,
    ) -> Result<(), ApiError> {
        let failed = |cause| errors::STREAM_STORE_FAILED.with(cause);
        let state = self.store.state();
        let next = if state.last_seq == 0 && state.msgs == 0 { state.first_seq.max(1) } else { state.last_seq + 1 };
        if seq > next {
            self.store.skip(next, seq - next, time_ns).map_err(failed)?;
        }
        let headers = message.headers();
        let ttl = match header::get(headers, headers::TTL).map(parse_ttl) {
            Some(Ok(Lifetime::Seconds(seconds))) if self.config.allow_msg_ttl => Ttl::Seconds(seconds),
            Some(Ok(Lifetime::Never)) if self.config.allow_msg_ttl => Ttl::Never,
            _ => Ttl::Limits,
        };
        let payload = message.payload();
        self.store.append_at(seq, &NewMessage { subject, headers, payload, time_ns, ttl }).map_err(failed)?;
        self.audience.arrived(subject, &mut self.woken);
        Ok(())
    }

    /// Stores a message with where it came from.
    fn store_sourced(
        &mut self,
        place: usize,
        subject: &[u8],
        message: &InboxMessage,
        seq: u64,
        now: i64,
    ) -> Result<(), ApiError> {
        let followed = &self.following.streams[place].followed;
        let index = followed.index().to_owned();
        let origin = followed.origin(seq, message.subject());
        let identity = followed.identity().to_owned();
        let is_origin = |name: &[u8]| name == headers::STREAM_SOURCE.as_bytes();
        let has_origin = header::get(message.headers(), headers::STREAM_SOURCE).is_some();
        let block = if has_origin { header::without(message.headers(), is_origin) } else { message.headers().to_vec() };
        let block = header::with(&block, headers::STREAM_SOURCE, origin.as_bytes());
        let subject = self.transformed(subject);
        let payload = message.payload();
        let incoming = Incoming { subject: &subject, headers: &block, payload, is_sourced: true, now };
        let (view, mut newest) = self.view(&block);
        match decide(incoming, view, &mut newest) {
            Verdict::Store(accepted) => {
                self.store_one(&subject, &accepted, now)?;
                self.store.set_source(&index, SourcePosition { seq, identity });
                Ok(())
            }
            // It is there already, or can never be: the next one is as good.
            Verdict::Duplicate(_) => Ok(()),
            Verdict::Refuse(cause) => {
                tracing::debug!("stream '{} > {}' skips a message: {cause}", self.account.name(), self.entry.name());
                Ok(())
            }
        }
    }

    /// Sends a request whose subscriptions are visible; without a reply where nobody waits for the answer.
    pub(super) fn send_request(&self, request: &Request, reply: &str) {
        let plain = self.server.without_domain(request.subject.as_bytes());
        let subject = plain.as_deref().unwrap_or(request.subject.as_bytes());
        self.send_message(subject, reply.as_bytes(), &request.headers, &request.body);
    }
}

fn position(positions: &[(String, SourcePosition)], index: &str) -> Place {
    let known = positions.iter().find(|(name, _)| name == index);
    known.map_or_else(Place::default, |(_, position)| Place {
        stream_seq: position.seq,
        identity: position.identity.clone(),
    })
}

/// Reads the answer to a request: deliveries so far and messages to come.
fn read_answer(message: &InboxMessage) -> Result<Answered, ApiError> {
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        error: Option<ApiError>,
        #[serde(flatten)]
        info: ConsumerInfo,
    }
    let answer: Answer = serde_json::from_slice(message.payload()).map_err(|cause| errors::INVALID_JSON.with(cause))?;
    if let Some(error) = answer.error {
        return Err(error);
    }
    let identity = header::get(message.headers(), headers::STREAM_IDENTITY).unwrap_or_default();
    Ok(Answered {
        consumer_seq: answer.info.delivered.consumer_seq,
        stream_seq: answer.info.delivered.stream_seq,
        pending: answer.info.num_pending,
        ack_policy: answer.info.config.map(|config| config.ack_policy).unwrap_or_default(),
        identity: String::from_utf8_lossy(identity).into_owned(),
    })
}
