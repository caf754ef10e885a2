//! What all reports share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use thiserror::Error;
use troupe_codecs::report::Timestamp;

use super::Sources;
use super::actorz::DepthReader;
use super::usage::UsageMeter;
use crate::client::ClientServices;
use crate::metrics::LatencySnapshot;
use crate::supervisor::Board;

/// Why there is no report. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReportError {
    /// No order of this name.
    #[error("invalid sorting option: {0}")]
    UnknownSort(String),
    /// An order that open connections do not have.
    #[error("sort by {0} only valid on closed connections")]
    ClosedOnly(String),
    /// A subject filter without an account.
    #[error("filter by subject only valid with account filtering")]
    FilterWithoutAccount,
    /// No account of this name.
    #[error("Account {0} does not exist")]
    UnknownAccount(String),
    /// Only the leader of the meta group was to answer.
    #[error("filtered response: not leader")]
    NotLeader,
    /// There are no replication groups.
    #[error("No Raft nodes registered")]
    NoGroups,
    /// A subsystem has no answer. Holds its words.
    #[error("{0}")]
    Subsystem(String),
    /// The test subject has wildcards or is no subject.
    #[error("invalid test subject, must be valid publish subject: {0}")]
    InvalidTestSubject(String),
}

/// What does not change while the server runs.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// When the server started.
    pub start: SystemTime,
    /// Threads that connections are spread over.
    pub num_arbiters: usize,
}

/// Collects reports. Shared by the monitor and the system account's services.
pub struct Reporter {
    pub(super) services: Arc<ClientServices>,
    pub(super) board: Board,
    pub(super) facts: ServerFacts,
    pub(super) usage: UsageMeter,
    sources: Sources,
    config_loaded: ArcSwap<SystemTime>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) queues: Mutex<Vec<(String, DepthReader)>>,
    is_ready: AtomicBool,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Reporter {
    /// A reporter of the server whose clients `services` are.
    #[must_use]
    pub fn new(services: Arc<ClientServices>, board: Board, facts: ServerFacts) -> Self {
        Self {
            services,
            board,
            usage: UsageMeter::default(),
            sources: Sources::default(),
            config_loaded: ArcSwap::from_pointee(facts.start),
            requests: Mutex::default(),
            queues: Mutex::default(),
            is_ready: AtomicBool::new(false),
            facts,
        }
    }

    /// Where subsystems register themselves and are asked.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// What all client connections share.
    #[must_use]
    pub fn services(&self) -> &Arc<ClientServices> {
        &self.services
    }

    /// The state of all actors.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Id of the server.
    #[must_use]
    pub fn server_id(&self) -> String {
        self.services.info().server_id.clone()
    }

    /// Notes that other options are in force.
    pub fn note_reload(&self, at: SystemTime) {
        self.config_loaded.store(Arc::new(at));
    }

    /// When the server started, in seconds since 1970.
    #[must_use]
    pub fn start_seconds(&self) -> f64 {
        self.facts.start.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    /// How long actors take to answer a ping, by kind.
    #[must_use]
    pub fn mailbox_latencies(&self) -> Vec<(&'static str, LatencySnapshot)> {
        self.board.latencies()
    }

    /// When the configuration in force was read.
    pub(super) fn config_load_time(&self) -> Timestamp {
        Timestamp(**self.config_loaded.load())
    }

    /// Notes that every listener takes connections.
    pub fn note_ready(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Counts a request to the monitor.
    pub fn count_request(&self, path: &'static str) {
        *self.requests.lock().entry(path).or_default() += 1;
    }

    /// Requests to the monitor by path.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.requests.lock().clone()
    }
}

/// Where a page of a list begins, and how many fit on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
}

impl Page {
    /// A page as asked for: nothing below zero, and `default` entries where none or fewer are asked for.
    pub(super) fn new(offset: i64, limit: i64, default: usize) -> Self {
        let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(default);
        Self { offset: usize::try_from(offset).unwrap_or(0), limit }
    }

    /// Whether entry number `number` is on it.
    pub(super) fn holds(self, number: usize) -> bool {
        number >= self.offset && number - self.offset < self.limit
    }

    /// The entries of `all` that are on it.
    pub(super) fn cut<T>(self, all: Vec<T>) -> impl Iterator<Item = T> {
        all.into_iter().skip(self.offset).take(self.limit)
    }
}
