//! Replies of services to other accounts.
//!
//! A request that crosses into the exporting account gets a reply subject there that only this table understands. What is
//! published on it goes back to the requester's account on the subject the requester gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ahash::AHashMap;
use parking_lot::Mutex;
use rand::Rng;
use troupe_engine::account::ServiceImport;
use troupe_engine::options::{DEFAULT_RESPONSE_THRESHOLD, ResponseType};

use super::AccountView;
use super::latency::Measurement;

/// Prefix of all reply subjects of services.
pub(super) const PREFIX: &[u8] = b"_R_.";
/// Letters of a random token.
const TOKEN: usize = 6;
const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Replies one account waits for; beyond it requests find nobody.
const MAX_PENDING: usize = 1 << 20;

/// A reply that is waited for.
#[derive(Debug)]
pub struct Response {
    /// Subject the service replies to.
    pub reply: Box<[u8]>,
    /// Account of the requester.
    pub requester: Arc<AccountView>,
    /// Subject the requester listens on.
    pub to: Box<[u8]>,
    /// The import the request came through.
    pub import: Arc<ServiceImport>,
    /// Measurement, where the request was chosen for one.
    pub measurement: Option<Box<Measurement>>,
    /// Message traces of other servers come back, any number of them.
    is_trace: bool,
    since: Mutex<Instant>,
}

impl Response {
    /// Whether there is one reply only.
    #[must_use]
    pub fn is_single(&self) -> bool {
        !self.is_trace && self.import.response() == ResponseType::Singleton
    }

    /// Starts its time anew.
    pub(super) fn touch(&self, now: Instant) {
        *self.since.lock() = now;
    }

    fn is_overdue(&self, now: Instant) -> bool {
        let threshold = self.import.export.as_ref().map_or(DEFAULT_RESPONSE_THRESHOLD, |export| export.threshold);
        now.saturating_duration_since(*self.since.lock()) >= threshold
    }
}

/// What a reply is waited for with.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) requester: &'a Arc<AccountView>,
    pub(super) to: &'a [u8],
    pub(super) import: &'a Arc<ServiceImport>,
    pub(super) measurement: Option<Box<Measurement>>,
    pub(super) is_trace: bool,
}

/// The replies that one account's services owe.
#[derive(Debug)]
pub struct Replies {
    prefix: Box<[u8]>,
    pending: Mutex<AHashMap<Box<[u8]>, Arc<Response>>>,
    num_pending: AtomicUsize,
}

impl Replies {
    pub(super) fn new(random: &mut impl Rng) -> Self {
        let mut prefix = PREFIX.to_vec();
        push_token(&mut prefix, random);
        prefix.push(b'.');
        Self { prefix: prefix.into(), pending: Mutex::default(), num_pending: AtomicUsize::new(0) }
    }

    /// The pattern that takes all of them.
    #[must_use]
    pub fn pattern(&self) -> Vec<u8> {
        [&self.prefix, &b">"[..]].concat()
    }

    /// Whether a subject is one of theirs.
    #[must_use]
    pub fn owns(&self, subject: &[u8]) -> bool {
        subject.starts_with(&self.prefix)
    }

    /// Replies that are waited for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.num_pending.load(Ordering::Relaxed)
    }

    /// Whether none is waited for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for a reply; `None` when too many are waited for. Measured ones tell by their subject who measures.
    pub(super) fn open(&self, request: Request<'_>, now: Instant) -> Option<Arc<Response>> {
        let mut reply = self.prefix.to_vec();
        push_token(&mut reply, &mut rand::rng());
        if let Some(measurement) = &request.measurement {
            reply.extend_from_slice(measurement.suffix().as_bytes());
        }
        let reply: Box<[u8]> = reply.into();
        let response = Arc::new(Response {
            reply: reply.clone(),
            requester: Arc::clone(request.requester),
            to: request.to.into(),
            import: Arc::clone(request.import),
            measurement: request.measurement,
            is_trace: request.is_trace,
            since: Mutex::new(now),
        });
        let mut pending = self.pending.lock();
        if pending.len() >= MAX_PENDING {
            return None;
        }
        pending.insert(reply, Arc::clone(&response));
        self.num_pending.store(pending.len(), Ordering::Relaxed);
        Some(response)
    }

    /// The reply that `subject` is for.
    pub(super) fn get(&self, subject: &[u8]) -> Option<Arc<Response>> {
        self.pending.lock().get(subject).cloned()
    }

    /// Whether a measured reply on `subject` is waited for.
    #[must_use]
    pub fn is_measured(&self, subject: &[u8]) -> bool {
        self.pending.lock().get(subject).is_some_and(|response| response.measurement.is_some())
    }

    /// Waits for a reply no longer. False when nobody waited.
    pub(super) fn close(&self, subject: &[u8]) -> bool {
        let mut pending = self.pending.lock();
        let was_there = pending.remove(subject).is_some();
        self.num_pending.store(pending.len(), Ordering::Relaxed);
        was_there
    }

    /// Gives up on replies that are overdue, or for which `is_lost` says that nobody listens any more.
    pub fn give_up(&self, now: Instant, is_lost: impl Fn(&Response) -> bool) -> Vec<(Arc<Response>, GivenUp)> {
        // Looked through without the lock: services go on meanwhile.
        let all: Vec<_> = self.pending.lock().values().cloned().collect();
        let judged = all.into_iter().filter_map(|response| {
            if response.is_overdue(now) {
                return Some((response, GivenUp::Overdue));
            }
            is_lost(&response).then_some((response, GivenUp::Lost))
        });
        judged.filter(|(response, _)| self.close(&response.reply)).collect()
    }
}

/// Why a reply is not waited for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// Its time is over.
    Overdue,
    /// The requester listens no more.
    Lost,
}

fn push_token(out: &mut Vec<u8>, random: &mut impl Rng) {
    out.extend((0..TOKEN).map(|_| LETTERS[random.random_range(0..LETTERS.len())]));
}
