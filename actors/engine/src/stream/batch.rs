//! Batches of messages that are stored all or none: what is checked of a message beside those before it in its batch.

use ahash::{AHashMap, AHashSet};
use bytes::Bytes;
use troupe_codecs::api::stream::DiscardPolicy;
use troupe_codecs::api::{ApiError, StreamConfig, errors, headers};

use super::ingest::{Accepted, Incoming, LastMessage, LastMessages, StreamView, Verdict, decide};
use super::publish::PublishHeaders;

/// Longest id.
pub const MAX_ID_LEN: usize = 64;

/// Messages of a batch that were accepted, as those behind them see it.
#[derive(Debug, Default)]
pub struct Staged {
    written: AHashMap<Vec<u8>, LastMessage>,
    per_subject: AHashMap<Vec<u8>, u64>,
    ids: AHashSet<Vec<u8>>,
    count: u64,
    bytes: u64,
}

/// The newest messages, those of the batch included.
struct Overlay<'a> {
    written: &'a AHashMap<Vec<u8>, LastMessage>,
    stored: &'a mut dyn LastMessages,
}

impl LastMessages for Overlay<'_> {
    fn last(&mut self, subject: &[u8]) -> Option<LastMessage> {
        self.written.get(subject).cloned().or_else(|| self.stored.last(subject))
    }
}

impl Staged {
    /// Decides about the next message of the batch.
    ///
    /// # Errors
    /// Why the whole batch is refused.
    pub fn accept<'a>(
        &mut self,
        message: Incoming<'a>,
        stream: StreamView<'_>,
        stored: &mut dyn LastMessages,
    ) -> Result<Accepted<'a>, ApiError> {
        let found = PublishHeaders::parse(message.headers);
        if !found.expected_last_msg_id.is_empty() {
            return Err(errors::ATOMIC_PUBLISH_UNSUPPORTED_HEADER_BATCH.with(headers::EXPECTED_LAST_MSG_ID));
        }
        if !found.msg_id.is_empty() && !self.ids.insert(found.msg_id.to_vec()) {
            return Err(errors::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE.error());
        }
        let last_seq = stream.last_seq + self.count;
        if found.expected_last_seq == Some(last_seq) && self.count > 0 {
            return Err(errors::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
        }
        if found.expected_last_subject_seq.is_some() {
            let other = found.expected_last_subject;
            let subject = if other.is_empty() { message.subject } else { other };
            if self.written.contains_key(subject) {
                return Err(errors::STREAM_WRONG_LAST_SEQUENCE_CONSTANT.error());
            }
        }
        let view = StreamView { last_seq, ..stream };
        let accepted = match decide(message, view, &mut Overlay { written: &self.written, stored }) {
            Verdict::Store(accepted) => accepted,
            Verdict::Duplicate(_) => return Err(errors::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE.error()),
            Verdict::Refuse(error) => return Err(error),
        };
        self.note(message.subject, &accepted, last_seq + 1);
        Ok(accepted)
    }

    fn note(&mut self, subject: &[u8], accepted: &Accepted<'_>, seq: u64) {
        let message = LastMessage {
            seq,
            headers: Bytes::copy_from_slice(&accepted.headers),
            payload: Bytes::copy_from_slice(&accepted.payload),
        };
        self.bytes += (subject.len() + message.headers.len() + message.payload.len()) as u64;
        *self.per_subject.entry(subject.to_vec()).or_default() += 1;
        self.written.insert(subject.to_vec(), message);
        self.count += 1;
    }

    /// Refuses a batch that does not fit a stream which takes no more than its limits. `count_of` tells how many messages a subject has.
    ///
    /// # Errors
    /// The limit that is exceeded.
    pub fn check_limits(
        &self,
        config: &StreamConfig,
        (messages, bytes): (u64, u64),
        count_of: &dyn Fn(&[u8]) -> u64,
    ) -> Result<(), ApiError> {
        if config.discard != DiscardPolicy::New {
            return Ok(());
        }
        let exceeds = |limit: i64, value: u64| u64::try_from(limit).is_ok_and(|limit| limit > 0 && value > limit);
        if exceeds(config.max_msgs, messages + self.count) {
            return Err(errors::STREAM_STORE_FAILED.with("maximum messages exceeded"));
        }
        if exceeds(config.max_bytes, bytes + self.bytes) {
            return Err(errors::STREAM_STORE_FAILED.with("maximum bytes exceeded"));
        }
        let is_full = |(subject, count): (&Vec<u8>, &u64)| exceeds(config.max_msgs_per, count_of(subject) + count);
        if config.discard_new_per && self.per_subject.iter().any(is_full) {
            return Err(errors::STREAM_STORE_FAILED.with("maximum messages per subject exceeded"));
        }
        Ok(())
    }
}
