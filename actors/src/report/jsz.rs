//! `/jsz` and `/raftz`.

use std::time::SystemTime;

use serde_json::Value;
use troupe_codecs::report::jsz::{JetStreamConfig, JetStreamStats};
use troupe_codecs::report::{Jsz, JszOptions, RaftzOptions, Timestamp};

use super::{ReportError, Reporter};

/// Most accounts in one answer, where the request names no limit.
const DEFAULT_LIMIT: i64 = 1024;

impl Reporter {
    /// JetStream: what it holds and what it may hold.
    ///
    /// # Errors
    /// There is no such account, or this server is not the leader that was asked for.
    pub async fn jsz(&self, mut options: JszOptions) -> Result<Jsz, ReportError> {
        options.offset = options.offset.max(0);
        if options.limit == 0 {
            options.limit = DEFAULT_LIMIT;
        }
        options.streams |= options.consumer;
        options.accounts |= options.streams && options.account.is_empty();
        let document = Jsz {
            stats: JetStreamStats::default(),
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            disabled: false,
            config: JetStreamConfig::default(),
            limits: None,
            streams: 0,
            streams_leader: 0,
            consumers: 0,
            consumers_leader: 0,
            messages: 0,
            bytes: 0,
            meta_cluster: None,
            account_details: Vec::new(),
            total: 0,
        };
        match self.sources().jetstream.get() {
            Some(source) => source.jsz(options, document).await,
            None if options.leader_only => Err(ReportError::NotLeader),
            None => Ok(Jsz { disabled: true, ..document }),
        }
    }

    /// Replication groups by account and group.
    ///
    /// # Errors
    /// There is none, or none that was asked for.
    pub async fn raftz(&self, options: RaftzOptions) -> Result<Value, ReportError> {
        match self.sources().jetstream.get() {
            None => Err(ReportError::NoGroups),
            Some(source) => source.raftz(options).await.ok_or(ReportError::NoGroups),
        }
    }
}
