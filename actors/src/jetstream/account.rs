//! Streams and limits of an account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use troupe_codecs::api::account::{
    AccountLimits, AccountStats, ApiStats, JetStreamLimits, NO_FLAT_LIMITS, SINGLE_TIER, Tier,
};
use troupe_codecs::api::stream::StorageType;
use troupe_codecs::api::{API_LEVEL, ApiError, StreamConfig, errors};
use troupe_engine::stream::config::collide;

use super::entry::StreamEntry;
use crate::router::{AccountView, Subscription};

/// Streams and limits of an account.
#[derive(Debug)]
pub struct JetStreamAccount {
    view: Arc<AccountView>,
    /// Its streams that were kept are there, and it may have more. Until then its clients are told that it may not.
    is_open: AtomicBool,
    /// It has no JetStream any more.
    is_closed: AtomicBool,
    /// Its subscriptions to the API.
    api: Mutex<Vec<Arc<Subscription>>>,
    /// Asked for each message.
    limits: ArcSwap<JetStreamLimits>,
    streams: RwLock<BTreeMap<Arc<str>, Arc<StreamEntry>>>,
    num_requests: AtomicU64,
    num_errors: AtomicU64,
}

impl JetStreamAccount {
    /// An account without streams.
    #[must_use]
    pub fn new(view: Arc<AccountView>, limits: JetStreamLimits) -> Self {
        Self {
            view,
            is_open: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            api: Mutex::default(),
            limits: ArcSwap::from_pointee(limits),
            streams: RwLock::default(),
            num_requests: AtomicU64::new(0),
            num_errors: AtomicU64::new(0),
        }
    }

    /// Whether it may have streams.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire) && !self.is_closed()
    }

    /// Whether it has no JetStream any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Lets it have no more streams; those it has come back.
    pub(super) fn close(&self) -> Vec<Arc<StreamEntry>> {
        let mut streams = self.streams.write();
        self.is_closed.store(true, Ordering::Release);
        std::mem::take(&mut *streams).into_values().collect()
    }

    /// Keeps its subscriptions to the API.
    pub(super) fn keep_api(&self, subscriptions: Vec<Arc<Subscription>>) {
        *self.api.lock() = subscriptions;
    }

    /// Its subscriptions to the API, which end.
    pub(super) fn take_api(&self) -> Vec<Arc<Subscription>> {
        std::mem::take(&mut *self.api.lock())
    }

    /// Lets it have streams, once those that were kept are there.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// The account as publishers see it.
    #[must_use]
    pub fn view(&self) -> &Arc<AccountView> {
        &self.view
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.view.name()
    }

    /// Limits of streams with so many copies; none at all where such streams are not allowed.
    #[must_use]
    pub fn limits(&self, replicas: i64) -> AccountLimits {
        self.limits.load().of(replicas).copied().unwrap_or_default()
    }

    /// Limits of streams with so many copies.
    ///
    /// # Errors
    /// Such streams are not allowed.
    fn allowed(&self, replicas: i64) -> Result<AccountLimits, ApiError> {
        self.limits.load().of(replicas).copied().ok_or_else(|| errors::NO_LIMITS.error())
    }

    /// Puts other limits in force.
    pub(super) fn set_limits(&self, limits: JetStreamLimits) {
        self.limits.store(Arc::new(limits));
    }

    /// A stream by its name.
    #[must_use]
    pub fn stream(&self, name: &str) -> Option<Arc<StreamEntry>> {
        self.streams.read().get(name).cloned()
    }

    /// All streams by name.
    #[must_use]
    pub fn streams(&self) -> Vec<Arc<StreamEntry>> {
        self.streams.read().values().cloned().collect()
    }

    /// The configuration of a stream by its name.
    #[must_use]
    pub fn config(&self, name: &str) -> Option<Arc<StreamConfig>> {
        self.streams.read().get(name).map(|entry| entry.config())
    }

    /// Adds a stream whose configuration is checked.
    ///
    /// # Errors
    /// Its subjects belong to another, or a limit would be exceeded.
    pub fn add(&self, entry: &Arc<StreamEntry>) -> Result<(), ApiError> {
        let config = entry.config();
        let mut streams = self.streams.write();
        if self.is_closed() {
            return Err(errors::NOT_ENABLED_FOR_ACCOUNT.error());
        }
        self.check_count(&streams, &config.name, config.replicas)?;
        self.check_reservation(&streams, &config)?;
        check_overlap(&streams, &config)?;
        streams.insert(Arc::clone(entry.name()), Arc::clone(entry));
        Ok(())
    }

    /// Adds a stream that is not served.
    pub fn add_offline(&self, entry: &Arc<StreamEntry>) {
        self.streams.write().insert(Arc::clone(entry.name()), Arc::clone(entry));
    }

    /// Gives a stream another configuration, which is checked.
    ///
    /// # Errors
    /// Its subjects belong to another, or a limit would be exceeded.
    pub fn change(&self, entry: &StreamEntry, config: &Arc<StreamConfig>) -> Result<(), ApiError> {
        let streams = self.streams.write();
        self.check_reservation(&streams, config)?;
        check_overlap(&streams, config)?;
        entry.set_config(Arc::clone(config));
        Ok(())
    }

    /// Takes a stream out. Only this one, not one made anew under its name.
    pub fn remove(&self, entry: &Arc<StreamEntry>) {
        let mut streams = self.streams.write();
        if streams.get(entry.name()).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            streams.remove(entry.name());
        }
    }

    /// Whether there is room for a stream, and for what it reserves.
    ///
    /// # Errors
    /// A limit would be exceeded.
    pub fn check_room(&self, config: &StreamConfig) -> Result<(), ApiError> {
        let streams = self.streams.read();
        self.check_count(&streams, &config.name, config.replicas)?;
        self.check_reservation(&streams, config)
    }

    fn check_count(&self, streams: &Streams, name: &str, replicas: i64) -> Result<(), ApiError> {
        let most = self.allowed(replicas)?.max_streams;
        let others = streams.len() - usize::from(streams.contains_key(name));
        if most > 0 && others as i64 >= most { Err(errors::MAXIMUM_STREAMS_LIMIT.error()) } else { Ok(()) }
    }

    fn check_reservation(&self, streams: &Streams, config: &StreamConfig) -> Result<(), ApiError> {
        let limits = self.allowed(config.replicas)?;
        let limit = match config.storage {
            StorageType::Memory => limits.max_memory,
            StorageType::File => limits.max_storage,
        };
        if limit < 0 {
            Ok(())
        } else {
            check_reservation(reserved(streams, config.storage, &config.name), config, limit)
        }
    }

    /// Bytes that streams have been promised, but for one.
    #[must_use]
    pub fn reserved(&self, storage: StorageType, except: &str) -> i64 {
        reserved(&self.streams.read(), storage, except)
    }

    /// Whether the account may hold more of a storage.
    ///
    /// # Errors
    /// It may not.
    pub fn check_bytes(&self, storage: StorageType, more: u64) -> Result<(), ApiError> {
        let limits = self.limits.load();
        let Some(limits) = limits.of(1) else { return Err(errors::NO_LIMITS.error()) };
        let limit = match storage {
            StorageType::Memory => limits.max_memory,
            StorageType::File => limits.max_storage,
        };
        let is_full = u64::try_from(limit).is_ok_and(|limit| self.used(storage).saturating_add(more) > limit);
        if is_full { Err(errors::ACCOUNT_RESOURCES_EXCEEDED.error()) } else { Ok(()) }
    }

    /// Bytes held in a storage.
    #[must_use]
    pub fn used(&self, storage: StorageType) -> u64 {
        let streams = self.streams.read();
        let same = streams.values().filter(|entry| entry.config().storage == storage);
        same.map(|entry| entry.usage().bytes.load(Ordering::Relaxed)).sum()
    }

    /// Counts an answered request.
    pub fn count_request(&self, is_error: bool) {
        self.num_requests.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.num_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Usage and limits.
    #[must_use]
    pub fn stats(&self, domain: &str) -> AccountStats {
        let limits = self.limits.load();
        let mut total = Tier::default();
        for entry in self.streams.read().values() {
            let config = entry.config();
            let bytes = entry.usage().bytes.load(Ordering::Relaxed);
            let reserved = u64::try_from(config.max_bytes).unwrap_or(0);
            match config.storage {
                StorageType::Memory => {
                    (total.memory, total.reserved_memory) = (total.memory + bytes, total.reserved_memory + reserved)
                }
                StorageType::File => {
                    (total.storage, total.reserved_storage) =
                        (total.storage + bytes, total.reserved_storage + reserved);
                }
            }
            total.streams += 1;
            total.consumers += entry.usage().consumers.load(Ordering::Relaxed);
        }
        let api = ApiStats {
            level: API_LEVEL,
            total: self.num_requests.load(Ordering::Relaxed),
            errors: self.num_errors.load(Ordering::Relaxed),
            inflight: 0,
        };
        let mut tiers = BTreeMap::new();
        match &**limits {
            JetStreamLimits::Flat(limits) => total.limits = *limits,
            JetStreamLimits::Tiered(known) => {
                total.limits = NO_FLAT_LIMITS;
                tiers.extend(
                    known.iter().map(|(name, limits)| (name.clone(), Tier { limits: *limits, ..Tier::default() })),
                );
                // All streams are without copies here.
                let limits = known.get(SINGLE_TIER).copied();
                if limits.is_some() || total.streams > 0 {
                    let limits = limits.unwrap_or(NO_FLAT_LIMITS);
                    tiers.insert(SINGLE_TIER.to_owned(), Tier { limits, ..total });
                }
            }
        }
        AccountStats { total, domain: domain.to_owned(), api, tiers }
    }
}

fn reserved(streams: &Streams, storage: StorageType, except: &str) -> i64 {
    let others = streams.values().filter(|entry| **entry.name() != *except).map(|entry| entry.config());
    let others = others.filter(|other| other.storage == storage);
    others.map(|other| other.max_bytes.max(0)).fold(0, i64::saturating_add)
}

/// Whether a stream may be promised what it asks for. One that asks for nothing needs at least some room.
pub(super) fn check_reservation(reserved: i64, config: &StreamConfig, limit: i64) -> Result<(), ApiError> {
    let asked = if config.max_bytes < 0 { 1 } else { config.max_bytes };
    if reserved.saturating_add(asked) <= limit {
        return Ok(());
    }
    match config.storage {
        StorageType::Memory => Err(errors::MEMORY_RESOURCES_EXCEEDED.error()),
        StorageType::File => Err(errors::STORAGE_RESOURCES_EXCEEDED.error()),
    }
}

type Streams = BTreeMap<Arc<str>, Arc<StreamEntry>>;

fn check_overlap(streams: &Streams, config: &StreamConfig) -> Result<(), ApiError> {
    let others = streams.values().filter(|entry| **entry.name() != *config.name);
    let is_taken = |entry: &Arc<StreamEntry>| {
        let other = entry.config();
        other.subjects.iter().any(|subject| config.subjects.iter().any(|own| collide(own, subject)))
    };
    if others.into_iter().any(is_taken) { Err(errors::STREAM_SUBJECT_OVERLAP.error()) } else { Ok(()) }
}
