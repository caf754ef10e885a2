//! What is known so far of a traced message.

use std::sync::Arc;
use std::time::SystemTime;

use troupe_codecs::report::{Layout, Timestamp, render};
use troupe_codecs::system::ServerStamp;
use troupe_codecs::system::trace::{TraceEvent, TraceHeaders, TraceRequest, TraceStep};
use troupe_engine::index::SubscriptionFacts;

use super::start::{CLIENT, TraceSource};
use super::{JetStreamOutcome, PendingTrace};
use crate::router::{AccountView, ClientSink, PeerLink, Subscription};

/// A traced message.
#[derive(Debug)]
pub struct MessageTrace {
    /// Account it was published in, which gets the trace.
    pub(super) account: Arc<AccountView>,
    /// Where the trace is published.
    pub(super) destination: Vec<u8>,
    /// The message is not delivered.
    pub(super) is_only: bool,
    /// Streams that take it.
    pub(super) pending: Option<Arc<PendingTrace>>,
    /// Which way between servers it came.
    hop: String,
    request: TraceRequest,
    hops: u32,
    steps: Vec<TraceStep>,
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl MessageTrace {
    pub(super) fn new(
        source: TraceSource<'_>,
        destination: String,
        (is_only, hop): (bool, String),
        (subject, size): (&[u8], usize),
        header: TraceHeaders,
    ) -> Self {
        let ingress = TraceStep::Ingress {
            ts: now(),
            kind: source.kind,
            cid: source.sink.cid(),
            name: source.name.to_owned(),
            acc: source.account.name().to_string(),
            subj: text(subject),
            error: String::new(),
        };
        Self {
            account: Arc::clone(source.account),
            destination: destination.into_bytes(),
            is_only,
            pending: None,
            hop,
            request: TraceRequest { header, size },
            hops: 0,
            steps: vec![ingress],
        }
    }

    /// Notes why the message goes no further.
    pub fn refused(&mut self, reason: &str) {
        if let Some(TraceStep::Ingress { error, .. }) = self.steps.first_mut() {
            reason.clone_into(error);
        }
    }

    /// Notes a mapping.
    pub fn mapped(&mut self, to: &[u8]) {
        self.steps.push(TraceStep::Mapping { ts: now(), to: text(to) });
    }

    pub(super) fn exported(&mut self, importer: &str, to: &[u8]) {
        self.steps.push(TraceStep::StreamExport { ts: now(), acc: importer.to_owned(), to: text(to) });
    }

    pub(super) fn crossed(&mut self, exporter: &str, from: &[u8], to: &[u8]) {
        let acc = exporter.to_owned();
        self.steps.push(TraceStep::ServiceImport { ts: now(), acc, from: text(from), to: text(to) });
    }

    /// Notes a delivery to a client, or why there was none.
    pub(super) fn sent(&mut self, sink: &ClientSink, subscription: &Subscription, error: &'static str) {
        let account = sink.account_name();
        let is_foreign = account != *self.account.name();
        self.steps.push(TraceStep::Egress {
            ts: now(),
            kind: CLIENT,
            cid: sink.cid(),
            name: sink.client_name(),
            hop: String::new(),
            acc: if is_foreign { account.to_string() } else { String::new() },
            sub: text(subscription.subject()),
            queue: text(subscription.queue_opt().unwrap_or_default()),
            error,
        });
    }

    /// Notes a delivery to another server.
    pub(super) fn sent_on(&mut self, link: &PeerLink, hop: String, error: &'static str) {
        self.steps.push(TraceStep::Egress {
            ts: now(),
            kind: link.kind(),
            cid: link.sink().cid(),
            name: link.name().to_owned(),
            hop,
            acc: String::new(),
            sub: String::new(),
            queue: String::new(),
            error,
        });
    }

    /// Number of servers it was sent on to.
    pub(super) fn hops(&self) -> u32 {
        self.hops
    }

    /// The way to one more server.
    pub(super) fn next_hop(&mut self) -> String {
        self.hops += 1;
        if self.hop.is_empty() { self.hops.to_string() } else { format!("{}.{}", self.hop, self.hops) }
    }

    /// Makes room for what a stream will say, and yields its place.
    pub(super) fn taken(&mut self, stream: &str) -> usize {
        self.steps.push(TraceStep::JetStream {
            ts: now(),
            stream: stream.to_owned(),
            subject: String::new(),
            nointerest: false,
            error: String::new(),
        });
        self.steps.len() - 1
    }

    /// Fills in what a stream said.
    pub(super) fn fill(&mut self, place: usize, outcome: JetStreamOutcome) {
        if let Some(TraceStep::JetStream { ts, subject, nointerest, error, .. }) = self.steps.get_mut(place) {
            *ts = Timestamp(outcome.at);
            *subject = outcome.subject;
            *nointerest = outcome.is_unwanted;
            *error = outcome.error;
        }
    }

    /// The event to publish, by the server that introduces itself so.
    #[must_use]
    pub fn event(&self, server: ServerStamp) -> Vec<u8> {
        let event = TraceEvent { server, request: self.request.clone(), hops: self.hops, events: self.steps.clone() };
        render(&event, Layout::Compact).unwrap_or_default()
    }

    /// A header of the traced message.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        troupe_codecs::system::trace::first(&self.request.header, name)
    }

    /// Where the trace is published, and in which account.
    #[must_use]
    pub fn destination(&self) -> (&Arc<AccountView>, &[u8]) {
        (&self.account, &self.destination)
    }
}
