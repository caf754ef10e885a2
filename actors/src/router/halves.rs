//! Measurements of services that are asked on one server and answered on another: each of them has a half.
//!
//! The requester's server knows how long all of it took, the responder's how long the service took and who answered. That one
//! tells the other over the system account; which server it is stands in the subject of the reply.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ahash::AHashMap;
use parking_lot::Mutex;
use troupe_codecs::report::{Layout, Timestamp, render};
use troupe_codecs::system::ServiceLatency;
use troupe_codecs::system::event::{EventHead, MeasuredService, RemoteLatency};

use super::latency::Metric;
use super::replies::PREFIX;
use super::{AccountView, ClientSink};

/// How the reply subject of a measured request ends.
const MEASURED: &[u8] = b".T";
/// Most halves, and most requests, that an account waits with; more are not measured.
const MAX_WAITING: usize = 16 * 1024;
/// Time after which nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the server that sends a request with this reply subject measures it.
#[must_use]
#[inline]
pub fn is_measured(reply: &[u8]) -> bool {
    reply.ends_with(MEASURED) && reply.starts_with(PREFIX)
}

/// One half of a measurement.
#[derive(Debug)]
pub enum Half {
    /// This server's.
    Ours {
        /// Where measurements are published.
        subject: String,
        /// What this server knows.
        latency: Box<ServiceLatency>,
    },
    /// The other server's.
    Theirs(Box<MeasuredService>),
}

type BySubject<T> = AHashMap<Box<[u8]>, (Instant, T)>;

/// What waits by subject, with the time since when.
#[derive(Debug)]
struct Waiting<T> {
    all: Mutex<BySubject<T>>,
    count: AtomicUsize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { all: Mutex::default(), count: AtomicUsize::new(0) }
    }
}

impl<T> Waiting<T> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn insert(&self, subject: &[u8], now: Instant, one: T) {
        let mut all = self.all.lock();
        if all.len() < MAX_WAITING {
            all.insert(subject.into(), (now, one));
        }
        self.count.store(all.len(), Ordering::Relaxed);
    }

    fn take(&self, subject: &[u8]) -> Option<T> {
        let mut all = self.all.lock();
        let (_, one) = all.remove(subject)?;
        self.count.store(all.len(), Ordering::Relaxed);
        Some(one)
    }

    fn forget_old(&self, now: Instant) {
        if self.is_empty() {
            return;
        }
        let mut all = self.all.lock();
        all.retain(|_, (since, _)| now.saturating_duration_since(*since) < PATIENCE);
        self.count.store(all.len(), Ordering::Relaxed);
    }
}

/// Halves that wait for the other one, by the subject of the reply.
#[derive(Debug, Default)]
pub struct Halves {
    waiting: Waiting<Half>,
}

impl Halves {
    /// Yields the measurement where its other half is there; else `half` waits for that.
    pub fn meet(&self, reply: &[u8], half: Half, now: Instant) -> Option<Metric> {
        // Both may come at the same moment, on two threads.
        let mut all = self.waiting.all.lock();
        let other = all.remove(reply).map(|(_, other)| other);
        let both = match (other, half) {
            (Some(Half::Ours { subject, latency }), Half::Theirs(theirs))
            | (Some(Half::Theirs(theirs)), Half::Ours { subject, latency }) => Some((subject, latency, theirs)),
            (_, half) => {
                if all.len() < MAX_WAITING {
                    all.insert(reply.into(), (now, half));
                }
                None
            }
        };
        self.waiting.count.store(all.len(), Ordering::Relaxed);
        drop(all);
        let (subject, latency, theirs) = both?;
        Some((subject, render(&merged(*latency, *theirs), Layout::Compact).unwrap_or_default()))
    }

    /// Whether one waits for the other one.
    #[must_use]
    pub fn has(&self, reply: &[u8]) -> bool {
        self.waiting.all.lock().contains_key(reply)
    }

    /// Forgets those whose other half does not come.
    pub fn forget_old(&self, now: Instant) {
        self.waiting.forget_old(now);
    }
}

/// The time of the service is theirs; what is left of that which was measured here is the servers'.
fn merged(ours: ServiceLatency, theirs: MeasuredService) -> ServiceLatency {
    let service = Duration::from_nanos(u64::try_from(theirs.service).unwrap_or(0));
    let rtt = Duration::from_nanos(theirs.responder.as_ref().map_or(0, |responder| responder.rtt));
    let system = ours.service.saturating_sub(service + rtt);
    ServiceLatency { responder: theirs.responder, service, system, ..ours }
}

/// A request of another server, which measures it.
#[derive(Debug)]
pub struct Asked {
    since: Instant,
    clock: SystemTime,
    system: Arc<AccountView>,
    server: String,
    cluster: String,
}

impl Asked {
    /// It has come just now. `system` is where its server is told, `server` and `cluster` who tells.
    #[must_use]
    pub fn now(system: Arc<AccountView>, server: String, cluster: String) -> Self {
        Self { since: Instant::now(), clock: SystemTime::now(), system, server, cluster }
    }

    /// Where its server is told.
    pub(super) fn system(&self) -> &Arc<AccountView> {
        &self.system
    }

    /// What its server is told: `responder` has answered on the subject.
    pub(super) fn answered(&self, (account, reply): (&AccountView, &[u8]), responder: &ClientSink) -> Option<Metric> {
        let reply = std::str::from_utf8(reply).ok()?;
        let asking = reply.rsplit('.').nth(1)?;
        let mut info = responder.client_info(account.name(), true);
        info.server.clone_from(&self.server);
        info.cluster.clone_from(&self.cluster);
        let (took, rtt) = (self.since.elapsed(), Duration::from_nanos(info.rtt));
        let service = took.saturating_sub(rtt);
        let head = EventHead { kind: "", id: String::new(), timestamp: Timestamp(SystemTime::now()) };
        let m2 = ServiceLatency {
            head,
            status: 200,
            description: "",
            requestor: None,
            responder: Some(info),
            header: Default::default(),
            start: Timestamp(self.clock),
            service,
            system: Duration::ZERO,
            total: service + rtt,
        };
        let told = RemoteLatency { account: account.name(), req_id: reply, m2 };
        Some((measured_subject(asking), render(&told, Layout::Compact).unwrap_or_default()))
    }
}

/// Where the server with this short name is told of requests that it measures.
#[must_use]
pub fn measured_subject(short_name: &str) -> String {
    format!("$SYS.LATENCY.M2.{short_name}")
}

/// Requests of other servers that those measure, by the subject of the reply.
#[derive(Debug, Default)]
pub struct Measured {
    waiting: Waiting<Asked>,
}

impl Measured {
    /// Whether there is none.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A request has come.
    pub fn begin(&self, reply: &[u8], asked: Asked) {
        self.waiting.insert(reply, asked.since, asked);
    }

    /// A request is answered: one reply counts.
    pub(super) fn take(&self, reply: &[u8]) -> Option<Asked> {
        if is_measured(reply) { self.waiting.take(reply) } else { None }
    }

    /// Forgets those that nobody answers.
    pub fn forget_old(&self, now: Instant) {
        self.waiting.forget_old(now);
    }
}

#[cfg(test)]
mod tests {
    use troupe_codecs::system::ClientInfo;

    use super::*;

    const REPLY: &[u8] = b"_R_.abcdef.ghijkl.ABCDEFGH.T";

    fn ours() -> Half {
        let latency = ServiceLatency {
            head: EventHead { kind: "", id: String::new(), timestamp: Timestamp(SystemTime::UNIX_EPOCH) },
            status: 200,
            description: "",
            requestor: None,
            responder: None,
            header: Default::default(),
            start: Timestamp(SystemTime::UNIX_EPOCH),
            service: Duration::from_nanos(100),
            system: Duration::ZERO,
            total: Duration::from_nanos(130),
        };
        Half::Ours { subject: "results".to_owned(), latency: Box::new(latency) }
    }

    fn theirs(service: i64) -> Half {
        let responder = Some(ClientInfo { rtt: 20, ..ClientInfo::default() });
        Half::Theirs(Box::new(MeasuredService { responder, service }))
    }

    #[test]
    fn halves_meet_in_any_order() {
        let now = Instant::now();
        for is_ours_first in [true, false] {
            let halves = Halves::default();
            let (first, second) = if is_ours_first { (ours(), theirs(50)) } else { (theirs(50), ours()) };
            assert!(halves.meet(REPLY, first, now).is_none());
            assert!(halves.has(REPLY));
            let (subject, metric) = halves.meet(REPLY, second, now).expect("both are there");
            let metric: serde_json::Value = serde_json::from_slice(&metric).expect("JSON");
            assert_eq!(subject, "results");
            assert_eq!(
                (&metric["service"], &metric["system"], &metric["total"]),
                (&50.into(), &30.into(), &130.into())
            );
            assert_eq!(metric["responder"]["rtt"], 20);
            assert!(!halves.has(REPLY));
        }
    }

    #[test]
    fn times_below_zero_are_none() {
        let halves = Halves::default();
        halves.meet(REPLY, ours(), Instant::now());
        let (_, metric) = halves.meet(REPLY, theirs(-5), Instant::now()).expect("both are there");
        let metric: serde_json::Value = serde_json::from_slice(&metric).expect("JSON");
        assert_eq!((&metric["service"], &metric["system"]), (&0.into(), &80.into()));
    }

    #[test]
    fn nobody_waits_for_ever_nor_in_any_number() {
        let (halves, now) = (Halves::default(), Instant::now());
        for number in 0..=MAX_WAITING {
            halves.meet(number.to_string().as_bytes(), theirs(1), now);
        }
        assert_eq!(halves.waiting.all.lock().len(), MAX_WAITING);
        halves.forget_old(now + PATIENCE - Duration::from_secs(1));
        assert!(halves.has(b"0"));
        halves.forget_old(now + PATIENCE);
        assert!(halves.waiting.is_empty());
    }

    #[test]
    fn measured_requests_are_told_by_their_reply() {
        assert!(is_measured(REPLY));
        assert!(!is_measured(b"_R_.abcdef.ghijkl"));
        assert!(!is_measured(b"_INBOX.T"));
    }
}
