//! Messages that ask for a trace.

use std::sync::Arc;

use bytes::Bytes;
use troupe_codecs::client::PublishOp;
use troupe_codecs::client::fault::Unreadable;
use troupe_engine::auth::publish_violation;

use super::ClientActor;
use super::inbound::Flow;
use super::publish::{Refusal, message_of, reply_violation};
use crate::router::trace::start::CLIENT;
use crate::router::trace::{Audience, TraceSource, TraceStart};
use crate::router::{AccountView, Publisher};

/// What a trace says of a message that is too large.
const TOO_LARGE: &str = "maximum payload exceeded";

impl ClientActor {
    /// Whether a message may ask for a trace.
    #[inline]
    pub(super) fn may_trace(&self, op: &PublishOp, bytes: &Bytes) -> bool {
        self.account.as_ref().is_some_and(|account| account.may_trace(&op.payload.of(bytes)[..op.header_len as usize]))
    }

    /// Publishes a message that may ask for a trace; `None` when it is like any other after all.
    #[cold]
    pub(super) fn publish_asking(&mut self, op: &PublishOp, bytes: &Bytes, publisher: &mut Publisher) -> Option<Flow> {
        let account = self.account.clone()?;
        let (subject, content) = (op.subject.of(bytes), op.payload.of(bytes));
        let headers = &content[..op.header_len as usize];
        match self.start_trace(&account, subject, content.len(), headers) {
            TraceStart::Untraced => return None,
            TraceStart::Skipped => {}
            TraceStart::Refused(destination) => {
                self.reply_error(&publish_violation(destination.as_bytes()), publisher);
            }
            TraceStart::Changed(headers) => return Some(self.publish_untraced(op, bytes, Some(headers), publisher)),
            TraceStart::Begun(mut trace) => {
                let mapped = account.exchange().mapped(subject);
                if let Some(subject) = &mapped {
                    trace.mapped(subject);
                }
                let subject = mapped.as_deref().unwrap_or(subject);
                let reply = op.reply.of(bytes);
                match self.refusal(subject, reply, publisher) {
                    Refusal::None => {
                        if self.modes.verbose {
                            self.reply_ok(publisher);
                        }
                        let message = message_of(op, bytes, subject);
                        publisher.publish_traced(self.origin(&account), &message, trace, Audience::Everybody);
                    }
                    refusal => {
                        let is_subject = refusal == Refusal::Subject;
                        trace.refused(&if is_subject { publish_violation(subject) } else { reply_violation(reply) });
                        publisher.end_trace(trace);
                    }
                }
            }
        }
        Some(Flow::Continue)
    }

    fn start_trace(&mut self, account: &Arc<AccountView>, subject: &[u8], size: usize, headers: &[u8]) -> TraceStart {
        let name = self.sink.client_name();
        let is_system = self.is_system();
        let source = TraceSource { kind: CLIENT, sink: &self.sink, name: &name, account, is_system };
        let permissions = &mut self.permissions;
        source.start(subject, size, headers, |destination| {
            permissions.as_mut().is_none_or(|permissions| permissions.can_publish(destination))
        })
    }

    /// Tells who asked for a trace of a message that it is too large.
    #[cold]
    pub(super) fn trace_too_large(&mut self, subject: &[u8], size: usize, headers: &[u8], publisher: &mut Publisher) {
        let Some(account) = self.account.clone().filter(|account| account.may_trace(headers)) else { return };
        match self.start_trace(&account, subject, size, headers) {
            TraceStart::Begun(mut trace) => {
                trace.refused(TOO_LARGE);
                publisher.end_trace(trace);
            }
            TraceStart::Refused(destination) => {
                self.reply_error(&publish_violation(destination.as_bytes()), publisher);
            }
            _ => {}
        }
    }

    /// The same for a message whose size was refused before it was read. Its headers may be in what was read.
    pub(super) fn trace_unread(&mut self, unreadable: &Unreadable<'_>, read: &[u8]) {
        let Some((_, arguments)) = unreadable.line().filter(|_| unreadable.is_header_publish()) else { return };
        let mut words = arguments.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        let subject = words.next().unwrap_or_default();
        let mut numbers = words.rev().map(|word| std::str::from_utf8(word).ok().and_then(|text| text.parse().ok()));
        let (Some(Some(size)), Some(Some(header_len))) = (numbers.next(), numbers.next()) else { return };
        let Some(end) = memchr::memchr(b'\n', read) else { return };
        let rest = &read[end + 1..];
        let headers = &rest[..rest.len().min(header_len)];
        let local = std::rc::Rc::clone(&self.local);
        let mut publisher = local.publisher.borrow_mut();
        publisher.begin(self.account.as_deref());
        self.trace_too_large(subject, size, headers, &mut publisher);
        publisher.flush(Some(&self.sink));
    }
}
