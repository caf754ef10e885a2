//! JetStream, as `/varz`, `/jsz` and `/healthz` show it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use troupe_codecs::api::stream::StorageType;
use troupe_codecs::api::stream_info::ClusterInfo;
use troupe_codecs::api::{API_LEVEL, ConsumerInfo};
use troupe_codecs::report::jsz::{
    AccountDetail, ApiStats, JetStreamConfig, JetStreamLimits, JetStreamStats, StreamDetail,
};
use troupe_codecs::report::varz_blocks::JetStreamVarz;
use troupe_codecs::report::{HealthError, HealthErrorKind, HealthzOptions, Jsz, JszOptions, RaftzOptions};
use troupe_engine::options::SyncInterval;
use troupe_engine::options::jetstream::BatchLimits;
use troupe_store::StoreDirectory;

use super::ReportError;
use super::sources::{Answer, Faults, JetStreamSource};
use crate::jetstream::messages::{self, StreamCommand};
use crate::jetstream::{JetStreamAccount, JetStreamServer, StreamEntry};

/// The interval that nats-server shows where every write is synced.
const SHOWN_INTERVAL: Duration = Duration::from_secs(120);

/// JetStream of this server.
#[derive(Clone, Debug)]
pub struct JetStreamReport(Arc<JetStreamServer>);

impl JetStreamReport {
    /// Reports on `server`.
    #[must_use]
    pub fn new(server: Arc<JetStreamServer>) -> Self {
        Self(server)
    }

    fn config(&self) -> JetStreamConfig {
        let options = self.0.options();
        let limit = |storage| i64::try_from(self.0.capacity().limit(storage)).unwrap_or(i64::MAX);
        let interval = match options.sync {
            SyncInterval::Always => SHOWN_INTERVAL,
            SyncInterval::Every(interval) => interval,
        };
        JetStreamConfig {
            max_memory: limit(StorageType::Memory),
            max_storage: limit(StorageType::File),
            store_dir: self.0.parts().store_dir.display().to_string(),
            sync_interval: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
            sync_always: options.sync == SyncInterval::Always,
            domain: self.0.domain().to_owned(),
            compress_ok: options.max_memory.is_some() && options.max_file.is_some(),
            unique_tag: options.unique_tag.clone().unwrap_or_default(),
            strict: options.strict,
        }
    }

    fn limits(&self) -> JetStreamLimits {
        let options = self.0.options();
        let (own, usual) = (options.batches, BatchLimits::default());
        let set = |own: usize, usual: usize| if own == usual { 0 } else { own as u64 };
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        JetStreamLimits {
            max_request_batch: options.max_request_batch,
            max_ack_pending: options.max_ack_pending,
            max_duplicate_window: options.max_duplicates,
            max_batch_inflight_per_stream: set(own.max_inflight_per_stream, usual.max_inflight_per_stream),
            max_batch_inflight_total: set(own.max_inflight_total, usual.max_inflight_total),
            max_batch_size: set(own.max_msgs, usual.max_msgs),
            max_batch_timeout: if own.timeout == usual.timeout { 0 } else { nanos(own.timeout) },
            default_max_consumers: options.default_max_consumers,
        }
    }

    fn stats(&self) -> JetStreamStats {
        let accounts = self.0.accounts();
        let mut stats = JetStreamStats { accounts: accounts.len() as u64, ..JetStreamStats::default() };
        stats.api.level = u64::from(API_LEVEL);
        for account in accounts {
            let one = account_stats(&account);
            stats.memory += one.memory;
            stats.storage += one.storage;
            stats.reserved_memory += one.reserved_memory;
            stats.reserved_storage += one.reserved_storage;
            stats.api.total += one.api.total;
            stats.api.errors += one.api.errors;
        }
        stats
    }

    fn block(&self, config: JetStreamConfig) -> JetStreamVarz {
        JetStreamVarz {
            config: serde_json::to_value(config).ok(),
            stats: serde_json::to_value(self.stats()).ok(),
            meta: None,
            limits: serde_json::to_value(self.limits()).ok(),
        }
    }

    async fn fill(self, options: JszOptions, mut document: Jsz) -> Result<Jsz, ReportError> {
        let mut accounts = self.0.accounts();
        accounts.sort_by(|a, b| a.name().cmp(b.name()));
        document.stats = self.stats();
        document.config = self.config();
        document.limits = Some(self.limits());
        document.disabled = false;
        document.total = accounts.len() as u64;
        for entry in accounts.iter().flat_map(|account| account.streams()) {
            document.streams += 1;
            document.streams_leader += u64::from(options.raft);
            let consumers = entry.usage().shown_consumers.load(Ordering::Relaxed);
            document.consumers += consumers;
            document.consumers_leader += if options.raft { consumers } else { 0 };
            document.messages += entry.usage().messages.load(Ordering::Relaxed);
            document.bytes += entry.usage().bytes.load(Ordering::Relaxed);
        }
        let leader = &self.0.parts().server_name;
        for account in shown(accounts, &options) {
            document.account_details.push(account_detail(&account, &options, leader).await);
        }
        Ok(document)
    }
}

impl JetStreamSource for JetStreamReport {
    fn varz(&self) -> JetStreamVarz {
        self.block(self.config())
    }

    fn statsz(&self) -> JetStreamVarz {
        self.block(JetStreamConfig { store_dir: String::new(), ..self.config() })
    }

    fn has_streams(&self, account: &str) -> bool {
        self.0.account(account).is_some_and(|account| !account.streams().is_empty())
    }

    fn account(&self, options: JszOptions) -> Answer<Result<AccountDetail, ReportError>> {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let missing = || ReportError::Subsystem(format!("account {:?} not jetstream enabled", options.account));
            let account = server.account(&options.account).ok_or_else(missing)?;
            Ok(account_detail(&account, &options, &server.parts().server_name).await)
        })
    }

    fn is_enabled_for(&self, account: &str) -> bool {
        self.0.account(account).is_some()
    }

    fn jsz(&self, options: JszOptions, document: Jsz) -> Answer<Result<Jsz, ReportError>> {
        Box::pin(self.clone().fill(options, document))
    }

    fn faults(&self, options: HealthzOptions) -> Answer<Faults> {
        Box::pin(faults(Arc::clone(&self.0), options))
    }

    fn raftz(&self, _: RaftzOptions) -> Answer<Option<Value>> {
        Box::pin(async { None })
    }
}

/// The accounts that are shown: the one that was asked for, or a page of all.
fn shown(accounts: Vec<Arc<JetStreamAccount>>, options: &JszOptions) -> Vec<Arc<JetStreamAccount>> {
    if let Some(one) = accounts.iter().find(|account| **account.name() == *options.account) {
        return vec![Arc::clone(one)];
    }
    if !options.accounts {
        return Vec::new();
    }
    let offset = usize::try_from(options.offset).unwrap_or(0);
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    accounts.into_iter().skip(offset).take(limit).collect()
}

fn account_stats(account: &JetStreamAccount) -> JetStreamStats {
    let stats = account.stats("");
    JetStreamStats {
        memory: stats.total.memory,
        storage: stats.total.storage,
        reserved_memory: stats.total.reserved_memory,
        reserved_storage: stats.total.reserved_storage,
        accounts: 0,
        ha_assets: 0,
        api: ApiStats {
            level: u64::from(API_LEVEL),
            total: stats.api.total,
            errors: stats.api.errors,
            inflight: stats.api.inflight,
        },
    }
}

async fn account_detail(account: &JetStreamAccount, options: &JszOptions, leader: &str) -> AccountDetail {
    let limits = account.stats("").total.limits;
    // As in nats-server: what is allowed stands for what is set aside, and no limit is the largest number.
    let all = |limit: i64| u64::from_ne_bytes(limit.to_ne_bytes());
    let mut stats = account_stats(account);
    (stats.reserved_memory, stats.reserved_storage) = (all(limits.max_memory), all(limits.max_storage));
    stats.api.level = 0;
    let name = account.name().to_string();
    let mut detail = AccountDetail { id: name.clone(), name, stats, stream_detail: Vec::new() };
    if options.streams {
        for entry in account.streams() {
            detail.stream_detail.extend(stream_detail(&entry, options, leader).await);
        }
    }
    detail
}

async fn stream_detail(entry: &StreamEntry, options: &JszOptions, leader: &str) -> Option<StreamDetail> {
    let info = ask(entry, StreamCommand::Info).await?;
    let mut detail = StreamDetail {
        name: info.config.name.clone(),
        created: info.created,
        cluster: Some(ClusterInfo { leader: leader.to_owned(), ..ClusterInfo::default() }),
        config: options.config.then_some(info.config),
        state: info.state,
        consumer_detail: Vec::new(),
        direct_consumer_detail: Vec::new(),
        mirror: info.mirror,
        sources: info.sources,
    };
    let mut next = options.consumer.then_some(0);
    while let Some(from) = next {
        let page = ask(entry, |answer| StreamCommand::Consumers(from, answer)).await?;
        let shown = |info| if options.config { info } else { ConsumerInfo { config: None, ..info } };
        detail.consumer_detail.extend(page.shown.into_iter().map(shown));
        let hidden = page.hidden.into_iter().filter(|_| options.direct_consumer);
        detail.direct_consumer_detail.extend(hidden.map(shown));
        next = page.next;
    }
    Some(detail)
}

/// What the actor of a stream says; nothing where it is not there.
async fn ask<T>(entry: &StreamEntry, command: impl FnOnce(messages::Answer<T>) -> StreamCommand) -> Option<T> {
    let (answer, answered) = messages::Answer::channel();
    if entry.ask(command(answer)) { answered.await.ok() } else { None }
}

/// What is wrong, as far as it was asked for.
async fn faults(server: Arc<JetStreamServer>, options: HealthzOptions) -> Faults {
    if options.js_enabled || options.js_enabled_only || options.js_meta_only {
        return Faults::default();
    }
    if let Some(missing) = missing(&server, &options).await {
        return Faults::of(missing);
    }
    let (account, stream) = (options.account.as_str(), options.stream.as_str());
    let disk = match server.directory().map(StoreDirectory::health) {
        Some(Ok(())) => None,
        Some(Err(cause)) => Some(format!("JetStream cannot write: {cause}")),
        None => Some("JetStream has no store directory".to_owned()),
    };
    let disk = disk.map(|text| fault(HealthErrorKind::JetStream, ("", "", ""), text));
    let health = server.health();
    let is_meant = |place: &(&String, &String)| {
        (account.is_empty() || place.0 == account) && (stream.is_empty() || place.1 == stream)
    };
    let offline = health.offline.iter().filter(|(account, stream, _)| is_meant(&(account, stream)));
    let offline = offline.map(|(account, stream, reason)| {
        let text = format!("JetStream stream '{account} > {stream}' is offline: {reason}");
        fault(HealthErrorKind::Stream, (account, stream, ""), text)
    });
    let recovering = health.recovering.iter().filter(|(account, stream)| is_meant(&(account, stream)));
    let recovering = recovering.map(|(account, stream)| {
        let text = format!("JetStream stream '{account} > {stream}' is not recovered yet");
        fault(HealthErrorKind::Stream, (account, stream, ""), text)
    });
    let damaged = health.damaged.iter().filter(|(account, stream, _)| is_meant(&(account, stream)));
    let damaged = damaged.map(|(account, stream, lost)| {
        let text = format!("JetStream stream '{account} > {stream}' has lost {lost} messages to damage");
        fault(HealthErrorKind::Stream, (account, stream, ""), text)
    });
    Faults { grave: disk.into_iter().chain(offline).chain(recovering).collect(), lost: damaged.collect() }
}

/// What was asked for and is not there.
async fn missing(server: &JetStreamServer, options: &HealthzOptions) -> Option<HealthError> {
    let HealthzOptions { account, stream, consumer, .. } = options;
    if account.is_empty() {
        return None;
    }
    let Some(found) = server.account(account) else {
        let text = format!("JetStream account \"{account}\" not found");
        return Some(fault(HealthErrorKind::Account, (account, "", ""), text));
    };
    if stream.is_empty() {
        return None;
    }
    let Some(entry) = found.stream(stream) else {
        let text = format!("JetStream stream \"{stream}\" not found on account \"{account}\"");
        return Some(fault(HealthErrorKind::Stream, (account, stream, ""), text));
    };
    if consumer.is_empty() || ask(&entry, |answer| StreamCommand::Knows(consumer.clone(), answer)).await != Some(false)
    {
        return None;
    }
    let text = format!("JetStream consumer \"{consumer}\" not found for stream \"{stream}\" on account \"{account}\"");
    Some(fault(HealthErrorKind::Consumer, (account, stream, consumer), text))
}

fn fault(kind: HealthErrorKind, (account, stream, consumer): (&str, &str, &str), error: String) -> HealthError {
    HealthError { kind, account: account.to_owned(), stream: stream.to_owned(), consumer: consumer.to_owned(), error }
}
