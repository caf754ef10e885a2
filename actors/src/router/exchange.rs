//! What an account has from other accounts, and has for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use rand::Rng;
use troupe_engine::account::{AccountLinks, ServiceImport, StreamImport};
use troupe_engine::options::TraceOptions;
use troupe_engine::subject::{DomainMappings, Mapped, Mappings};

use super::halves::{Halves, Measured};
use super::replies::Replies;
use super::{AccountView, Subscription};

/// A stream import and the account it is from.
#[derive(Clone, Debug)]
pub struct StreamLink {
    /// The import.
    pub import: Arc<StreamImport>,
    /// The exporting account.
    pub exporter: Arc<AccountView>,
}

/// How the server calls itself towards services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// Name of the server.
    pub server: String,
    /// Its short form.
    pub short: String,
    /// Name of its cluster.
    pub cluster: Option<String>,
    /// Name of the system account.
    pub system_account: Option<String>,
}

/// A service import with its two accounts: stands in the index of the importing one.
#[derive(Debug)]
pub struct ServiceLink {
    /// The import.
    pub import: Arc<ServiceImport>,
    /// The account that asks.
    pub importer: Arc<AccountView>,
    /// The account that answers.
    pub exporter: Arc<AccountView>,
    /// What the service may be told of this server.
    pub names: Arc<ServerNames>,
}

/// No subject is mapped.
const NONE: u8 = 0;
/// Only subjects that begin with a dollar sign may be.
const DOLLAR: u8 = 1;
/// Any may be.
const ANY: u8 = 2;

/// Where messages go instead.
#[derive(Debug, Default)]
struct Detours {
    own: Mappings,
    /// Cluster in which they are published.
    cluster: Option<String>,
    /// Subjects of the JetStream domain.
    domain: Option<Arc<DomainMappings>>,
}

/// The import side and the reply side of an account.
#[derive(Debug)]
pub struct Exchange {
    streams: ArcSwap<Vec<StreamLink>>,
    links: ArcSwap<AccountLinks>,
    detours: ArcSwap<Detours>,
    /// Which subjects may be mapped.
    mapped: AtomicU8,
    trace: ArcSwapOption<TraceOptions>,
    has_trace: AtomicBool,
    replies: Replies,
    /// Measurements that another server has the other half of.
    halves: Halves,
    /// Requests of other servers that those measure.
    measured: Measured,
    /// What stands in the index for service imports.
    services: Mutex<Vec<Arc<Subscription>>>,
    /// What stands in the index for the replies of services.
    reply_entry: Mutex<Option<Arc<Subscription>>>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            streams: ArcSwap::default(),
            links: ArcSwap::default(),
            detours: ArcSwap::default(),
            mapped: AtomicU8::new(NONE),
            trace: ArcSwapOption::empty(),
            has_trace: AtomicBool::new(false),
            replies: Replies::new(&mut rand::rng()),
            halves: Halves::default(),
            measured: Measured::default(),
            services: Mutex::default(),
            reply_entry: Mutex::default(),
        }
    }
}

impl Exchange {
    /// Streams it imports.
    #[must_use]
    pub fn streams(&self) -> Arc<Vec<StreamLink>> {
        self.streams.load_full()
    }

    pub(super) fn set_streams(&self, streams: Arc<Vec<StreamLink>>) {
        self.streams.store(streams);
    }

    /// Its exports and imports.
    #[must_use]
    pub fn links(&self) -> Arc<AccountLinks> {
        self.links.load_full()
    }

    /// Notes its exports and imports.
    pub fn set_links(&self, links: AccountLinks) {
        self.links.store(Arc::new(links));
    }

    /// How it spells the requests of the JetStream domain, where there is one.
    #[must_use]
    pub fn domain(&self) -> Option<Arc<DomainMappings>> {
        self.detours.load().domain.clone()
    }

    /// Replies of its services that are on their way back.
    #[must_use]
    pub fn replies(&self) -> &Replies {
        &self.replies
    }

    /// Measurements that another server has the other half of.
    #[must_use]
    pub fn halves(&self) -> &Halves {
        &self.halves
    }

    /// Requests of other servers that those measure, until they are answered here.
    #[must_use]
    #[inline]
    pub fn measured(&self) -> &Measured {
        &self.measured
    }

    /// Puts mappings in force for messages published in `cluster`, and behind them those of a JetStream domain.
    pub fn set_mappings(&self, own: Mappings, cluster: Option<String>, domain: Option<Arc<DomainMappings>>) {
        let mapped = match (own.is_empty(), &domain) {
            (true, None) => NONE,
            (true, Some(_)) => DOLLAR,
            (false, _) => ANY,
        };
        self.detours.store(Arc::new(Detours { own, cluster, domain }));
        self.mapped.store(mapped, Ordering::Relaxed);
    }

    /// Traces messages with a sampled trace context, where that is wanted.
    pub fn set_trace(&self, trace: Option<TraceOptions>) {
        self.has_trace.store(trace.is_some(), Ordering::Relaxed);
        self.trace.store(trace.map(Arc::new));
    }

    /// Whether messages with a trace context may be traced.
    #[must_use]
    #[inline]
    pub fn has_trace(&self) -> bool {
        self.has_trace.load(Ordering::Relaxed)
    }

    /// Where traces of messages with a trace context go.
    #[must_use]
    pub fn trace(&self) -> Option<Arc<TraceOptions>> {
        self.trace.load_full()
    }

    /// Where a message on `subject` goes; `None` where it stays. A message that is lost goes to the empty subject, which
    /// interests nobody.
    #[must_use]
    #[inline]
    pub fn mapped(&self, subject: &[u8]) -> Option<Vec<u8>> {
        match self.mapped.load(Ordering::Relaxed) {
            NONE => None,
            DOLLAR if subject.first() != Some(&b'$') => None,
            _ => self.map(subject),
        }
    }

    #[cold]
    fn map(&self, subject: &[u8]) -> Option<Vec<u8>> {
        let detours = self.detours.load();
        match detours.own.map(subject, detours.cluster.as_deref(), rand::rng().random_range(0..100)) {
            Mapped::Unchanged => detours.domain.as_ref()?.map(subject),
            Mapped::To(subject) => Some(subject),
            Mapped::Lost => Some(Vec::new()),
        }
    }

    /// Replaces what stands in the index for service imports; yields what stood there.
    #[must_use]
    pub fn replace_services(&self, services: Vec<Arc<Subscription>>) -> Vec<Arc<Subscription>> {
        std::mem::replace(&mut *self.services.lock(), services)
    }

    /// What stands in the index for replies, made at the first call.
    #[must_use]
    pub fn reply_entry(&self, account: &Arc<AccountView>) -> Arc<Subscription> {
        let mut entry = self.reply_entry.lock();
        let made = entry.get_or_insert_with(|| Arc::new(Subscription::replies(Arc::clone(account))));
        Arc::clone(made)
    }
}
