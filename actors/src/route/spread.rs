//! Accounts that move to other connections, because of a reload here or on another server.
//!
//! An account that gets connections of its own is taken off the pool on both sides before they are opened, or messages would arrive twice:
//! this server forgets what the others want there, tells them over the pool, and waits until they have done the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::warn;
use troupe_engine::options::Options;
use troupe_engine::route::pool_index;

use super::RouteServices;
use super::events::RouteEvent;
use super::messages::PeerCommand;
use super::services::{RouteTls, compile, pools};
use crate::router::Pools;

/// Time the other servers have to confirm.
const PATIENCE: Duration = Duration::from_secs(2);

/// How accounts are spread, and which of them move.
#[derive(Debug)]
pub(super) struct Spread {
    pools: Pools,
    /// Accounts that another server has moved: this one is not configured so yet.
    adopted: Vec<String>,
    moving: Option<Arc<AccountMove>>,
}

impl Spread {
    /// Accounts are spread as in `pools`.
    pub(super) fn new(pools: Pools) -> Self {
        Self { pools, adopted: Vec::new(), moving: None }
    }
}

/// Accounts on their way to connections of their own.
#[derive(Debug)]
pub struct AccountMove {
    request: Arc<str>,
    num_missing: AtomicUsize,
    changed: Notify,
}

impl AccountMove {
    /// Waits until all have confirmed, or for long enough.
    pub(super) async fn wait(&self) {
        let confirmed = async {
            while self.num_missing.load(Ordering::Acquire) > 0 {
                self.changed.notified().await;
            }
        };
        if tokio::time::timeout(PATIENCE, confirmed).await.is_err() {
            warn!("Timed out waiting for confirmation from all routes regarding per-account routes changes");
        }
    }
}

/// What a reload has the manager do.
#[derive(Clone, Debug, Default)]
pub struct Reloaded {
    /// Connections that close.
    pub(super) closed: Vec<u64>,
    /// What has to be confirmed before.
    pub(super) moving: Option<Arc<AccountMove>>,
}

impl RouteServices {
    /// Puts reloaded options in force.
    pub fn set_options(&self, options: Arc<Options>, tls: Option<RouteTls>) {
        self.permissions.store(compile(&options));
        if let Some(tls) = tls {
            self.tls.store(Some(Arc::new(tls)));
        }
        let pools = pools(&options);
        self.options.store(options);
        let reloaded = self.respread(pools);
        self.events.tell(RouteEvent::Reload(Arc::new(reloaded)));
    }

    fn respread(&self, mut pools: Pools) -> Reloaded {
        let mut spread = self.spread.lock();
        spread.adopted.retain(|account| pools.size > 0 && !pools.pinned.contains(account));
        pools.pinned.extend(spread.adopted.iter().cloned());
        let before = std::mem::replace(&mut spread.pools, pools.clone());
        let missing_in = |all: &[String], other: &[String]| {
            all.iter().filter(|account| !other.contains(account)).cloned().collect::<Vec<_>>()
        };
        let (added, removed) = (missing_in(&pools.pinned, &before.pinned), missing_in(&before.pinned, &pools.pinned));
        let mut registry = self.registry.lock();
        let mut closed: Vec<u64> = removed.iter().flat_map(|account| registry.table.unpin(account)).collect();
        if pools.size != before.size {
            closed.extend(registry.table.members().filter(|member| member.account.is_none()).map(|member| member.rid));
        }
        registry.table.configure(pools.size, pools.pinned.clone());
        drop(registry);
        if !self.parts.router.spread(pools) {
            tracing::error!("the router takes no more changes");
        }
        spread.moving = (!added.is_empty()).then(|| self.begin_move(&added, before.size));
        Reloaded { closed, moving: spread.moving.clone() }
    }

    /// Takes accounts off the pool and has the other servers do the same.
    fn begin_move(&self, accounts: &[String], pool_size: i64) -> Arc<AccountMove> {
        let request: Arc<str> = troupe_engine::id::nuid().into();
        let connections = self.registry.lock().all();
        let in_pool = connections.iter().filter(|(member, _)| member.account.is_none() && !member.has_no_pool);
        let mut commands = Vec::new();
        for account in accounts {
            let place = pool_index(pool_size, account);
            let account: Arc<str> = account.as_str().into();
            commands.extend(in_pool.clone().filter_map(|(member, entry)| {
                let request = (member.pool_idx == place).then(|| Arc::clone(&request));
                Some((entry.address.clone()?, PeerCommand::Release { account: Arc::clone(&account), request }))
            }));
        }
        let is_asked = |command: &PeerCommand| matches!(command, PeerCommand::Release { request: Some(_), .. });
        let num_missing = commands.iter().filter(|(_, command)| is_asked(command)).count();
        let moving = AccountMove { request, num_missing: num_missing.into(), changed: Notify::new() };
        commands.into_iter().for_each(|(address, command)| address.do_send(command));
        Arc::new(moving)
    }

    /// Another server has confirmed.
    pub(super) fn confirm_move(&self, request: &str) {
        let Some(moving) = self.spread.lock().moving.clone().filter(|moving| *moving.request == *request) else {
            return;
        };
        let less = |count: usize| count.checked_sub(1);
        moving.num_missing.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok();
        moving.changed.notify_one();
    }

    /// Another server moves an account: it goes off the pool here, too. Every connection but the one that told of it is told by
    /// its actor.
    pub(super) fn adopt_move(&self, account: &str, told_by: u64) {
        let mut spread = self.spread.lock();
        if !spread.pools.pinned.iter().any(|pinned| pinned == account) {
            spread.adopted.push(account.to_owned());
            spread.pools.pinned.push(account.to_owned());
            let pools = spread.pools.clone();
            self.registry.lock().table.configure(pools.size, pools.pinned.clone());
            if !self.parts.router.spread(pools) {
                tracing::error!("the router takes no more changes");
            }
        }
        drop(spread);
        let account: Arc<str> = account.into();
        for (member, entry) in self.registry.lock().all() {
            let is_meant = member.account.is_none() && !member.has_no_pool && member.rid != told_by;
            if let Some(address) = entry.address.filter(|_| is_meant) {
                address.do_send(PeerCommand::Release { account: Arc::clone(&account), request: None });
            }
        }
    }

    /// Whether an account was moved by another server, so that interest still told over the pool is out of date.
    pub(super) fn is_adopted(&self, account: &str) -> bool {
        self.spread.lock().adopted.iter().any(|adopted| adopted == account)
    }
}
