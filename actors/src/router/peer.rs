//! Connections to other servers, as receivers of messages and of news about interest.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::RwLock;
use troupe_engine::auth::CompiledPermissions;
use troupe_engine::route::pool_index;

use super::{AccountView, Accounts, ClientSink};

/// Which accounts a connection to another server carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerScope {
    /// All of them: the other server knows no pools.
    All,
    /// Those with this place in the pool, and no connection of their own.
    Pool {
        /// The place.
        index: usize,
    },
    /// One.
    Account(Arc<str>),
}

/// A connection to another server.
#[derive(Debug)]
pub struct PeerLink {
    sink: Arc<ClientSink>,
    scope: PeerScope,
    kind: u8,
    name: Box<str>,
    traces: bool,
    /// Subjects whose interest is told to the other server; all where there is none.
    announced: ArcSwapOption<CompiledPermissions>,
}

impl PeerLink {
    /// A connection that writes to `sink`.
    #[must_use]
    pub fn new(sink: Arc<ClientSink>, scope: PeerScope) -> Self {
        let (kind, name) = (super::trace::start::ROUTER, Box::default());
        Self { sink, scope, kind, name, traces: true, announced: ArcSwapOption::empty() }
    }

    /// Says what traces call the other server, and whether it traces messages itself.
    #[must_use]
    pub fn named(self, kind: u8, name: &str, traces: bool) -> Self {
        Self { kind, name: name.into(), traces, ..self }
    }

    /// Kind of connection in traces.
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// Name of the other server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the other server traces messages.
    #[must_use]
    pub fn traces(&self) -> bool {
        self.traces
    }

    /// Where its bytes go.
    #[must_use]
    #[inline]
    pub fn sink(&self) -> &Arc<ClientSink> {
        &self.sink
    }

    /// Which accounts it carries.
    #[must_use]
    pub fn scope(&self) -> &PeerScope {
        &self.scope
    }

    /// Whether lines name the account.
    #[must_use]
    pub fn names_account(&self) -> bool {
        !matches!(self.scope, PeerScope::Account(_))
    }

    /// Sets which subjects' interest is told to the other server, by the right to publish.
    pub fn set_announced(&self, permissions: Option<Arc<CompiledPermissions>>) {
        self.announced.store(permissions);
    }

    /// Which subjects' interest is told to the other server.
    #[must_use]
    pub fn announced(&self) -> Option<Arc<CompiledPermissions>> {
        self.announced.load_full()
    }

    /// Whether the other server is told of interest in `subject`.
    #[must_use]
    pub fn announces(&self, subject: &[u8]) -> bool {
        self.announced.load().as_ref().is_none_or(|permissions| permissions.allows_publish(subject))
    }

    fn carries(&self, account: &str, pools: &Pools) -> bool {
        match &self.scope {
            PeerScope::All => true,
            PeerScope::Account(name) => **name == *account,
            PeerScope::Pool { index } => {
                !pools.pinned.iter().any(|pinned| pinned == account) && pool_index(pools.size, account) == *index
            }
        }
    }
}

/// Other interest is to be told over a connection, because rights changed.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The connection.
    pub link: Arc<PeerLink>,
    /// What may have been published before; everything where there is none.
    pub before: Option<Arc<CompiledPermissions>>,
    /// What may be published now.
    pub now: Option<Arc<CompiledPermissions>>,
    /// The rights are this server's: it also tells what ends. Those of the other server end there by themselves.
    pub is_own: bool,
}

impl Announcement {
    /// What the other server is told of interest in `subject`: that it begins, that it ends, or nothing.
    pub(super) fn news(&self, subject: &[u8]) -> Option<bool> {
        let allows = |rights: &Option<Arc<CompiledPermissions>>| {
            rights.as_ref().is_none_or(|rights| rights.allows_publish(subject))
        };
        match (allows(&self.before), allows(&self.now)) {
            (false, true) => Some(true).filter(|_| self.is_own || self.link.announces(subject)),
            (true, false) => Some(false).filter(|_| self.is_own),
            _ => None,
        }
    }
}

/// How accounts are spread over connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// Connections in a pool.
    pub size: i64,
    /// Accounts with connections of their own.
    pub pinned: Vec<String>,
}

/// What the Router knows of other servers. It outlives every instance of the actor.
#[derive(Debug, Default)]
pub struct PeerDirectory {
    /// There once the server is part of a cluster: whose interest is told.
    accounts: ArcSwapOption<Accounts>,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Grows with each change.
    version: u64,
    links: Vec<Arc<PeerLink>>,
    pools: Pools,
}

impl PeerDirectory {
    /// Makes the server part of a cluster, before anything is subscribed.
    pub fn enable(&self, accounts: Arc<Accounts>, pools: Pools) {
        self.inner.write().pools = pools;
        self.accounts.store(Some(accounts));
    }

    /// Spreads accounts anew. Yields the connections that carry one of `accounts` from now on, each with the account.
    pub(super) fn spread(
        &self,
        pools: &Pools,
        accounts: &[Arc<AccountView>],
    ) -> Vec<(Arc<PeerLink>, Arc<AccountView>)> {
        let mut inner = self.inner.write();
        inner.version += 1;
        let before = std::mem::replace(&mut inner.pools, pools.clone());
        let is_new = |link: &PeerLink, account: &AccountView| {
            !link.carries(account.name(), &before) && link.carries(account.name(), pools)
        };
        let of_link = |link: &Arc<PeerLink>| {
            let carried = accounts.iter().filter(|account| is_new(link, account));
            carried.map(|account| (Arc::clone(link), Arc::clone(account))).collect::<Vec<_>>()
        };
        inner.links.iter().flat_map(of_link).collect()
    }

    /// Number of changes so far.
    pub(super) fn version(&self) -> u64 {
        self.inner.read().version
    }

    /// The accounts of a server in a cluster.
    pub(super) fn accounts(&self) -> Option<Arc<Accounts>> {
        self.accounts.load_full()
    }

    pub(super) fn join(&self, link: &Arc<PeerLink>) {
        let mut inner = self.inner.write();
        if !inner.links.iter().any(|known| Arc::ptr_eq(known, link)) {
            inner.version += 1;
            inner.links.push(Arc::clone(link));
        }
    }

    pub(super) fn leave(&self, link: &Arc<PeerLink>) {
        let mut inner = self.inner.write();
        inner.version += 1;
        inner.links.retain(|known| !Arc::ptr_eq(known, link));
    }

    /// The connections that carry an account.
    pub(super) fn carriers(&self, account: &str) -> Vec<Arc<PeerLink>> {
        let inner = self.inner.read();
        inner.links.iter().filter(|link| link.carries(account, &inner.pools)).cloned().collect()
    }

    /// Whether a connection carries an account.
    pub(super) fn carries(&self, link: &PeerLink, account: &str) -> bool {
        link.carries(account, &self.inner.read().pools)
    }
}
