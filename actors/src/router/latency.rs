//! Measurements of services.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rand::Rng;
use troupe_codecs::report::{Layout, Timestamp, render};
use troupe_codecs::system::event::{EventHead, LATENCY};
use troupe_codecs::system::{ClientInfo, ServiceLatency};
use troupe_engine::account::latency::{Headers, chosen as is_chosen};
use troupe_engine::id::nuid;

use super::ClientSink;
use super::exchange::{ServerNames, ServiceLink};
use super::halves::Half;

/// A subject and what is published on it.
pub type Metric = (String, Vec<u8>);

/// A request that is measured.
#[derive(Debug)]
pub struct Measurement {
    subject: String,
    headers: Headers,
    requester: Option<Arc<ClientSink>>,
    importer: Arc<str>,
    is_shared: bool,
    names: Arc<ServerNames>,
    start: Instant,
    clock: SystemTime,
    is_taken: AtomicBool,
}

/// The measurement of a request, where it is chosen for one.
pub(super) fn chosen(
    link: &ServiceLink,
    requester: Option<&Arc<ClientSink>>,
    headers: &[u8],
) -> Option<Box<Measurement>> {
    let latency = link.import.export.as_ref()?.latency.as_ref()?;
    let headers = is_chosen(latency.sampling, rand::rng().random_range(0..100), headers)?;
    Some(Box::new(Measurement {
        subject: latency.subject.clone(),
        headers,
        requester: requester.cloned(),
        importer: Arc::clone(link.importer.name()),
        is_shared: link.import.share,
        names: Arc::clone(&link.names),
        start: Instant::now(),
        clock: SystemTime::now(),
        is_taken: AtomicBool::new(false),
    }))
}

impl Measurement {
    /// Claims the result: one reply is measured.
    pub(super) fn taken(&self) -> Option<&Self> {
        (!self.is_taken.swap(true, Ordering::Relaxed)).then_some(self)
    }

    /// Whether no reply was measured.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_taken.load(Ordering::Relaxed)
    }

    /// A request without a reply subject.
    pub(super) fn bad_request(&self) -> Metric {
        self.failed(400, "Bad Request")
    }

    /// A service that nobody offers.
    pub(super) fn no_service(&self) -> Metric {
        self.failed(503, "Service Unavailable")
    }

    /// A requester that listens no more.
    #[must_use]
    pub fn lost(&self) -> Metric {
        self.failed(408, "Request Timeout")
    }

    /// A service that took too long.
    #[must_use]
    pub fn overdue(&self) -> Metric {
        self.failed(504, "Service Timeout")
    }

    /// What stands behind the reply subject of the request: a server that answers finds out by it whom to tell its half.
    pub(super) fn suffix(&self) -> String {
        format!(".{}.T", self.names.short)
    }

    /// A reply from `responder`.
    pub(super) fn done(&self, responder: Option<&Arc<ClientSink>>) -> Metric {
        self.metric(&self.measured(responder))
    }

    /// A reply from another server, which has the other half.
    pub(super) fn half(&self) -> Half {
        Half::Ours { subject: self.subject.clone(), latency: Box::new(self.measured(None)) }
    }

    fn measured(&self, responder: Option<&Arc<ClientSink>>) -> ServiceLatency {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.start);
        let responder = responder.map(|sink| {
            let account = sink.account_name();
            self.named(sink.client_info(&account, true), true)
        });
        let requester = self.requester();
        let rtt = |info: &Option<ClientInfo>| Duration::from_nanos(info.as_ref().map_or(0, |info| info.rtt));
        let (responder_rtt, requester_rtt) = (rtt(&responder), rtt(&requester));
        let system = if responder_rtt.is_zero() { Duration::ZERO } else { now.elapsed() };
        ServiceLatency {
            responder,
            service: took.saturating_sub(responder_rtt),
            system,
            total: requester_rtt + took + system,
            ..self.base(200, "", requester)
        }
    }

    fn failed(&self, status: u16, description: &'static str) -> Metric {
        self.metric(&self.base(status, description, self.requester()))
    }

    fn metric(&self, latency: &ServiceLatency) -> Metric {
        (self.subject.clone(), render(latency, Layout::Compact).unwrap_or_default())
    }

    fn requester(&self) -> Option<ClientInfo> {
        let sink = self.requester.as_ref()?;
        Some(self.named(sink.client_info(&self.importer, self.is_shared), self.is_shared))
    }

    fn named(&self, mut info: ClientInfo, is_detailed: bool) -> ClientInfo {
        if is_detailed {
            info.server.clone_from(&self.names.server);
            info.cluster = self.names.cluster.clone().unwrap_or_default();
        }
        info
    }

    fn base(&self, status: u16, description: &'static str, requestor: Option<ClientInfo>) -> ServiceLatency {
        let rtt = Duration::from_nanos(requestor.as_ref().map_or(0, |info| info.rtt));
        ServiceLatency {
            head: EventHead { kind: LATENCY, id: nuid(), timestamp: Timestamp(SystemTime::now()) },
            status,
            description,
            requestor,
            responder: None,
            header: self.headers.clone(),
            start: Timestamp(self.clock - rtt),
            service: Duration::ZERO,
            system: Duration::ZERO,
            total: Duration::ZERO,
        }
    }
}
