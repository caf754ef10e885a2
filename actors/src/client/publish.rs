//! `PUB` and `HPUB`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tracing::error;
use troupe_codecs::client::{PublishOp, encoder};
use troupe_codecs::quote::quote;
use troupe_codecs::subject::is_valid_publish;
use troupe_engine::auth::publish_violation;

use super::ClientActor;
use super::inbound::Flow;
use super::trace;
use crate::connection::CloseReason;
use crate::router::{AccountView, Message, Origin, Publisher, Rewritten};

/// Prefixes of replies mapped by gateways, today's and that of old servers.
const GATEWAY_REPLIES: [&[u8]; 2] = [b"_GR_.", b"$GR."];
/// Prefix of the subjects replication groups use.
const RAFT: &[u8] = b"$NRG.";
/// Prefixes of replies only the server makes: service imports, JetStream acks, gateways.
const RESERVED_REPLIES: [&[u8]; 4] = [b"_R_.", b"$JS.ACK.", b"_GR_.", b"$GR."];

/// Whether a client may publish a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may.
    None,
    /// Not on its subject.
    Subject,
    /// Not with its reply subject.
    Reply,
}

/// What a client is told that may not publish with a reply subject.
pub(super) fn reply_violation(reply: &[u8]) -> String {
    format!("Permissions Violation for Publish with Reply of {}", quote(reply))
}

/// The message of an operation, on `subject`.
#[inline(always)]
pub(super) fn message_of<'a>(op: &PublishOp, bytes: &'a Bytes, subject: &'a [u8]) -> Message<'a> {
    // Headers of no length are none.
    let has_headers = op.header_len > 0;
    let total = |sizes: &'_ [u8]| sizes.iter().rposition(|byte| matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
    let sizes = op.sizes.of(bytes);
    Message {
        subject,
        shown_subject: None,
        reply: op.reply.of(bytes),
        sizes: if op.has_headers && !has_headers { &sizes[total(sizes)..] } else { sizes },
        payload: &bytes[op.payload.start as usize..op.payload.end as usize + 2],
        header_len: op.header_len as usize,
        has_headers,
        is_imported: false,
        has_crlf: true,
        verbatim_tail: (op.is_verbatim && op.has_headers == has_headers).then(|| op.verbatim_tail().of(bytes)),
        buffer: Some(bytes),
    }
}

impl ClientActor {
    /// Checks a message and hands it to the publish pipeline.
    #[inline]
    pub(super) fn publish(&mut self, op: &PublishOp, bytes: &Bytes, publisher: &mut Publisher) -> Flow {
        if op.has_headers && !self.modes.headers {
            error!(conn = %self.sink.label(), "message headers not supported");
            return self.stop(CloseReason::ProtocolViolation, publisher);
        }
        if op.payload.len() > self.max_payload() {
            if op.header_len > 0 {
                let content = op.payload.of(bytes);
                let headers = &content[..op.header_len as usize];
                self.trace_too_large(op.subject.of(bytes), content.len(), headers, publisher);
            }
            publisher.flush_reply(&self.sink);
            self.refuse_payload(op.payload.len());
            return Flow::Stop;
        }
        let subject = op.subject.of(bytes);
        if self.modes.pedantic && !is_valid_publish(subject) {
            self.reply_error("Invalid Publish Subject", publisher);
        }
        if publisher.is_tracing() {
            trace::payload(self, op, bytes);
        }
        if op.header_len > 0
            && self.may_trace(op, bytes)
            && let Some(flow) = self.publish_asking(op, bytes, publisher)
        {
            return flow;
        }
        self.publish_untraced(op, bytes, None, publisher)
    }

    /// Hands a message, with other `headers` where there are some, to the publish pipeline when the client may publish it.
    #[inline(always)]
    pub(super) fn publish_untraced(
        &mut self,
        op: &PublishOp,
        bytes: &Bytes,
        headers: Option<Vec<u8>>,
        publisher: &mut Publisher,
    ) -> Flow {
        let subject = op.subject.of(bytes);
        let mapped = self.account.as_ref().and_then(|account| account.exchange().mapped(subject));
        let subject = mapped.as_deref().unwrap_or(subject);
        if self.refusal(subject, op.reply.of(bytes), publisher) != Refusal::None {
            return Flow::Continue;
        }
        if self.modes.verbose {
            self.reply_ok(publisher);
        }
        let Some(account) = &self.account else { return Flow::Stop };
        let message = message_of(op, bytes, subject);
        match headers.map(|headers| Rewritten::new(&message, headers)) {
            None => publisher.publish(self.origin(account), &message),
            Some(changed) => publisher.publish(self.origin(account), &changed.of(&message)),
        };
        Flow::Continue
    }

    /// Who publishes what the client sends, in its `account`.
    #[inline]
    pub(super) fn origin<'a>(&'a self, account: &'a Arc<AccountView>) -> Origin<'a> {
        Origin { sink: Some(&self.sink), account, echo: self.modes.echo, no_responders: self.modes.no_responders }
    }

    #[inline]
    pub(super) fn refusal(&mut self, subject: &[u8], reply: &[u8], publisher: &mut Publisher) -> Refusal {
        // All reserved subjects begin with one of two characters, which few subjects do.
        let may_be_reserved = matches!(subject.first(), Some(b'_' | b'$'));
        let is_reserved = may_be_reserved && GATEWAY_REPLIES.iter().any(|prefix| subject.starts_with(prefix))
            || self.permissions.as_mut().is_some_and(|permissions| !permissions.can_publish(subject))
                && !self.sink.use_reply_right(subject, Instant::now())
            || may_be_reserved && subject.starts_with(RAFT) && !self.is_system();
        if is_reserved {
            self.reply_error(&publish_violation(subject), publisher);
            error!(conn = %self.sink.label(), "Publish Violation - Subject {}", quote(subject));
            return Refusal::Subject;
        }
        if matches!(reply.first(), Some(b'_' | b'$')) && RESERVED_REPLIES.iter().any(|prefix| reply.starts_with(prefix))
        {
            self.reply_error(&reply_violation(reply), publisher);
            error!(conn = %self.sink.label(), "Publish Violation - Reply {}", quote(reply));
            return Refusal::Reply;
        }
        Refusal::None
    }

    pub(super) fn is_system(&self) -> bool {
        let options = self.services.options();
        self.account.as_ref().is_some_and(|account| options.system_account_name() == Some(&**account.name()))
    }

    /// Appends `+OK` to the answers of the batch.
    pub(super) fn reply_ok(&self, publisher: &mut Publisher) {
        tracing::trace!(conn = %self.sink.label(), "->> [OK]");
        publisher.reply(&self.sink, encoder::OK);
    }

    /// Appends `-ERR` to the answers of the batch.
    pub(super) fn reply_error(&self, text: &str, publisher: &mut Publisher) {
        tracing::trace!(conn = %self.sink.label(), "->> [-ERR {text}]");
        let mut line = Vec::with_capacity(text.len() + 10);
        encoder::error(&mut line, text);
        publisher.reply(&self.sink, &line);
    }
}
