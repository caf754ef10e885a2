//! Streams made of copies that clients send in parts.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use troupe_codecs::api::advisory::{SnapshotComplete, SnapshotCreate, StreamAction};
use troupe_codecs::api::consumer_info::with_server_metadata;
use troupe_codecs::api::json::encode;
use troupe_codecs::api::request::StreamRestoreRequest;
use troupe_codecs::api::response::{Empty, Response, RestoreStarted};
use troupe_codecs::api::stream::{StorageType, StoredStream};
use troupe_codecs::api::{ApiError, StreamConfig, StreamInfo, StreamState, Timestamp, errors};
use troupe_engine::id::nuid;
use troupe_engine::options::friendly_bytes;
use troupe_engine::stream::config::check;
use troupe_engine::stream::level::set_stream_level;
use troupe_store::{
    Archive, ArchiveEntry, Durability, MemoryStore, Spool, StoreDirectory, StoreError, StreamStore, open_archive,
};

use super::ApiRequest;
use super::dispatch::Work;
use super::streams::with_context;
use crate::jetstream::consumer::archive;
use crate::jetstream::entry::StreamEntry;
use crate::jetstream::messages::{Answer, StreamCommand};
use crate::jetstream::stream::overflow::refuse;
use crate::jetstream::{advisory, clock, stores};
use crate::router::{ArbiterLocal, Inbox, ServerMessage, Subscription};

/// Most bytes of parts that wait to be written.
const INBOX_BYTES: usize = 64 << 20;
/// Longest wait for the next part.
const PATIENCE: Duration = Duration::from_secs(5);
const STARTED: &str = "stream_restore_response";
const CREATED: &str = "stream_create_response";

/// Takes in a copy of a stream, and makes a stream of it.
pub(super) fn restore(request: ApiRequest, local: Rc<ArbiterLocal>, name: String) -> Work {
    Box::pin(async move {
        match prepare(&request, &name) {
            Ok(config) => Intake { request, local, name, started: clock::now(), length: 0 }.run(config).await,
            Err(error) => request.answer::<RestoreStarted>(&local, STARTED, Err(error)),
        }
    })
}

/// The configuration the stream is restored with.
fn prepare(request: &ApiRequest, name: &str) -> Result<StreamConfig, ApiError> {
    request.check()?;
    if request.is_empty() {
        return Err(errors::BAD_REQUEST.error());
    }
    let StreamRestoreRequest { mut config, .. } = request.decode()?;
    if config.name.is_empty() {
        name.clone_into(&mut config.name);
    }
    if config.name != name {
        return Err(errors::STREAM_MISMATCH.error());
    }
    let traits = (config.replicas, false);
    let mut config = with_context(request.server(), request.account(), traits, |context| check(&config, context))?;
    if config.replicas > 1 {
        return Err(errors::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    set_stream_level(&mut config);
    if request.account().stream(name).is_some() {
        return Err(errors::STREAM_NAME_EXIST_RESTORE_FAILED.error());
    }
    Ok(config)
}

/// A copy that comes in.
struct Intake {
    request: ApiRequest,
    local: Rc<ArbiterLocal>,
    name: String,
    started: i64,
    length: u64,
}

/// How the parts ended.
enum Received {
    /// All are here; the answer goes to this subject.
    All(Spool, Vec<u8>),
    /// Something is wrong; the answer goes to this subject.
    Failed(String, Vec<u8>),
    /// Nothing came for too long.
    Stalled,
}

impl Intake {
    async fn run(mut self, config: StreamConfig) {
        let opened = self.open_spool();
        let spool = match opened {
            Ok(spool) => spool,
            Err(error) => return self.request.answer::<RestoreStarted>(&self.local, STARTED, Err(error)),
        };
        let (account, name) = (Arc::clone(self.request.account()), self.name.clone());
        tracing::info!("Starting restore for stream '{} > {name}'", account.name());
        self.advise_begin();
        let inbox = Inbox::new(INBOX_BYTES, Box::new(|_| {}));
        let subject = format!("$JS.SNAPSHOT.RESTORE.{name}.{}", nuid());
        let subscription = Arc::new(Subscription::inside(Arc::clone(&inbox), subject.as_bytes(), b"", 0));
        let router = &self.request.server().parts().router.clone();
        match router.subscribe_inside(account.view(), vec![Arc::clone(&subscription)]) {
            Ok(ticket) => ticket.wait().await,
            Err(cause) => {
                let error = errors::RESTORE_SUBSCRIBE_FAILED.with_all(&[&subject, &cause]);
                return self.request.answer::<RestoreStarted>(&self.local, STARTED, Err(error));
            }
        }
        let begun = RestoreStarted { deliver_subject: subject };
        self.request.answer(&self.local, STARTED, Ok(begun));
        let received = self.receive(&inbox, spool).await;
        router.unsubscribe_inside(account.view(), vec![subscription]).ok();
        inbox.close();
        match received {
            Received::All(spool, reply) => {
                let made = self.make(config, spool).await;
                self.finish(&reply, made);
            }
            Received::Failed(cause, reply) => self.finish(&reply, Err(errors::STREAM_RESTORE.with(cause))),
            Received::Stalled => {
                tracing::warn!("restore for stream '{} > {name}' is stalled", account.name());
            }
        }
    }

    fn open_spool(&self) -> Result<Spool, ApiError> {
        let directory = self.directory().ok_or_else(|| errors::TEMP_STORAGE_FAILED.error())?;
        let path = directory.staging_path(self.request.account().name());
        let spool = path.and_then(|path| Spool::create(&path, &format!("{}.{}", self.name, nuid())));
        spool.map_err(|cause| {
            tracing::error!("cannot keep a copy of a stream: {cause}");
            errors::TEMP_STORAGE_FAILED.error()
        })
    }

    fn directory(&self) -> Option<&StoreDirectory> {
        self.request.server().directory()
    }

    /// Takes parts until an empty one.
    async fn receive(&mut self, inbox: &Arc<Inbox>, mut spool: Spool) -> Received {
        let mut parts = inbox.consume();
        loop {
            let Ok(Some(batch)) = tokio::time::timeout(PATIENCE, parts.next()).await else { return Received::Stalled };
            for part in batch.iter().flat_map(|messages| messages.iter()) {
                let payload = part.payload();
                if part.reply().is_empty() {
                    let (account, name) = (self.request.account().name(), &self.name);
                    let cause =
                        format!("restore for stream '{account} > {name}' requires reply subject for each chunk");
                    return Received::Failed(cause, Vec::new());
                }
                if payload.is_empty() {
                    return Received::All(spool, part.reply().to_vec());
                }
                if let Err(cause) = spool.push(payload) {
                    return Received::Failed(cause.to_string(), part.reply().to_vec());
                }
                self.length += payload.len() as u64;
                self.send(part.reply(), b"");
            }
            if inbox.commit(batch).is_err() {
                return Received::Stalled;
            }
        }
    }

    fn send(&self, to: &[u8], body: &[u8]) {
        let mut batch = self.local.server_batch(self.request.account().view());
        batch.publish(&ServerMessage::plain(to, body));
        batch.finish();
    }

    /// Makes the stream.
    async fn make(&self, config: StreamConfig, spool: Spool) -> Result<StreamInfo, ApiError> {
        let (server, account) = (self.request.server(), self.request.account());
        let directory = self.directory().cloned().ok_or_else(|| errors::TEMP_STORAGE_FAILED.error())?;
        let owner = account.name().to_string();
        server.sets_leftover_aside(account, &self.name);
        let wanted = config.clone();
        let unpacked = tokio::task::spawn_blocking(move || unpack(&directory, &owner, &wanted, &spool)).await;
        let unpacked = unpacked.map_err(|cause| StoreError::Unusable(cause.to_string())).and_then(|unpacked| unpacked);
        let (store, created) = unpacked.map_err(|cause| errors::STREAM_RESTORE.with(cause))?;
        let is_file = config.storage == StorageType::File;
        let entry = StreamEntry::new(config, created, refuse(server, account, self.name.clone()));
        if is_file {
            entry.set_kept();
        }
        let added = match account.stream(&self.name) {
            Some(_) => Err(errors::STREAM_NAME_EXIST_RESTORE_FAILED.error()),
            None => account.add(&entry),
        };
        if let Err(error) = added {
            drop(tokio::task::spawn_blocking(move || store.destroy()).await);
            return Err(errors::STREAM_RESTORE.with(error.description));
        }
        entry.put_store(store);
        if let Err(cause) = server.start_stream(account, &entry).await {
            server.forget(account, &entry).await;
            return Err(errors::STREAM_RESTORE.with(cause.description));
        }
        let name = &self.name;
        advisory::publish(&self.local, account.view(), &format!("STREAM.CREATED.{name}"), "stream_action", || {
            StreamAction { stream: name.clone(), action: "create", domain: server.domain().to_owned() }
        });
        let (answer, info) = Answer::channel();
        if !entry.ask(StreamCommand::Info(answer)) {
            return Err(errors::INSUFFICIENT_RESOURCES.error());
        }
        info.await.map_err(|_| errors::STREAM_RESTORE.with("stream is closed"))
    }

    fn finish(&self, reply: &[u8], made: Result<StreamInfo, ApiError>) {
        let (account, name) = (self.request.account().name(), &self.name);
        let millis = clock::since(self.started).as_secs_f64() * 1000.0;
        let (size, time) = (friendly_bytes(self.length), Duration::from_millis(millis.round() as u64));
        match &made {
            Ok(_) => tracing::info!("Completed restore of {size} for stream '{account} > {name}' in {time:?}"),
            Err(error) => {
                tracing::warn!("Restore failed for {size} for stream '{account} > {name}' in {time:?}: {error}");
            }
        }
        let subject = format!("STREAM.RESTORE_COMPLETE.{name}");
        advisory::publish(&self.local, self.request.account().view(), &subject, "restore_complete", || {
            SnapshotComplete {
                stream: name.clone(),
                start: Timestamp::from_nanos(self.started),
                end: Timestamp::from_nanos(clock::now()),
                bytes: Some(self.length),
                client: Some(self.request.client_info()),
                domain: self.request.server().domain().to_owned(),
                error: String::new(),
            }
        });
        let body = match made {
            Ok(mut info) => {
                info.config.metadata =
                    with_server_metadata(&info.config.metadata, self.request.server().parts().version);
                encode(&Response::new(CREATED, StreamInfo { domain: String::new(), ..info }))
            }
            Err(error) => encode(&Response::failed(CREATED, error, Empty {})),
        };
        if !reply.is_empty() {
            self.send(reply, &body);
        }
    }

    fn advise_begin(&self) {
        let subject = format!("STREAM.RESTORE_CREATE.{}", self.name);
        let account = self.request.account().view();
        advisory::publish(&self.local, account, &subject, "restore_create", || SnapshotCreate {
            stream: self.name.clone(),
            state: None,
            client: Some(self.request.client_info()),
            domain: self.request.server().domain().to_owned(),
        });
    }
}

/// Makes the store of a stream from an archive, and tells when the stream was made.
fn unpack(
    directory: &StoreDirectory,
    account: &str,
    config: &StreamConfig,
    spool: &Spool,
) -> Result<(Box<dyn StreamStore>, Timestamp), StoreError> {
    if spool.length() == 0 {
        return Err(StoreError::Unusable("EOF".to_owned()));
    }
    let now = clock::now();
    match open_archive(spool.reader()?)? {
        Archive::Files(files) => {
            let kept = directory.restore_files(account, &config.name, files)?;
            let unreadable = |cause: serde_json::Error| StoreError::Unusable(cause.to_string());
            let kept: StoredStream = serde_json::from_slice(&kept).map_err(unreadable)?;
            let mut store = directory.open_stream(account, stores::store_config(config))?;
            let stored = StoredStream { created: kept.created, config: config.clone() };
            store.update_meta(&encode(&stored))?;
            Ok((store, kept.created))
        }
        Archive::Messages(mut messages) => {
            let created = Timestamp::from_nanos(now);
            let mut store = match config.storage {
                StorageType::Memory => MemoryStore::open(stores::store_config(config)),
                StorageType::File => {
                    let stored = StoredStream { created, config: config.clone() };
                    directory.create_stream(account, &encode(&stored), stores::store_config(config))?
                }
            };
            let mut consumers: Vec<(String, Vec<u8>)> = Vec::new();
            let mut last_seq = 0;
            let filled = messages.restore(&mut *store, now, &mut |entry| {
                match entry {
                    ArchiveEntry::Consumer(name, json) => consumers.push((name, json)),
                    ArchiveEntry::State(json) => last_seq = read_last_seq(&json)?,
                    ArchiveEntry::Message(_) => {}
                }
                Ok(())
            });
            let filled = filled.and_then(|()| {
                pad(&mut *store, last_seq, now)?;
                consumers.iter().try_for_each(|(name, json)| archive::restore(&mut *store, name, json, created))?;
                store.commit().and_then(Durability::wait)
            });
            match filled {
                Ok(()) => Ok((store, created)),
                Err(cause) => {
                    store.destroy()?;
                    Err(cause)
                }
            }
        }
    }
}

/// Reads the last sequence of the stream an archive was made of.
fn read_last_seq(json: &[u8]) -> Result<u64, StoreError> {
    let state: Result<StreamState, _> = serde_json::from_slice(json);
    state.map(|state| state.last_seq).map_err(|cause| StoreError::Unusable(cause.to_string()))
}

/// Uses up sequences behind the last message: they were given, and are not given again.
fn pad(store: &mut dyn StreamStore, last_seq: u64, now: i64) -> Result<(), StoreError> {
    let state = store.state();
    let time = if state.last_time_ns == 0 { now } else { state.last_time_ns };
    store.skip(state.last_seq + 1, last_seq.saturating_sub(state.last_seq), time)
}
