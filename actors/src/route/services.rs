//! What all routes of a server share.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use tokio::sync::Notify;
use troupe_engine::auth::CompiledPermissions;
use troupe_engine::options::cluster::MAX_ROUTE_PING_INTERVAL;
use troupe_engine::options::{Options, TimingOptions};
use troupe_engine::route::{ClusterName, NameVerdict, RouteTable};

use super::events::RouteEvents;
use super::pursuit::{Pursuit, Pursuits};
use super::registry::RouteRegistry;
use super::spread::Spread;
use super::{PeerCommand, Target};
use crate::auth::PasswordComparer;
use crate::connection::{CloseReason, Traffic};
use crate::metrics::{ConnectionKind, ServerCounters};
use crate::net::own_addresses;
use crate::net::tls::{Stapling, TlsClient, TlsConfigError, TlsServer};
use crate::router::local::SeatPlan;
use crate::router::{AccountView, Accounts, Pools, RouterHandle};
use crate::supervisor::{ArbiterSlot, ConnectionGroup, Faults};

/// Time a connection has to end when another one takes its place.
const REPLACING: Duration = Duration::from_secs(2);
/// Least time for what is said while a connection is opened, however short the pings of routes are: where machines are busy, what is given
/// up early is begun again, and makes them busier.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);

/// Both sides of TLS on routes.
pub struct RouteTls {
    /// For connections that come in.
    pub server: TlsServer,
    /// For connections that go out.
    pub client: TlsClient,
}

impl RouteTls {
    /// Reads the files of the `cluster` block. Beside both sides come warnings.
    ///
    /// # Errors
    /// A file is missing or wrong, or a name in the options is unknown.
    pub fn load(options: &Options) -> Result<Option<(Self, Vec<String>)>, TlsConfigError> {
        let Some(tls) = &options.cluster.tls else { return Ok(None) };
        let (server, warnings) = TlsServer::load(tls, &Stapling::of(options))?;
        if server.has_staples() {
            return Err(TlsConfigError::PeerStaples);
        }
        Ok(Some((Self { server, client: TlsClient::load(tls)? }, warnings)))
    }
}

/// What the rest of the server does with news of the cluster.
pub trait ClientAdvert: Send + Sync {
    /// Clients can reach the cluster at these addresses now; none beside this server while the list is empty.
    fn connect_urls(&self, urls: Vec<String>);
    /// The cluster has another name.
    fn cluster_name(&self, name: &str);
    /// Gives out the next connection id.
    fn next_id(&self) -> u64;
}

/// What the services are made of.
pub struct RouteParts {
    /// Id of this server.
    pub id: String,
    /// Name of this server.
    pub name: String,
    /// Version shown to others.
    pub version: String,
    /// What it is built with.
    pub go: String,
    /// Options in force.
    pub options: Arc<Options>,
    /// Name of the cluster.
    pub cluster: ClusterName,
    /// Port routes are listened on.
    pub port: u16,
    /// Where clients reach this server.
    pub client_urls: Vec<String>,
    /// Both sides of TLS.
    pub tls: Option<RouteTls>,
    /// Accounts and their published indexes.
    pub accounts: Arc<Accounts>,
    /// Door to the Router.
    pub router: RouterHandle,
    /// Counts connection actors.
    pub group: ConnectionGroup,
    /// Injected faults.
    pub faults: Faults,
    /// Arbiters that run connections; at least one.
    pub arbiters: Arc<[ArbiterSlot]>,
    /// Their publishers.
    pub seats: SeatPlan,
    /// Who is told of the cluster.
    pub advert: Arc<dyn ClientAdvert>,
    /// Events of the server, counted.
    pub counters: Arc<ServerCounters>,
}

/// Shared state of the route room, made once at boot.
pub struct RouteServices {
    pub(super) parts: RouteParts,
    pub(super) events: RouteEvents,
    pub(super) options: ArcSwap<Options>,
    cluster: Mutex<ClusterName>,
    pub(super) registry: Mutex<RouteRegistry>,
    pub(super) tls: ArcSwapOption<RouteTls>,
    pub(super) permissions: ArcSwapOption<CompiledPermissions>,
    pub(super) spread: Mutex<Spread>,
    /// A connection has ended.
    pub(super) ended: Notify,
    /// Compares passwords of other servers with hashes.
    pub(super) comparer: PasswordComparer,
    own_ips: Vec<IpAddr>,
    /// Held while clients are told where the cluster can be reached, so that the last word is the newest.
    advertising: Mutex<()>,
    pursuits: Mutex<Pursuits>,
    next_arbiter: AtomicUsize,
    is_closing: AtomicBool,
    is_lame_duck: AtomicBool,
}

impl fmt::Debug for RouteServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteServices").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl RouteServices {
    /// Services of a server in a cluster.
    #[must_use]
    pub fn new(mut parts: RouteParts) -> Self {
        let pools = pools(&parts.options);
        let table = RouteTable::new(pools.size, pools.pinned.clone());
        parts.router.peers().enable(Arc::clone(&parts.accounts), pools.clone());
        let tls = parts.tls.take().map(Arc::new);
        Self {
            events: RouteEvents::default(),
            options: ArcSwap::new(Arc::clone(&parts.options)),
            cluster: Mutex::new(parts.cluster.clone()),
            registry: Mutex::new(RouteRegistry::new(table)),
            tls: ArcSwapOption::new(tls),
            permissions: ArcSwapOption::new(compile(&parts.options)),
            spread: Mutex::new(Spread::new(pools.clone())),
            ended: Notify::new(),
            comparer: PasswordComparer::default(),
            own_ips: own_addresses(),
            advertising: Mutex::default(),
            pursuits: Mutex::default(),
            next_arbiter: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
            is_lame_duck: AtomicBool::new(false),
            parts,
        }
    }

    /// Options in force.
    #[must_use]
    pub fn options(&self) -> Arc<Options> {
        self.options.load_full()
    }

    /// Name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> ClusterName {
        self.cluster.lock().clone()
    }

    /// Port routes are listened on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.parts.port
    }

    /// Both sides of TLS.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<RouteTls>> {
        self.tls.load_full()
    }

    /// What may be taken from and told to other servers; all where there is none.
    #[must_use]
    pub fn permissions(&self) -> Option<Arc<CompiledPermissions>> {
        self.permissions.load_full()
    }

    /// Looks at, or changes, the connections.
    pub fn with_registry<T>(&self, look: impl FnOnce(&mut RouteRegistry) -> T) -> T {
        look(&mut self.registry.lock())
    }

    /// Pings and deadlines of routes.
    #[must_use]
    pub fn timing(&self) -> TimingOptions {
        let options = self.options.load();
        let (server, own) = (&options.timing, &options.cluster);
        TimingOptions {
            ping_interval: own.ping_interval.unwrap_or(server.ping_interval).min(MAX_ROUTE_PING_INTERVAL),
            max_pings_out: own.max_pings_out.unwrap_or(server.max_pings_out),
            write_deadline: own.write_deadline.unwrap_or(server.write_deadline),
            write_timeout: own.write_timeout,
            ..server.clone()
        }
    }

    /// Time the other server has for each thing it says while a connection is opened.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let timing = self.timing();
        timing.ping_interval.saturating_mul(timing.max_pings_out.saturating_add(1)).max(LEAST_PATIENCE)
    }

    /// Time it has for CONNECT, and whether that is because it has to log in.
    pub(super) fn login_patience(&self) -> (Duration, bool) {
        let options = self.options.load();
        match options.cluster.username {
            Some(_) => (options.cluster.auth_timeout(), true),
            None => (self.patience(), false),
        }
    }

    /// What is held while a connection to `target` is opened.
    pub(super) fn pursue(&self, target: &Target) -> Arc<Pursuit> {
        self.pursuits.lock().begin(target)
    }

    /// What is held by those that are opening a connection to `target`.
    pub(super) fn pursuit_of(&self, target: &Target) -> Option<Arc<Pursuit>> {
        self.pursuits.lock().of(target)
    }

    /// Number of the arbiter for the next connection.
    pub(super) fn next_arbiter(&self) -> usize {
        self.next_arbiter.fetch_add(1, Ordering::Relaxed) % self.parts.arbiters.len()
    }

    /// Whether an address is this server's own route listener.
    pub(super) fn is_own(&self, ip: IpAddr, port: u16) -> bool {
        port == self.parts.port && self.own_ips.contains(&ip)
    }

    /// Compares the cluster's name with that of the server `remote_id`; takes it over where it counts more, and closes the routes to
    /// all other servers then. False when the connection has to close.
    pub(super) fn meet_name(&self, other: &ClusterName, remote_id: &str) -> bool {
        let mut own = self.cluster.lock();
        match own.meet(other) {
            NameVerdict::Same => return true,
            NameVerdict::Conflict => return false,
            NameVerdict::Adopt(name) => *own = name,
        }
        let name = own.name.clone();
        drop(own);
        self.parts.advert.cluster_name(&name);
        self.close_where(CloseReason::ClusterNameConflict, |member| member.remote_id != remote_id);
        true
    }

    /// Closes the connections that `is_meant`.
    pub fn close_where(
        &self,
        reason: CloseReason,
        mut is_meant: impl FnMut(&troupe_engine::route::Member) -> bool,
    ) -> usize {
        let mut all = self.registry.lock().all();
        all.retain(|(member, _)| is_meant(member));
        all.iter().for_each(|(_, entry)| entry.sink.close_after_flush(reason));
        all.len()
    }

    /// Ends a connection that has lost its place, and waits until nothing that came over it is under way: it is older than
    /// what will come over the next one.
    pub(super) async fn end_replaced(&self, rid: u64) {
        let Some(sink) = self.with_registry(|registry| registry.get(rid).map(|entry| Arc::clone(&entry.sink))) else {
            return;
        };
        sink.close(CloseReason::DuplicateRoute);
        let ended = async {
            let mut ended = pin!(self.ended.notified());
            loop {
                ended.as_mut().enable();
                if self.with_registry(|registry| registry.get(rid).is_none()) {
                    return;
                }
                ended.as_mut().await;
                ended.set(self.ended.notified());
            }
        };
        if tokio::time::timeout(REPLACING, ended).await.is_err() {
            tracing::error!("the connection rid:{rid} has not ended in time");
        }
    }

    /// Tells all connections.
    pub fn tell_all(&self, command: &PeerCommand) {
        let all = self.with_registry(|registry| registry.all());
        for (_, entry) in all {
            if let Some(address) = entry.address {
                address.do_send(command.clone());
            }
        }
    }

    /// Where clients reach the other servers.
    #[must_use]
    pub fn other_urls(&self) -> Vec<String> {
        let mut urls = Vec::new();
        let registry = self.registry.lock();
        for url in registry.table.members().flat_map(|member| member.connect_urls.iter()) {
            if !urls.contains(url) {
                urls.push(url.clone());
            }
        }
        urls
    }

    /// Tells clients where the cluster can be reached.
    pub(super) fn advertise(&self) {
        if self.options.load().cluster.no_advertise {
            return;
        }
        let _last_word = self.advertising.lock();
        let mut urls = self.other_urls();
        if !urls.is_empty() {
            let own = self.parts.client_urls.iter().filter(|_| !self.is_lame_duck());
            urls.splice(0..0, own.cloned());
        }
        self.parts.advert.connect_urls(urls);
    }

    /// Opens no more connections and lets no more in.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    /// Whether the server is going down.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Notes that the server enters lame duck mode.
    pub fn enter_lame_duck(&self) {
        self.is_lame_duck.store(true, Ordering::Release);
    }

    /// Whether the server is in lame duck mode.
    #[must_use]
    pub fn is_lame_duck(&self) -> bool {
        self.is_lame_duck.load(Ordering::Acquire)
    }

    /// Number of connections to other servers.
    #[must_use]
    pub fn num_routes(&self) -> usize {
        self.registry.lock().table.members().count()
    }

    /// Connections, servers behind them, and what all moved so far.
    #[must_use]
    pub fn totals(&self) -> (usize, usize, Traffic) {
        let registry = self.registry.lock();
        (registry.table.members().count(), registry.table.num_remotes(), registry.traffic())
    }

    /// Accounts and their published indexes.
    #[must_use]
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.parts.accounts
    }

    /// The account of this name. With operators it may not be known here yet: what the other server says of it counts from
    /// then on.
    pub(super) fn account_of(&self, name: &str) -> Option<Arc<AccountView>> {
        let accounts = &self.parts.accounts;
        let may_come = || {
            let is_key = name.starts_with('A') && nkeys::from_public_key(name).is_ok();
            is_key && self.options().trust.is_some()
        };
        accounts.get(name).or_else(|| may_come().then(|| accounts.foresee(name)).flatten())
    }

    /// Counts why a connection ended.
    pub(super) fn count_end(&self, reason: Option<CloseReason>) {
        let counters = &self.parts.counters;
        match reason {
            Some(CloseReason::SlowConsumerPendingBytes | CloseReason::SlowConsumerWriteDeadline) => {
                counters.slow_consumers.count(ConnectionKind::Route);
            }
            Some(CloseReason::StaleConnection) => counters.stale_connections.count(ConnectionKind::Route),
            _ => {}
        }
    }
}

/// How accounts are spread: the system account has a connection of its own wherever there are pools.
pub(super) fn pools(options: &Options) -> Pools {
    let cluster = &options.cluster;
    let mut pinned = cluster.pinned_accounts.clone();
    if let Some(system) = options.system_account_name().filter(|_| cluster.pool_size > 0)
        && !pinned.iter().any(|account| account == system)
    {
        pinned.push(system.to_owned());
    }
    Pools { size: cluster.pool_size, pinned }
}

pub(super) fn compile(options: &Options) -> Option<Arc<CompiledPermissions>> {
    options.cluster.permissions.as_ref().map(|permissions| Arc::new(CompiledPermissions::compile(permissions)))
}
