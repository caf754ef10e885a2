//! Answers to publishers.

use troupe_codecs::api::json::encode;
use troupe_codecs::api::publish::PubAck;
use troupe_codecs::api::{ApiError, StreamConfig, errors};
use troupe_store::StoreError;

use super::core::StreamCore;
use crate::router::ServerMessage;

/// How answers of a stream look.
#[derive(Debug)]
pub(super) struct Replies {
    /// Everything before the sequence.
    prefix: Vec<u8>,
    name: String,
}

/// Answers that wait until what they say is durable, in order, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Answers {
    text: Vec<u8>,
    /// Where each answer's subject ends in the text, and where its body does.
    ends: Vec<(usize, usize)>,
}

impl Answers {
    /// Adds an answer.
    pub(super) fn push(&mut self, to: &[u8], body: &[u8]) {
        self.push_with(to, |text| text.extend_from_slice(body));
    }

    /// Adds that a message was stored.
    pub(super) fn push_stored(&mut self, to: &[u8], replies: &Replies, seq: u64, more: &str) {
        self.push_with(to, |text| replies.write_stored(seq, more, text));
    }

    fn push_with(&mut self, to: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.text.extend_from_slice(to);
        let start = self.text.len();
        write(&mut self.text);
        self.ends.push((start, self.text.len()));
    }

    /// Subjects and bodies.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        starts.zip(&self.ends).map(|(start, (middle, end))| (&self.text[start..*middle], &self.text[*middle..*end]))
    }
}

impl Replies {
    pub(super) fn new(config: &StreamConfig, domain: &str) -> Self {
        let name = String::from_utf8(encode(&config.name)).unwrap_or_default();
        let domain = if domain.is_empty() {
            String::new()
        } else {
            format!("\"domain\":{},", String::from_utf8(encode(&domain)).unwrap_or_default())
        };
        let prefix = format!("{{\"stream\":{name},{domain}\"seq\":").into_bytes();
        Self { prefix, name: config.name.clone() }
    }

    /// A message was stored.
    pub(super) fn stored(&self, seq: u64, more: &str) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.prefix.len() + more.len() + 24);
        self.write_stored(seq, more, &mut body);
        body
    }

    fn write_stored(&self, seq: u64, more: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        out.extend_from_slice(more.as_bytes());
        out.push(b'}');
    }

    /// A message was refused.
    pub(super) fn refused(&self, error: ApiError) -> Vec<u8> {
        encode(&PubAck { error: Some(error), stream: self.name.clone(), ..PubAck::default() })
    }
}

impl StreamCore {
    /// Sends answers, or the reason why what they say did not become durable.
    pub(super) fn send(&mut self, outcome: Result<(), StoreError>, answers: &Answers) {
        if let Err(cause) = &outcome {
            tracing::error!("stream '{} > {}' cannot write: {cause}", self.account.name(), self.entry.name());
        }
        if answers.ends.is_empty() {
            return;
        }
        let failure = outcome.err().map(|cause| self.replies.refused(errors::STREAM_STORE_FAILED.with(cause)));
        let mut batch = self.local.server_batch(self.account.view());
        for (to, body) in answers.iter() {
            batch.publish(&ServerMessage::plain(to, failure.as_deref().unwrap_or(body)));
        }
        batch.finish();
    }
}
