//! What all client connections of a server share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use troupe_codecs::client::ServerInfo;
use troupe_engine::options::Options;

use super::Registry;
use super::events::ClientEvents;
use super::messages::ClientCommand;
use super::registry::{Entry, Place};
use super::usage::Users;
use crate::auth::{AccountDesk, Authenticator, CalloutDesk};
use crate::connection::{CloseReason, ClosedConnection, ClosedRing};
use crate::metrics::{ConnectionKind, ServerCounters};
use crate::net::tls::{ConnectionRateLimit, OcspCache, TlsAcceptorHandle};
use crate::router::{AccountView, Accounts, RouterHandle};
use crate::supervisor::{ConnectionGroup, Faults};

/// Who this server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Public nkey, 56 characters.
    pub id: String,
    /// Configured name, or the id.
    pub name: String,
    /// Public curve key.
    pub xkey: String,
}

/// Shared state of the client room, made once at boot.
#[derive(Debug)]
pub struct ClientServices {
    /// Accounts and their published indexes.
    pub accounts: Arc<Accounts>,
    /// Door to the Router.
    pub router: RouterHandle,
    /// Connections by id.
    pub registry: Registry,
    /// The last connections that ended, of every kind the monitor lists.
    pub closed: Arc<ClosedRing>,
    /// Users with limits that their connections share.
    pub users: Users,
    /// What happens to clients.
    pub events: ClientEvents,
    /// Events of the server.
    pub counters: Arc<ServerCounters>,
    /// Counts connection actors.
    pub group: ConnectionGroup,
    /// Injected faults.
    pub faults: Faults,
    options: ArcSwap<Options>,
    authenticator: Authenticator,
    callouts: OnceLock<Arc<CalloutDesk>>,
    account_desk: OnceLock<AccountDesk>,
    /// The last change of options left alone what services were told and said.
    keeps_delegated: AtomicBool,
    info: ArcSwap<ServerInfo>,
    tls: Option<TlsAcceptorHandle>,
    ocsp_cache: ArcSwapOption<OcspCache>,
    handshakes: Option<ConnectionRateLimit>,
    is_reporting_refusals: AtomicBool,
    is_lame_duck: AtomicBool,
    next_cid: AtomicU64,
    /// Ids given to connections between servers.
    num_peer_ids: AtomicU64,
    num_writers: AtomicUsize,
}

/// Counts one writer task until dropped.
#[derive(Debug)]
pub(super) struct WriterGuard(Arc<ClientServices>);

impl Drop for WriterGuard {
    fn drop(&mut self) {
        self.0.num_writers.fetch_sub(1, Ordering::Release);
    }
}

impl ClientServices {
    /// Services for a server that listens as `info` says.
    #[must_use]
    pub fn new(
        options: Arc<Options>,
        info: ServerInfo,
        accounts: Arc<Accounts>,
        router: RouterHandle,
        group: ConnectionGroup,
        faults: Faults,
        tls: Option<TlsAcceptorHandle>,
    ) -> Self {
        let authenticator = Authenticator::new(&options);
        let limit = options.tls.as_ref().map_or(0, |tls| tls.connection_rate_limit);
        let closed = Arc::new(ClosedRing::new(options.limits.max_closed_clients));
        Self {
            closed,
            counters: Arc::default(),
            users: Users::default(),
            events: ClientEvents::default(),
            accounts,
            router,
            registry: Registry::default(),
            group,
            faults,
            options: ArcSwap::new(options),
            authenticator,
            callouts: OnceLock::new(),
            account_desk: OnceLock::new(),
            keeps_delegated: AtomicBool::new(true),
            info: ArcSwap::from_pointee(info),
            tls,
            ocsp_cache: ArcSwapOption::empty(),
            handshakes: (limit > 0).then(|| ConnectionRateLimit::new(limit)),
            is_reporting_refusals: AtomicBool::new(false),
            is_lame_duck: AtomicBool::new(false),
            next_cid: AtomicU64::new(1),
            num_peer_ids: AtomicU64::new(0),
            num_writers: AtomicUsize::new(0),
        }
    }

    /// Options in force.
    #[must_use]
    pub fn options(&self) -> Arc<Options> {
        self.options.load_full()
    }

    /// Who decides who enters.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Has services asked about connections. Once.
    pub fn set_callouts(&self, desk: Arc<CalloutDesk>) {
        self.callouts.set(desk).ok();
    }

    /// Who asks services about connections, where there are any.
    #[must_use]
    pub fn callouts(&self) -> Option<&Arc<CalloutDesk>> {
        self.callouts.get()
    }

    /// Has accounts that are not known asked for. Once.
    pub fn set_account_desk(&self, desk: AccountDesk) {
        self.account_desk.set(desk).ok();
    }

    /// Who finds accounts that are not known.
    #[must_use]
    pub fn account_desk(&self) -> Option<&AccountDesk> {
        self.account_desk.get()
    }

    /// Whether connections that a service let in stay without being asked about again.
    #[must_use]
    pub fn keeps_delegated(&self) -> bool {
        self.keeps_delegated.load(Ordering::Acquire)
    }

    /// INFO without the fields of one connection.
    #[must_use]
    pub fn info(&self) -> Arc<ServerInfo> {
        self.info.load_full()
    }

    /// Puts reloaded options in force, for new connections; each connection takes its part on
    /// [`super::ClientCommand::Reload`].
    pub fn set_options(&self, options: Arc<Options>) {
        let before = self.options.load();
        // The tokens first: their comparison costs least, and tells most often.
        let is_same =
            before.trust == options.trust && before.auth == options.auth && before.accounts == options.accounts;
        self.keeps_delegated.store(is_same, Ordering::Release);
        self.authenticator.reload(&options);
        self.options.store(options);
    }

    /// Changes INFO. The `change` is made again where another one comes between.
    pub fn change_info(&self, change: impl Fn(&mut ServerInfo)) {
        self.info.rcu(|info| {
            let mut info = ServerInfo::clone(info);
            change(&mut info);
            info
        });
    }

    /// TLS of the client listener.
    #[must_use]
    pub fn tls(&self) -> Option<TlsAcceptorHandle> {
        self.tls.clone()
    }

    /// What authorities said of clients' certificates, where they are asked.
    #[must_use]
    pub fn ocsp_cache(&self) -> Option<Arc<OcspCache>> {
        self.ocsp_cache.load_full()
    }

    /// Keeps what authorities say of clients' certificates in another cache. Yields the one before.
    pub fn set_ocsp_cache(&self, cache: Option<OcspCache>) -> Option<Arc<OcspCache>> {
        self.ocsp_cache.swap(cache.map(Arc::new))
    }

    /// Whether `place` is one too many.
    #[must_use]
    pub fn is_full(&self, place: &Place) -> bool {
        i64::try_from(place.number()).unwrap_or(i64::MAX) > self.options.load().limits.max_connections
    }

    /// Whether one more TLS handshake may start in this second.
    #[must_use]
    pub fn admits_handshake(&self, now: Instant) -> bool {
        self.handshakes.as_ref().is_none_or(|limit| limit.allow(now))
    }

    /// Claims the right to log refused handshakes, which one task has at a time.
    #[must_use]
    pub fn claim_refusal_report(&self) -> bool {
        !self.is_reporting_refusals.swap(true, Ordering::AcqRel)
    }

    /// Gives the right back and yields the number of handshakes refused meanwhile.
    pub fn finish_refusal_report(&self) -> u64 {
        self.is_reporting_refusals.store(false, Ordering::Release);
        self.handshakes.as_ref().map_or(0, ConnectionRateLimit::take_refused)
    }

    /// Enters lame duck mode; false when it was on already.
    pub fn enter_lame_duck(&self) -> bool {
        !self.is_lame_duck.swap(true, Ordering::AcqRel)
    }

    /// Connections whose last bytes may still be on their way, those included whose actor has ended.
    #[must_use]
    pub fn num_writers(&self) -> usize {
        self.num_writers.load(Ordering::Acquire)
    }

    /// Counts a writer task in.
    pub(super) fn writer_guard(self: &Arc<Self>) -> WriterGuard {
        self.num_writers.fetch_add(1, Ordering::Relaxed);
        WriterGuard(Arc::clone(self))
    }

    /// Client connections accepted so far.
    #[must_use]
    pub fn num_accepted(&self) -> u64 {
        let num_peer_ids = self.num_peer_ids.load(Ordering::Relaxed);
        (self.next_cid.load(Ordering::Relaxed) - 1).saturating_sub(num_peer_ids)
    }

    /// Closes the newest connections of accounts that have more than they may, after their limits changed.
    pub fn close_excess(&self) {
        self.accounts.all().iter().for_each(|account| self.close_excess_of(account));
    }

    /// Closes the newest connections of an account that has more than it may, with those on other servers.
    pub fn close_excess_of(&self, account: &AccountView) {
        let most = account.limits().max_connections.unwrap_or(u64::MAX).saturating_sub(account.num_elsewhere());
        if account.num_connections() <= most {
            return;
        }
        let is_own = |entry: &Entry| {
            let profile = entry.status.profile();
            entry.sink.close_reason().is_none()
                && profile.is_some_and(|profile| profile.account.as_deref() == Some(&**account.name()))
        };
        let mut own: Vec<Entry> = self.registry.all().into_iter().filter(is_own).collect();
        own.sort_by_key(|entry| entry.sink.cid());
        let kept = usize::try_from(most).unwrap_or(usize::MAX);
        own.iter().skip(kept).for_each(|entry| entry.address.do_send(ClientCommand::TooManyOfAccount));
    }

    /// Remembers a connection that ended, and counts why.
    pub(super) fn note_closed(&self, connection: ClosedConnection) {
        match connection.reason {
            CloseReason::SlowConsumerPendingBytes | CloseReason::SlowConsumerWriteDeadline => {
                self.counters.slow_consumers.count(ConnectionKind::Client);
                let account = connection.status.profile().and_then(|profile| profile.account.clone());
                if let Some(account) = account.and_then(|name| self.accounts.get(&name)) {
                    account.count_slow_consumer();
                }
            }
            CloseReason::StaleConnection => self.counters.stale_connections.count(ConnectionKind::Client),
            _ => {}
        }
        self.closed.add(connection);
    }

    /// Gives out the next connection id, to a client.
    #[must_use]
    pub fn next_cid(&self) -> u64 {
        self.next_cid.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives out the next connection id, to a connection between servers.
    #[must_use]
    pub fn next_peer_id(&self) -> u64 {
        // Counted first: nobody sees more clients than there were.
        self.num_peer_ids.fetch_add(1, Ordering::Relaxed);
        self.next_cid()
    }
}
