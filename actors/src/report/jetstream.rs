//! JetStream, as `/varz`, `/jsz` and `/healthz` show it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};
use troupe_codecs::api::API_LEVEL;
use troupe_codecs::api::stream::StorageType;
use troupe_codecs::report::jsz::{ApiStats, JetStreamConfig, JetStreamStats};
use troupe_codecs::report::varz_blocks::JetStreamVarz;
use troupe_codecs::report::{HealthError, HealthErrorKind, HealthzOptions, Jsz, JszOptions, RaftzOptions};
use troupe_engine::options::SyncInterval;
use troupe_store::StoreDirectory;

use super::ReportError;
use super::sources::{Answer, JetStreamSource};
use crate::jetstream::messages::{self, StreamCommand};
use crate::jetstream::{JetStreamAccount, JetStreamServer, StreamEntry};

/// Accounts in one answer, where nothing is said.
const ACCOUNTS_LIMIT: usize = 1024;

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
        let limit = |limit: Option<u64>| limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let interval = match options.sync {
            SyncInterval::Always => 0,
            SyncInterval::Every(interval) => u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX),
        };
        JetStreamConfig {
            max_memory: limit(self.0.capacity().limit(StorageType::Memory)),
            max_storage: limit(self.0.capacity().limit(StorageType::File)),
            store_dir: self.0.parts().store_dir.display().to_string(),
            sync_interval: interval,
            sync_always: options.sync == SyncInterval::Always,
            domain: self.0.domain().to_owned(),
            compress_ok: true,
            unique_tag: options.unique_tag.clone().unwrap_or_default(),
            strict: options.strict,
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

    async fn fill(self, options: JszOptions, mut document: Jsz) -> Result<Jsz, ReportError> {
        let mut accounts = self.0.accounts();
        accounts.sort_by(|a, b| a.name().cmp(b.name()));
        document.stats = self.stats();
        document.config = self.config();
        document.disabled = false;
        document.total = accounts.len() as u64;
        for entry in accounts.iter().flat_map(|account| account.streams()) {
            document.streams += 1;
            document.consumers += entry.usage().consumers.load(Ordering::Relaxed);
            document.messages += entry.usage().messages.load(Ordering::Relaxed);
            document.bytes += entry.usage().bytes.load(Ordering::Relaxed);
        }
        let shows_streams = options.streams || options.consumer || options.config;
        if !options.account.is_empty() {
            accounts.retain(|account| **account.name() == *options.account);
            if accounts.is_empty() {
                return Err(ReportError::UnknownAccount(options.account));
            }
        } else if !(options.accounts || shows_streams) {
            return Ok(document);
        }
        let offset = usize::try_from(options.offset).unwrap_or(0);
        let limit = usize::try_from(options.limit).ok().filter(|limit| *limit > 0).unwrap_or(ACCOUNTS_LIMIT);
        for account in accounts.iter().skip(offset).take(limit) {
            document.account_details.push(account_detail(account, &options, shows_streams).await);
        }
        Ok(document)
    }
}

impl JetStreamSource for JetStreamReport {
    fn varz(&self) -> JetStreamVarz {
        JetStreamVarz {
            config: serde_json::to_value(self.config()).ok(),
            stats: serde_json::to_value(self.stats()).ok(),
            meta: None,
            limits: Some(json!({})),
        }
    }

    fn is_enabled_for(&self, account: &str) -> bool {
        self.0.account(account).is_some()
    }

    fn jsz(&self, options: JszOptions, document: Jsz) -> Answer<Result<Jsz, ReportError>> {
        Box::pin(self.clone().fill(options, document))
    }

    fn faults(&self, options: HealthzOptions) -> Answer<Vec<HealthError>> {
        let faults = faults(&self.0, &options);
        Box::pin(async move { faults })
    }

    fn raftz(&self, _: RaftzOptions) -> Answer<Option<Value>> {
        Box::pin(async { None })
    }
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

async fn account_detail(account: &JetStreamAccount, options: &JszOptions, shows_streams: bool) -> Value {
    let mut detail = Map::new();
    detail.insert("name".to_owned(), account.name().to_string().into());
    detail.insert("id".to_owned(), account.name().to_string().into());
    if let Ok(Value::Object(stats)) = serde_json::to_value(account_stats(account)) {
        detail.extend(stats);
    }
    if shows_streams {
        let mut streams = Vec::new();
        for entry in account.streams() {
            streams.extend(stream_detail(&entry, options).await);
        }
        detail.insert("stream_detail".to_owned(), streams.into());
    }
    Value::Object(detail)
}

async fn stream_detail(entry: &StreamEntry, options: &JszOptions) -> Option<Value> {
    let (answer, info) = messages::Answer::channel();
    if !entry.ask(StreamCommand::Info(answer)) {
        return None;
    }
    let info = info.await.ok()?;
    let mut detail = Map::new();
    detail.insert("name".to_owned(), info.config.name.clone().into());
    detail.insert("created".to_owned(), serde_json::to_value(info.created).ok()?);
    if options.config {
        detail.insert("config".to_owned(), serde_json::to_value(&info.config).ok()?);
    }
    detail.insert("state".to_owned(), serde_json::to_value(&info.state).ok()?);
    if let Some(mirror) = &info.mirror {
        detail.insert("mirror".to_owned(), serde_json::to_value(mirror).ok()?);
    }
    if !info.sources.is_empty() {
        detail.insert("sources".to_owned(), serde_json::to_value(&info.sources).ok()?);
    }
    Some(Value::Object(detail))
}

/// What is said of a stream that is served, without messages that were damaged.
pub(super) const LOST: &str = "has lost";

/// What is wrong, as far as it was asked for.
fn faults(server: &JetStreamServer, options: &HealthzOptions) -> Vec<HealthError> {
    if options.js_enabled || options.js_enabled_only || options.js_meta_only {
        return Vec::new();
    }
    let fault = |kind, account: &str, stream: &str, error: String| HealthError {
        kind,
        account: account.to_owned(),
        stream: stream.to_owned(),
        consumer: String::new(),
        error,
    };
    let (account, stream) = (options.account.as_str(), options.stream.as_str());
    if !account.is_empty() {
        let Some(found) = server.account(account) else {
            let text = format!("JetStream account \"{account}\" not found");
            return vec![fault(HealthErrorKind::Account, account, "", text)];
        };
        if !stream.is_empty() && found.stream(stream).is_none() {
            let text = format!("JetStream stream '{account} > {stream}' not found");
            return vec![fault(HealthErrorKind::Stream, account, stream, text)];
        }
    }
    let disk = match server.directory().map(StoreDirectory::health) {
        Some(Ok(())) => None,
        Some(Err(cause)) => Some(format!("JetStream cannot write: {cause}")),
        None => Some("JetStream has no store directory".to_owned()),
    };
    let disk = disk.map(|text| fault(HealthErrorKind::JetStream, "", "", text));
    let health = server.health();
    let is_meant = |place: &(&String, &String)| {
        (account.is_empty() || place.0 == account) && (stream.is_empty() || place.1 == stream)
    };
    let offline = health.offline.iter().filter(|(account, stream, _)| is_meant(&(account, stream)));
    let offline = offline.map(|(account, stream, reason)| {
        let text = format!("JetStream stream '{account} > {stream}' is offline: {reason}");
        fault(HealthErrorKind::Stream, account, stream, text)
    });
    let recovering = health.recovering.iter().filter(|(account, stream)| is_meant(&(account, stream)));
    let recovering = recovering.map(|(account, stream)| {
        let text = format!("JetStream stream '{account} > {stream}' is not recovered yet");
        fault(HealthErrorKind::Stream, account, stream, text)
    });
    let damaged = health.damaged.iter().filter(|(account, stream, _)| is_meant(&(account, stream)));
    let damaged = damaged.map(|(account, stream, lost)| {
        let text = format!("JetStream stream '{account} > {stream}' {LOST} {lost} messages to damage");
        fault(HealthErrorKind::Stream, account, stream, text)
    });
    disk.into_iter().chain(offline).chain(recovering).chain(damaged).collect()
}
