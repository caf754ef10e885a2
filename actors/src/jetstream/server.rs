//! What all of JetStream on a server shares.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::RwLock;
use troupe_codecs::api::account::JetStreamLimits;
use troupe_codecs::api::{ApiError, StreamConfig, Timestamp, errors};
use troupe_engine::options::JetStreamOptions;
use troupe_engine::subject::DomainSpellings;

use troupe_store::StoreDirectory;

use super::account::{JetStreamAccount, check_reservation};
use super::capacity::Capacity;
use super::entry::StreamEntry;
use super::stores;
use super::stream::Stream;
use super::stream::overflow::{self, Refused, refuse};
use crate::queue::Queue;
use crate::router::local::SeatPlan;
use crate::router::{AccountView, Accounts, Inbox, RouterHandle};
use crate::supervisor::{ArbiterSlot, ChildSpec, RestartPolicy, SupervisorHandle};

/// Most bytes of requests that wait.
const API_BYTES: usize = 64 << 20;
/// Time a stream has to end.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What JetStream is given at the start.
#[derive(Debug)]
pub struct JetStreamParts {
    /// How the requests of its domain are spelled.
    pub domain: Option<DomainSpellings>,
    /// Options.
    pub options: JetStreamOptions,
    /// Where files are.
    pub store_dir: PathBuf,
    /// Most bytes in memory, as configured or chosen.
    pub max_memory: u64,
    /// Most bytes in files, as configured or chosen.
    pub max_file: u64,
    /// Name of the server.
    pub server_name: String,
    /// Id of the server.
    pub server_id: String,
    /// Name of its cluster.
    pub cluster: Option<String>,
    /// Name of the system account, where there is one.
    pub system_account: Option<String>,
    /// The version that answers show.
    pub version: &'static str,
    /// Largest message.
    pub max_payload: usize,
    /// Publishers match without a cache.
    pub disable_cache: bool,
    /// Door to the Router.
    pub router: RouterHandle,
    /// All accounts, with JetStream or without.
    pub accounts: Arc<Accounts>,
    /// Starts the actors of streams.
    pub supervisor: SupervisorHandle,
    /// Where they run, at least one.
    pub arbiters: Vec<ArbiterSlot>,
    /// Seats of their publishers.
    pub seats: SeatPlan,
}

/// What all of JetStream on a server shares.
#[derive(Debug)]
pub struct JetStreamServer {
    parts: JetStreamParts,
    accounts: RwLock<HashMap<Arc<str>, Arc<JetStreamAccount>>>,
    inbox: Arc<Inbox>,
    next_arbiter: AtomicUsize,
    next_child: AtomicU64,
    num_dropped: Arc<AtomicU64>,
    /// Batches of messages that are not complete.
    num_batches: AtomicUsize,
    /// Batches with flow control that are not complete.
    num_fast_batches: AtomicUsize,
    refused: Queue<Refused>,
    /// Streams in files.
    directory: Option<StoreDirectory>,
    capacity: Capacity,
}

/// How JetStream is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JetStreamHealth {
    /// Streams that are not served, by account and name, with the reason.
    pub offline: Vec<(String, String, String)>,
    /// Streams that are still being opened, by account and name.
    pub recovering: Vec<(String, String)>,
    /// Streams of which messages were found damaged, by account and name, with how many.
    pub damaged: Vec<(String, String, u64)>,
}

impl JetStreamServer {
    /// JetStream without accounts and streams.
    #[must_use]
    pub fn new(parts: JetStreamParts) -> Arc<Self> {
        let directory = match stores::open_directory(&parts.options, &parts.store_dir) {
            Ok(directory) => {
                directory.notes().iter().for_each(|note| tracing::warn!("{note}"));
                Some(directory)
            }
            Err(cause) => {
                tracing::error!("cannot open the store directory: {cause}");
                None
            }
        };
        let num_dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&num_dropped);
        let inbox = Inbox::new(
            API_BYTES,
            Box::new(move |batch| {
                counter.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }),
        );
        let capacity = Capacity::new(parts.max_memory, parts.max_file);
        Arc::new(Self {
            parts,
            accounts: RwLock::default(),
            inbox,
            next_arbiter: AtomicUsize::new(0),
            next_child: AtomicU64::new(0),
            num_dropped,
            num_batches: AtomicUsize::new(0),
            num_fast_batches: AtomicUsize::new(0),
            refused: overflow::queue(),
            directory,
            capacity,
        })
    }

    /// What it was given at the start.
    #[must_use]
    pub fn parts(&self) -> &JetStreamParts {
        &self.parts
    }

    /// Options.
    #[must_use]
    pub fn options(&self) -> &JetStreamOptions {
        &self.parts.options
    }

    /// Domain; empty when there is none.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.options().domain.as_deref().unwrap_or_default()
    }

    /// The subject of a request as it is without the domain, where it is one of the domain.
    #[must_use]
    pub fn without_domain(&self, subject: &[u8]) -> Option<Vec<u8>> {
        self.parts.domain.as_ref()?.clients.map(subject)
    }

    /// Whether this is the system account, whose clients ask about the server and about other accounts.
    #[must_use]
    pub fn is_system(&self, account: &str) -> bool {
        self.parts.system_account.as_deref() == Some(account)
    }

    /// Where requests come in.
    #[must_use]
    pub fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Requests that were dropped since the last question.
    #[must_use]
    pub fn take_dropped(&self) -> u64 {
        self.num_dropped.swap(0, Ordering::Relaxed)
    }

    /// Publishers that wait to be told that their messages were refused.
    #[must_use]
    pub fn refused(&self) -> &Queue<Refused> {
        &self.refused
    }

    pub(super) fn num_batches(&self) -> &AtomicUsize {
        &self.num_batches
    }

    pub(super) fn num_fast_batches(&self) -> &AtomicUsize {
        &self.num_fast_batches
    }

    /// An account by its name, where JetStream is enabled for it.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Arc<JetStreamAccount>> {
        self.accounts.read().get(name).cloned()
    }

    /// All accounts it is enabled for, in no order.
    #[must_use]
    pub fn accounts(&self) -> Vec<Arc<JetStreamAccount>> {
        self.accounts.read().values().cloned().collect()
    }

    /// Enables JetStream for an account.
    pub fn enable(&self, view: Arc<AccountView>, limits: JetStreamLimits) -> Arc<JetStreamAccount> {
        let account = Arc::new(JetStreamAccount::new(view, limits));
        self.accounts.write().insert(Arc::clone(account.name()), Arc::clone(&account));
        account
    }

    /// Disables JetStream for an account, whose streams go on until [`JetStreamServer::apply`].
    pub(super) fn disable(&self, account: &JetStreamAccount) {
        self.accounts.write().remove(account.name());
    }

    /// The account of a request. Where it is not enabled for it, clients are told so.
    #[must_use]
    pub fn asking(&self, view: &Arc<AccountView>) -> Arc<JetStreamAccount> {
        let stranger = || Arc::new(JetStreamAccount::new(Arc::clone(view), JetStreamLimits::default()));
        self.account(view.name()).unwrap_or_else(stranger)
    }

    /// Ends the actors of all streams: what is written becomes durable, and clients that wait for messages are told.
    pub async fn stop_streams(&self) {
        let accounts = self.accounts();
        let entries = accounts.iter().flat_map(|account| account.streams());
        join_all(entries.map(|entry| async move {
            self.parts.supervisor.stop_child(&entry.child(), STOP_GRACE).await;
        }))
        .await;
    }

    /// Streams in files, where the directory could be opened.
    #[must_use]
    pub fn directory(&self) -> Option<&StoreDirectory> {
        self.directory.as_ref()
    }

    /// Limits and use of the server.
    #[must_use]
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Whether the server has room for what a stream of an account reserves.
    ///
    /// # Errors
    /// It has not.
    pub fn check_room(&self, account: &JetStreamAccount, config: &StreamConfig) -> Result<(), ApiError> {
        let limit = self.capacity.limit(config.storage);
        let own = account.reserved(config.storage, &config.name);
        let accounts = self.accounts();
        let others = accounts.iter().filter(|other| other.name() != account.name());
        let others = others.map(|other| other.reserved(config.storage, ""));
        let reserved = others.fold(own, i64::saturating_add);
        check_reservation(reserved, config, i64::try_from(limit).unwrap_or(i64::MAX))
    }

    /// Makes everything durable. The actors of the streams have ended.
    pub fn close(&self) {
        if let Some(directory) = &self.directory {
            directory.close();
        }
    }

    /// How JetStream is.
    #[must_use]
    pub fn health(&self) -> JetStreamHealth {
        let mut health = JetStreamHealth::default();
        for account in self.accounts() {
            for entry in account.streams() {
                let place = (account.name().to_string(), entry.name().to_string());
                if let Some(reason) = entry.offline_reason() {
                    health.offline.push((place.0, place.1, reason.to_string()));
                } else if !entry.is_recovered() {
                    health.recovering.push(place);
                } else {
                    let lost = entry.usage().lost.load(Ordering::Relaxed);
                    health.damaged.extend((lost > 0).then_some((place.0, place.1, lost)));
                }
            }
        }
        health
    }

    /// Makes a stream of a checked configuration, and waits until it takes messages.
    ///
    /// # Errors
    /// Its subjects belong to another, a limit would be exceeded, or its store cannot be opened.
    pub async fn create(
        self: &Arc<Self>,
        account: &Arc<JetStreamAccount>,
        config: StreamConfig,
        created: Timestamp,
    ) -> Result<Arc<StreamEntry>, ApiError> {
        let name = config.name.clone();
        let entry = StreamEntry::new(config, created, refuse(self, account, name));
        account.add(&entry)?;
        let started = self.start_stream(account, &entry).await;
        if let Err(cause) = started {
            self.forget(account, &entry).await;
            return Err(cause);
        }
        Ok(entry)
    }

    pub(super) async fn start_stream(
        self: &Arc<Self>,
        account: &Arc<JetStreamAccount>,
        entry: &Arc<StreamEntry>,
    ) -> Result<(), ApiError> {
        let number = self.next_arbiter.fetch_add(1, Ordering::Relaxed) % self.parts.arbiters.len();
        let seat = self.parts.seats.stream(number);
        let (server, owner, stream) = (Arc::clone(self), Arc::clone(account), Arc::clone(entry));
        let spec = ChildSpec::new("stream", move |context| {
            Stream::new(context, Arc::clone(&server), Arc::clone(&owner), Arc::clone(&stream), seat)
        });
        let unique = self.next_child.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}/{}#{unique}", account.name(), entry.name());
        entry.set_child(format!("stream:{id}"));
        let spec = spec.id(id).policy(RestartPolicy::OnFailure).on(self.parts.arbiters[number].clone());
        let started = self.parts.supervisor.supervise(spec).await;
        started.map_err(|cause| errors::STREAM_CREATE.with(cause))?;
        if account.is_closed() {
            self.leave(account, entry).await;
            return Err(errors::NOT_ENABLED_FOR_ACCOUNT.error());
        }
        match entry.offline_reason() {
            Some(reason) => Err(errors::STREAM_CREATE.with(reason)),
            None => Ok(()),
        }
    }

    /// Ends the actor of a stream that has been destroyed.
    pub async fn forget(&self, account: &JetStreamAccount, entry: &Arc<StreamEntry>) {
        account.remove(entry);
        self.stop_stream(entry).await;
    }

    /// Ends the actor of a stream.
    pub(super) async fn stop_stream(&self, entry: &StreamEntry) {
        entry.inbox().close();
        self.parts.supervisor.stop_child(&entry.child(), STOP_GRACE).await;
    }

    /// Removes a stream that is not served, with its files.
    ///
    /// # Errors
    /// They cannot be removed.
    pub async fn remove_offline(&self, account: &JetStreamAccount, entry: &Arc<StreamEntry>) -> Result<(), ApiError> {
        let unavailable = || errors::STREAM_DELETE.with("the store directory is not available");
        let directory = self.directory.clone().ok_or_else(unavailable)?;
        let (owner, name) = (account.name().to_string(), entry.name().to_string());
        let removed = tokio::task::spawn_blocking(move || directory.remove_stream(&owner, &name)).await;
        let removed = removed.map_err(|cause| errors::STREAM_DELETE.with(cause))?;
        removed.map_err(|cause| errors::STREAM_DELETE.with(cause))?;
        // An instance that could not open the store may still be there.
        self.forget(account, entry).await;
        Ok(())
    }
}
