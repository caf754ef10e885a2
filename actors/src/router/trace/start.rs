//! Whether a message is traced.

use std::sync::Arc;

use rand::Rng;
use troupe_codecs::quote::quote;
use troupe_codecs::subject::is_valid_publish;
use troupe_codecs::system::header;
use troupe_codecs::system::trace::{self, Asked, DESTINATION, DISABLED, HOP, ONLY, ORIGIN_ACCOUNT};

use super::MessageTrace;
use crate::router::{AccountView, ClientSink};

/// Kind of a client's connection in traces.
pub const CLIENT: u8 = 0;
/// Kind of a connection to another server of the cluster.
pub const ROUTER: u8 = 1;

/// Prefix of replies mapped by gateways.
const GATEWAY_REPLY: &[u8] = b"_GR_.";
/// Prefix of the subjects replication groups use.
const RAFT: &[u8] = b"$NRG.";

/// Where a message comes in.
#[derive(Clone, Copy, Debug)]
pub struct TraceSource<'a> {
    /// Kind of connection.
    pub kind: u8,
    /// The connection.
    pub sink: &'a Arc<ClientSink>,
    /// Name of the client or server.
    pub name: &'a str,
    /// Account of the message.
    pub account: &'a Arc<AccountView>,
    /// It is the system account.
    pub is_system: bool,
}

/// What becomes of a message that may ask for a trace.
#[derive(Debug)]
pub enum TraceStart {
    /// It goes on as any other.
    Untraced,
    /// It is traced.
    Begun(Box<MessageTrace>),
    /// It goes no further.
    Skipped,
    /// It goes on with these headers, so that no other server traces it.
    Changed(Vec<u8>),
    /// It goes no further: its sender may not publish on the subject for the trace.
    Refused(String),
}

impl TraceSource<'_> {
    /// Decides on a message of `size` bytes on `subject`, whose headers passed [`AccountView::may_trace`].
    pub fn start(
        &self,
        subject: &[u8],
        size: usize,
        headers: &[u8],
        may_publish: impl FnOnce(&[u8]) -> bool,
    ) -> TraceStart {
        let Some((asked, all)) = trace::read(headers) else { return TraceStart::Untraced };
        let is_only = asked == Asked::ByDestination && trace::is_yes(trace::first(&all, ONLY));
        let untraced = if is_only { TraceStart::Skipped } else { TraceStart::Untraced };
        let label = self.sink.label();
        let origin = trace::first(&all, ORIGIN_ACCOUNT);
        if !origin.is_empty() {
            tracing::error!(
                conn = %label,
                "Message tracing disabled because of header {ORIGIN_ACCOUNT:?} with value={origin:?}"
            );
            let changed = || TraceStart::Changed(header::set(headers, DESTINATION, DISABLED));
            return if is_only { TraceStart::Skipped } else { changed() };
        }
        let destination = match asked {
            Asked::ByDestination => trace::first(&all, DESTINATION).to_owned(),
            Asked::ByContext => {
                let Some(options) = self.account.exchange().trace() else { return TraceStart::Untraced };
                if self.kind == CLIENT && !is_chosen(options.sampling) {
                    return TraceStart::Changed(header::set(headers, DESTINATION, DISABLED));
                }
                options.destination.clone()
            }
        };
        if !is_valid_publish(destination.as_bytes()) {
            tracing::error!(conn = %label, "Destination {destination:?} is not valid, won't be able to trace events");
            return untraced;
        }
        let bytes = destination.as_bytes();
        if bytes.starts_with(GATEWAY_REPLY) || bytes.starts_with(RAFT) && !self.is_system || !may_publish(bytes) {
            tracing::error!(conn = %label, "Publish Violation - Subject {}", quote(bytes));
            return TraceStart::Refused(destination);
        }
        let hop = if self.kind == CLIENT { String::new() } else { trace::first(&all, HOP).to_owned() };
        TraceStart::Begun(Box::new(MessageTrace::new(*self, destination, (is_only, hop), (subject, size), all)))
    }
}

/// Whether a message is one of the `percent` that are traced.
fn is_chosen(percent: u8) -> bool {
    percent == 0 || percent >= 100 || rand::rng().random_range(0..100) <= percent
}

impl AccountView {
    /// Whether a message of the account with these headers may ask for a trace.
    #[must_use]
    #[inline]
    pub fn may_trace(&self, headers: &[u8]) -> bool {
        trace::may_ask(headers, self.exchange().has_trace())
    }
}
