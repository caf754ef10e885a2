//! Messages are read: by the API and directly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use troupe_codecs::api::json::{Strictness, decode};
use troupe_codecs::api::request::MsgGetRequest;
use troupe_codecs::api::response::{Message, Response, StoredMessage as ShownMessage};
use troupe_codecs::api::{ApiError, Timestamp, errors, headers};
use troupe_codecs::header;
use troupe_engine::stream::level::refuses_request;
use troupe_store::{StoreError, StoredMessage, SubjectFilter};

use super::core::{StreamCore, TAG_DIRECT_SUBJECT};
use super::direct::{direct_subject, write_found};
use crate::jetstream::api::ApiRequest;
use crate::router::InboxMessage;

/// Most subjects whose last messages are read at once.
const MAX_MULTI: usize = 1024;
/// Bytes sent in one direct read of several messages, where nothing is said.
const DEFAULT_MAX_BYTES: usize = 64 << 20;

/// Why a direct read gets no message.
type Status = (u16, &'static str);

impl StreamCore {
    /// Answers a request for a message.
    pub(super) fn answer_msg_get(&mut self, request: &ApiRequest) {
        let outcome = request.decode::<MsgGetRequest>().and_then(|asked| self.msg_get(&asked));
        let outcome = outcome.map(|found| Message {
            message: Some(ShownMessage {
                subject: String::from_utf8_lossy(found.subject()).into_owned(),
                seq: found.seq,
                headers: STANDARD.encode(found.headers()),
                data: STANDARD.encode(found.payload()),
                time: Timestamp::from_nanos(found.time_ns),
            }),
        });
        match outcome {
            // Messages that were found are not told to those who watch the API.
            Ok(body) => request.tell(&self.local, b"", &Response::new("stream_msg_get_response", body)),
            Err(error) => request.answer::<Message>(&self.local, "stream_msg_get_response", Err(error)),
        }
    }

    fn msg_get(&mut self, asked: &MsgGetRequest) -> Result<StoredMessage, ApiError> {
        asked.check()?;
        let has_last = !asked.last_by_subj.is_empty();
        let found = if has_last { self.store.last_for(asked.last_by_subj.as_bytes()) } else { self.at_start(asked) };
        found.ok().flatten().ok_or_else(|| errors::NO_MESSAGE_FOUND.error())
    }

    /// The message at the start that is asked for, or the next of its subject.
    fn at_start(&mut self, asked: &MsgGetRequest) -> Result<Option<StoredMessage>, StoreError> {
        let from = match asked.start_time {
            Some(time) => self.store.seq_from_time(time.nanos())?,
            None => asked.seq,
        };
        if asked.next_by_subj.is_empty() && asked.start_time.is_none() {
            return match self.store.get(from) {
                Ok(found) => Ok(Some(found)),
                Err(StoreError::NotFound | StoreError::Deleted) => Ok(None),
                Err(cause) => Err(cause),
            };
        }
        let filter = subject_filter(&asked.next_by_subj);
        self.store.next(&filter, from.max(1))
    }

    /// Answers a direct read.
    pub(super) fn read_directly(&mut self, message: &InboxMessage) {
        if message.reply().is_empty() {
            return;
        }
        if let Err((code, text)) = self.try_read_directly(message) {
            self.send_message(message.reply(), b"", &header::status(code, text), b"");
        }
    }

    fn try_read_directly(&mut self, message: &InboxMessage) -> Result<(), Status> {
        let required = header::get(message.headers(), headers::REQUIRED_API_LEVEL);
        if required.is_some_and(|level| !level.is_empty() && refuses_request(level)) {
            return Err((412, "Required Api Level"));
        }
        let asked = asked_of(message)?;
        if !asked.multi_last.is_empty() {
            return self.read_multi(&asked, message.reply());
        }
        if asked.batch != 0 && asked.last_by_subj.is_empty() {
            return self.read_batch(&asked, message.reply());
        }
        let found = if asked.last_by_subj.is_empty() {
            self.at_start(&asked)
        } else {
            self.store.last_for(asked.last_by_subj.as_bytes())
        };
        let found = found.ok().flatten().ok_or((404, "Message Not Found"))?;
        if asked.no_hdr {
            self.send_message(message.reply(), b"", b"", found.payload());
        } else {
            self.send_found(message.reply(), &found, &[]);
        }
        Ok(())
    }

    fn read_batch(&mut self, asked: &MsgGetRequest, reply: &[u8]) -> Result<(), Status> {
        let (max, max_bytes) = (usize::try_from(asked.batch).unwrap_or(0), max_bytes(asked));
        let filter = subject_filter(&asked.next_by_subj);
        let mut next = match asked.start_time {
            Some(time) => self.store.seq_from_time(time.nanos()).map_err(|_| (500, "store failed"))?,
            None => asked.seq.max(1),
        };
        let mut pending = self.store.num_pending(next, &filter, false).unwrap_or(0);
        let (mut sent, mut bytes, mut last) = (0, 0, 0);
        while sent < max && bytes < max_bytes {
            let Ok(Some(found)) = self.store.next(&filter, next) else {
                if sent == 0 {
                    return Err((404, "Message Not Found"));
                }
                break;
            };
            (sent, bytes, next) = (sent + 1, bytes + size_of(&found), found.seq + 1);
            if asked.no_hdr {
                // As nats-server, which counts only what it writes into headers.
                self.send_message(reply, b"", b"", found.payload());
            } else {
                pending = pending.saturating_sub(1);
                self.send_in_batch(reply, &found, (pending, last));
            }
            last = found.seq;
        }
        self.send_end(reply, pending, last, None);
        Ok(())
    }

    fn read_multi(&mut self, asked: &MsgGetRequest, reply: &[u8]) -> Result<(), Status> {
        const NO_RESULTS: Status = (404, "No Results");
        let state = self.store.state();
        let up_to = match asked.up_to_time {
            Some(time) => {
                let behind = self.store.seq_from_time(time.nanos()).map_err(|_| (500, "store failed"))?;
                if behind <= state.first_seq {
                    return Err(NO_RESULTS);
                }
                behind - 1
            }
            None if asked.up_to_seq > 0 => asked.up_to_seq.min(state.last_seq),
            None => state.last_seq,
        };
        let subjects: Vec<&String> = asked.multi_last.iter().filter(|subject| !subject.is_empty()).collect();
        if subjects.is_empty() {
            return Err(NO_RESULTS);
        }
        let found = match self.store.last_per_subject(&SubjectFilter::new(&subjects), up_to, MAX_MULTI) {
            Err(StoreError::TooManyResults) => return Err((413, "Too Many Results")),
            Err(_) => return Err((500, "store failed")),
            Ok(found) if found.is_empty() => return Err(NO_RESULTS),
            Ok(found) => found,
        };
        let found: Vec<u64> = found.into_iter().filter(|seq| *seq >= asked.seq).collect();
        let max = usize::try_from(asked.batch).ok().filter(|max| *max > 0).unwrap_or(usize::MAX);
        let max_bytes = max_bytes(asked);
        let (mut pending, mut bytes, mut last) = (found.len() as u64, 0, 0);
        for seq in found.into_iter().take(max) {
            if bytes >= max_bytes {
                break;
            }
            let Ok(message) = self.store.get(seq) else { continue };
            bytes += size_of(&message);
            pending = pending.saturating_sub(1);
            self.send_in_batch(reply, &message, (pending, last));
            last = seq;
        }
        self.send_end(reply, pending, last, Some(up_to));
        Ok(())
    }

    fn send_in_batch(&self, reply: &[u8], found: &StoredMessage, (pending, last): (u64, u64)) {
        let (pending, last) = (pending.to_string(), last.to_string());
        let more = [(headers::NUM_PENDING, pending.as_bytes()), (headers::LAST_SEQUENCE, last.as_bytes())];
        self.send_found(reply, found, &more);
    }

    fn send_end(&self, reply: &[u8], pending: u64, last: u64, up_to: Option<u64>) {
        let mut block = b"NATS/1.0 204 EOB\r\n".to_vec();
        let mut line = |name: &str, value: u64| block.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        line(headers::NUM_PENDING, pending);
        line(headers::LAST_SEQUENCE, last);
        if let Some(up_to) = up_to {
            line(headers::UP_TO_SEQUENCE, up_to);
        }
        block.extend_from_slice(b"\r\n");
        self.send_message(reply, b"", &block, b"");
    }

    fn send_found(&self, reply: &[u8], found: &StoredMessage, more: &[(&str, &[u8])]) {
        let mut block = Vec::with_capacity(found.headers().len() + 192);
        write_found(self.entry.name(), found, more, &mut block);
        self.send_message(reply, b"", &block, found.payload());
    }
}

/// What a direct read asks for.
fn asked_of(message: &InboxMessage) -> Result<MsgGetRequest, Status> {
    const BAD: Status = (408, "Bad Request");
    const MALFORMED: Status = (408, "Malformed Request");
    let body = message.payload();
    let decoded = || match body.trim_ascii() {
        b"null" => Ok(MsgGetRequest::default()),
        [b'{', ..] => decode::<MsgGetRequest>(body, Strictness::Lenient).map_err(|_| MALFORMED),
        _ => Err(MALFORMED),
    };
    if message.tag == TAG_DIRECT_SUBJECT {
        let mut asked = if body.is_empty() { MsgGetRequest::default() } else { decoded()? };
        let subject = direct_subject(message.subject()).and_then(|subject| std::str::from_utf8(subject).ok());
        // What else there may be in it is how to answer, not what with.
        let plain = MsgGetRequest { no_hdr: asked.no_hdr, max_bytes: asked.max_bytes, ..MsgGetRequest::default() };
        let subject = subject.filter(|_| asked == plain).ok_or(BAD)?;
        asked.last_by_subj = subject.to_owned();
        return Ok(asked);
    }
    if body.is_empty() {
        return Err((408, "Empty Request"));
    }
    let asked = decoded()?;
    let has_last = !asked.last_by_subj.is_empty();
    let has_next = !asked.next_by_subj.is_empty();
    let has_multi = !asked.multi_last.is_empty();
    let has_start = asked.start_time.is_some();
    if asked.seq == 0 && !has_last && !has_next && !has_multi && !has_start {
        return Err((408, "Empty Request"));
    }
    let conflicts = [
        asked.seq > 0 && (has_last || has_start),
        has_last && (has_next || has_start || has_multi || asked.batch > 0),
        has_multi && has_next,
        asked.up_to_seq > 0 && asked.up_to_time.is_some(),
    ];
    if conflicts.contains(&true) { Err(BAD) } else { Ok(asked) }
}

/// Bytes after which no more messages are sent; the one that reaches them is.
fn max_bytes(asked: &MsgGetRequest) -> usize {
    usize::try_from(asked.max_bytes).ok().filter(|max| *max > 0).unwrap_or(DEFAULT_MAX_BYTES)
}

fn size_of(message: &StoredMessage) -> usize {
    message.subject().len() + message.headers().len() + message.payload().len()
}

fn subject_filter(subject: &str) -> SubjectFilter {
    if subject.is_empty() { SubjectFilter::all() } else { SubjectFilter::one(subject.as_bytes()) }
}
