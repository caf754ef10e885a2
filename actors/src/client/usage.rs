//! Users with limits that all of their connections share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use troupe_engine::account::RateLimiter;
use troupe_engine::auth::{Grant, UserLimits};
use troupe_engine::options::RateOptions;

use crate::router::AccountView;

/// What the connections of one user have in common.
#[derive(Debug, Default)]
pub struct UserUsage {
    num_connections: AtomicU64,
    limits: ArcSwap<UserLimits>,
    limiter: ArcSwapOption<RateLimiter>,
}

impl UserUsage {
    /// Connections now.
    #[must_use]
    pub fn num_connections(&self) -> u64 {
        self.num_connections.load(Ordering::Relaxed)
    }

    /// Limits in force.
    #[must_use]
    pub fn limits(&self) -> UserLimits {
        **self.limits.load()
    }

    /// Times its connections had to wait for their rate.
    #[must_use]
    pub fn num_waits(&self) -> u64 {
        self.limiter.load().as_ref().map_or(0, |limiter| limiter.num_waits())
    }

    fn configure(&self, limits: UserLimits) {
        if self.limits().rate != limits.rate {
            self.limiter.store(RateLimiter::new(limits.rate).map(Arc::new));
        }
        self.limits.store(Arc::new(limits));
    }
}

/// A place of one connection among those of its user. Given back when dropped.
#[derive(Debug)]
pub struct UserSeat(Arc<UserUsage>);

impl Drop for UserSeat {
    fn drop(&mut self) {
        self.0.num_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

type Key = (Arc<str>, Box<str>);

/// Users with such limits, by account and name. As many as the configuration has.
#[derive(Debug, Default)]
pub struct Users {
    known: Mutex<HashMap<Key, Arc<UserUsage>, ahash::RandomState>>,
}

impl Users {
    /// Takes a place for a connection; `None` where its user has none of these limits.
    ///
    /// # Errors
    /// The user has as many connections as it may.
    pub fn enter(&self, grant: &Grant) -> Result<Option<UserSeat>, TooManyConnections> {
        let Some(usage) = self.usage(grant) else { return Ok(None) };
        let most = grant.limits.max_connections.unwrap_or(u64::MAX);
        let admitted = |count| (count < most).then_some(count + 1);
        match usage.num_connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admitted) {
            Ok(_) => Ok(Some(UserSeat(usage))),
            Err(_) => Err(TooManyConnections),
        }
    }

    /// The same for a connection that is there and stays.
    #[must_use]
    pub fn keep(&self, grant: &Grant) -> Option<UserSeat> {
        let usage = self.usage(grant)?;
        usage.num_connections.fetch_add(1, Ordering::Relaxed);
        Some(UserSeat(usage))
    }

    fn usage(&self, grant: &Grant) -> Option<Arc<UserUsage>> {
        let limits = grant.limits;
        if limits.max_connections.is_none() && limits.rate == RateOptions::default() {
            return None;
        }
        let key = (Arc::clone(&grant.account), grant.user().unwrap_or_default().into());
        let usage = Arc::clone(self.known.lock().entry(key).or_default());
        usage.configure(limits);
        Some(usage)
    }

    /// The users of an account, by name.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Vec<(Box<str>, Arc<UserUsage>)> {
        let known = self.known.lock();
        let own = known.iter().filter(|((of, _), _)| **of == *account);
        let mut own: Vec<_> = own.map(|((_, user), usage)| (user.clone(), Arc::clone(usage))).collect();
        own.sort_by(|(one, _), (other, _)| one.cmp(other));
        own
    }

    /// Times connections had to wait for the rates of their users.
    #[must_use]
    pub fn num_waits(&self) -> u64 {
        self.known.lock().values().map(|usage| usage.num_waits()).sum()
    }
}

/// A user has as many connections as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("maximum user active connections exceeded")]
pub struct TooManyConnections;

/// The budgets that a connection publishes from.
#[derive(Debug)]
pub(super) struct Budgets {
    user: Option<Arc<RateLimiter>>,
    account: Option<Arc<RateLimiter>>,
}

impl Budgets {
    /// Those of a connection in `account`; `None` where it may publish as fast as it can.
    pub(super) fn of(seat: Option<&UserSeat>, account: &AccountView) -> Option<Box<Self>> {
        let user = seat.and_then(|seat| seat.0.limiter.load_full());
        let account = account.rate_limiter();
        (user.is_some() || account.is_some()).then(|| Box::new(Self { user, account }))
    }

    /// Takes a message from the budgets, or says how long it has to wait.
    pub(super) fn take(&self, size: usize, now: Instant) -> Result<(), Duration> {
        let all = || [&self.user, &self.account].into_iter().flatten();
        match all().map(|limiter| limiter.wait(now)).max() {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                all().for_each(|limiter| limiter.take(size));
                Ok(())
            }
        }
    }
}
