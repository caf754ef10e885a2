//! Answers to publishers.

use bytes::Bytes;
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

/// An answer that waits until what it says is durable.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) to: Bytes,
    pub(super) body: Vec<u8>,
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
        body.extend_from_slice(&self.prefix);
        body.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        body.extend_from_slice(more.as_bytes());
        body.push(b'}');
        body
    }

    /// A message was refused.
    pub(super) fn refused(&self, error: ApiError) -> Vec<u8> {
        encode(&PubAck { error: Some(error), stream: self.name.clone(), ..PubAck::default() })
    }
}

impl StreamCore {
    /// Sends answers, or the reason why what they say did not become durable.
    pub(super) fn send(&mut self, outcome: Result<(), StoreError>, replies: Vec<Reply>) {
        if let Err(cause) = &outcome {
            tracing::error!("stream '{} > {}' cannot write: {cause}", self.account.name(), self.entry.name());
        }
        if replies.is_empty() {
            return;
        }
        let failure = outcome.err().map(|cause| self.replies.refused(errors::STREAM_STORE_FAILED.with(cause)));
        let mut batch = self.local.server_batch(self.account.view());
        for reply in &replies {
            batch.publish(&ServerMessage::plain(&reply.to, failure.as_ref().unwrap_or(&reply.body)));
        }
        batch.finish();
    }
}
