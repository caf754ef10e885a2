//! What outlives the actor.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use troupe_codecs::report::Timestamp;
use troupe_codecs::system::ServerStamp;
use troupe_engine::account::RemoteConnections;
use troupe_engine::options::trust::AccountResolver;

use super::claims::{Claims, ClaimsRequest};
use super::lookup::Lookups;
use super::requests::{self, Keeping, Request};
use crate::profile::CpuProfiler;
use crate::report::Reporter;
use crate::router::local::SeatPlan;
use crate::router::{AccountView, Inbox, Subscription};

/// Bytes of requests that may wait. Beyond it they are dropped: whoever asks so much asks again.
const INBOX_BYTES: usize = 16 << 20;

/// JetStream is served, with copies of streams as one archive, and what replicates it may have an account of its own.
const JETSTREAM_FLAGS: u64 = 1 | 1 << 1 | 1 << 2;

/// The outcome of a reload: the reason where it was refused.
pub type Reloaded = Pin<Box<dyn Future<Output = Result<(), String>>>>;

/// What requests can make the server do.
pub trait ServerControl: Send + Sync {
    /// Reads the configuration again.
    fn reload(&self) -> Reloaded;

    /// Does what is asked with tokens of accounts.
    fn claims(&self, request: ClaimsRequest) -> Claims;
}

/// The services of the system account of one server.
pub struct SystemServices {
    pub(super) reporter: Arc<Reporter>,
    pub(super) account: Arc<AccountView>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) requests: Vec<Request>,
    pub(super) seats: SeatPlan,
    pub(super) control: Box<dyn ServerControl>,
    pub(super) lookups: Lookups,
    pub(super) cpu_profiler: CpuProfiler,
    /// What other servers tell.
    pub(super) remote: Mutex<RemoteConnections>,
    /// Number of what was said so far, traces included.
    seq: Arc<AtomicU64>,
}

impl fmt::Debug for SystemServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemServices").field("account", &self.account.name()).finish_non_exhaustive()
    }
}

impl SystemServices {
    /// Services in the system account `account`.
    #[must_use]
    pub fn new(
        reporter: Arc<Reporter>,
        account: Arc<AccountView>,
        seats: SeatPlan,
        control: Box<dyn ServerControl>,
    ) -> Arc<Self> {
        let inbox = Inbox::new(
            INBOX_BYTES,
            Box::new(|batch| tracing::warn!("{} requests to the system account were dropped", batch.len())),
        );
        let has_peers = reporter.services().options().cluster.is_enabled();
        let (requests, subjects) = {
            let short_name = troupe_engine::id::short_name(&reporter.services().info().server_name);
            requests::all((&reporter.server_id(), &short_name), keeping(&reporter), has_peers)
        };
        let entries = subjects.iter().zip(&requests).zip(0..).map(|((subject, request), tag)| {
            let queue = requests::queue(*request).as_bytes();
            Arc::new(Subscription::inside(Arc::clone(&inbox), subject.as_bytes(), queue, tag))
        });
        if let Err(cause) = reporter.services().router.subscribe_inside(&account, entries.collect()) {
            tracing::error!("{cause}");
        }
        let seq = Arc::new(AtomicU64::new(0));
        let (teller, told) = (Arc::clone(&reporter), Arc::clone(&seq));
        let introduction =
            move || ServerStamp { seq: told.fetch_add(1, Ordering::Relaxed) + 1, ..introduction(&teller) };
        reporter.services().router.introduce(Box::new(introduction));
        let (lookups, cpu_profiler, remote) = (Lookups::new(), CpuProfiler::default(), Mutex::default());
        Arc::new(Self { reporter, account, inbox, requests, seats, control, lookups, cpu_profiler, remote, seq })
    }

    /// What other servers know of an account, without end: the caller limits the time. `None` where none of them knows it.
    pub async fn look_up(&self, account: &str) -> Option<String> {
        self.lookups.look_up(account).await
    }

    /// Time between two looks at what other servers have, where this one keeps tokens.
    pub(super) fn claims_interval(&self) -> Option<Duration> {
        claims_interval(&self.reporter)
    }

    /// The server as it introduces itself, counting what it says.
    pub(super) fn stamp(&self) -> ServerStamp {
        ServerStamp { seq: self.seq.fetch_add(1, Ordering::Relaxed) + 1, ..self.introduction() }
    }

    /// The server as it introduces itself.
    pub(super) fn introduction(&self) -> ServerStamp {
        introduction(&self.reporter)
    }
}

fn introduction(reporter: &Reporter) -> ServerStamp {
    let services = reporter.services();
    let (info, options) = (services.info(), services.options());
    ServerStamp {
        name: info.server_name.clone(),
        host: info.host.clone(),
        id: info.server_id.clone(),
        cluster: info.cluster.clone().unwrap_or_default(),
        domain: info.domain.clone().unwrap_or_default(),
        ver: info.version.clone(),
        tags: options.server_tags.clone(),
        metadata: options.server_metadata.clone(),
        feature_flags: feature_flags(&options.feature_flags),
        jetstream: info.jetstream,
        flags: if info.jetstream { JETSTREAM_FLAGS } else { 0 },
        seq: 0,
        time: Timestamp(SystemTime::now()).to_string(),
    }
}

fn keeping(reporter: &Reporter) -> Keeping {
    let options = reporter.services().options();
    match options.trust.as_ref().map(|trust| &trust.resolver) {
        Some(AccountResolver::Full(_)) => Keeping::All,
        Some(AccountResolver::Cache(_)) => Keeping::Used,
        _ => Keeping::Known,
    }
}

fn claims_interval(reporter: &Reporter) -> Option<Duration> {
    Some(reporter.services().options().trust.as_ref()?.resolver.full()?.interval)
}

/// The known experiments, as they are configured.
fn feature_flags(configured: &std::collections::BTreeMap<String, bool>) -> std::collections::BTreeMap<String, bool> {
    const KNOWN: [(&str, bool); 4] = [
        ("js_ack_fc_v2", false),
        ("js_api_reply_v2", false),
        ("js_raft_delete_range", true),
        ("js_snapshot_sources", false),
    ];
    KNOWN
        .iter()
        .map(|(name, default)| ((*name).to_owned(), configured.get(*name).copied().unwrap_or(*default)))
        .collect()
}
