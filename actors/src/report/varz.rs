//! `/varz`.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use troupe_codecs::client::ServerInfo;
use troupe_codecs::jwt::claims_json;
use troupe_codecs::report::connz::ProxyInfo;
use troupe_codecs::report::varz::{
    CountersVarz, DiskWaits, IdentityVarz, KindCounts, LimitsVarz, OcspCacheVarz, Proxies, TrafficVarz,
};
use troupe_codecs::report::varz_blocks::{ClusterVarz, MqttVarz, WebsocketVarz};
use troupe_codecs::report::{Timestamp, Varz, uptime_text};
use troupe_engine::options::tls::DEFAULT_TLS_TIMEOUT;
use troupe_engine::options::{Options, WriteTimeoutPolicy};

use super::{PeerCounts, Reporter};
use crate::connection::Traffic;
use crate::metrics::{ConnectionKind, KindCounters};
use crate::net::tls::ocsp::CacheCounts;

/// nats-server's experiments and what they are unless configured.
const FEATURE_FLAGS: [(&str, bool); 4] = [
    ("js_ack_fc_v2", false),
    ("js_api_reply_v2", false),
    ("js_raft_delete_range", true),
    ("js_snapshot_sources", false),
];

/// The figures that change all the time, the same as in `/varz`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Traffic of all kinds of connections.
    pub all: Traffic,
    /// Traffic of clients.
    pub clients: Traffic,
    /// Client connections now.
    pub connections: u64,
    /// Client connections so far.
    pub total_connections: u64,
    /// Route connections, and the servers behind them.
    pub routes: PeerCounts,
    /// Gateway connections.
    pub gateways: PeerCounts,
    /// Leaf node connections.
    pub leafs: PeerCounts,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Connections closed for being slow.
    pub slow_consumers: u64,
    /// Connections closed for not answering pings.
    pub stale_connections: u64,
    /// Times a publisher had to wait.
    pub stalled_clients: u64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time in percent of one core.
    pub cpu: f64,
}

impl Reporter {
    /// The figures of `/varz` that change all the time. Cheap: a look at each connection's counters.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let services = &self.services;
        let sources = self.sources();
        let routes = sources.routes.get().map(|source| source.counts()).unwrap_or_default();
        let gateways = sources.gateways.get().map(|source| source.counts()).unwrap_or_default();
        let leafs = sources.leafs.get().map(|source| source.counts()).unwrap_or_default();
        let clients = services.registry.traffic();
        let mut all = clients;
        [routes, gateways, leafs].iter().for_each(|peers| all += peers.traffic);
        let usage = self.usage.read(Instant::now());
        let counters = &services.counters;
        Totals {
            all,
            clients,
            connections: services.registry.len() as u64,
            total_connections: services.num_accepted(),
            routes,
            gateways,
            leafs,
            subscriptions: services.accounts.all().iter().map(|account| account.snapshot().len() as u64).sum(),
            slow_consumers: counters.slow_consumers.total(),
            stale_connections: counters.stale_connections.total(),
            stalled_clients: counters.num_stalls(),
            memory: usage.memory,
            cpu: usage.cpu,
        }
    }

    /// The server, its options and its counters.
    #[must_use]
    pub fn varz(&self) -> Varz {
        let options = self.services.options();
        let totals = self.totals();
        let now = SystemTime::now();
        let sources = self.sources();
        let cluster = sources.routes.get().map(|source| source.varz());
        let counters = &self.services.counters;
        let operators = options.trust.as_ref().map(|trust| trust.operators.as_slice()).unwrap_or_default();
        let certificate_end = self.services.tls().and_then(|tls| tls.load().certificate_not_after());
        Varz {
            identity: IdentityVarz {
                // INFO leaves this out where guests may come in, too.
                auth_required: self.services.authenticator().current().is_configured(),
                tls_ocsp_peer_verify: options.tls.as_ref().is_some_and(|tls| tls.ocsp_peer.verify),
                ..identity(&self.services.info())
            },
            limits: limits(&options),
            cluster: cluster.unwrap_or_else(|| named_cluster(&options)),
            gateway: sources.gateways.get().map(|source| source.varz()).unwrap_or_default(),
            leaf: sources.leafs.get().map(|source| source.varz()).unwrap_or_default(),
            mqtt: MqttVarz::default(),
            websocket: WebsocketVarz::default(),
            jetstream: sources.jetstream.get().map(|source| source.varz()).unwrap_or_default(),
            tls_timeout: options.tls.as_ref().map_or(DEFAULT_TLS_TIMEOUT, |tls| tls.timeout).as_secs_f64(),
            write_deadline: options.timing.write_deadline,
            write_timeout: write_timeout(options.timing.write_timeout),
            start: Timestamp(self.facts.start),
            now: Timestamp(now),
            uptime: uptime_text(now.duration_since(self.facts.start).unwrap_or_default()),
            mem: totals.memory,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            gomaxprocs: self.facts.num_arbiters,
            gomemlimit: 0,
            cpu: totals.cpu,
            counters: counted(&totals),
            http_req_stats: self.requests(),
            config_load_time: self.config_load_time(),
            config_digest: options.config_digest.clone().unwrap_or_default(),
            tags: options.server_tags.clone(),
            metadata: options.server_metadata.clone(),
            feature_flags: feature_flags(&options),
            trusted_operators_jwt: operators.iter().map(|token| token.text.clone()).collect(),
            trusted_operators_claim: operators.iter().filter_map(|token| claims_json(&token.text)).collect(),
            system_account: options.system_account_name().unwrap_or_default().to_owned(),
            pinned_account_fails: 0,
            slow_consumer_stats: by_kind(&counters.slow_consumers),
            stale_connection_stats: by_kind(&counters.stale_connections),
            disk_io_wait_stats: DiskWaits::default(),
            proxies: proxies(&options),
            ocsp_peer_cache: self.services.ocsp_cache().and_then(|cache| cache.counts()).map(cached),
            tls_cert_not_after: certificate_end.map(Timestamp::from_unix_seconds),
        }
    }
}

fn identity(info: &ServerInfo) -> IdentityVarz {
    IdentityVarz {
        server_id: info.server_id.clone(),
        server_name: info.server_name.clone(),
        version: info.version.clone(),
        proto: info.proto,
        git_commit: info.git_commit.clone(),
        go: info.go.clone(),
        host: info.host.clone(),
        port: info.port,
        auth_required: info.auth_required,
        tls_required: info.tls_required,
        tls_verify: info.tls_verify,
        tls_ocsp_peer_verify: false,
        ip: String::new(),
        connect_urls: info.connect_urls.clone(),
        ws_connect_urls: Vec::new(),
    }
}

fn cached(counts: CacheCounts) -> OcspCacheVarz {
    OcspCacheVarz {
        cache_type: "local",
        cache_hits: counts.hits,
        cache_misses: counts.misses,
        cached_responses: counts.responses,
        cached_revoked_responses: counts.revoked,
        cached_good_responses: counts.good,
        cached_unknown_responses: counts.unknown,
    }
}

fn limits(options: &Options) -> LimitsVarz {
    let monitor = &options.monitor;
    LimitsVarz {
        max_connections: options.limits.max_connections,
        max_subscriptions: options.limits.max_subscriptions,
        ping_interval: options.timing.ping_interval,
        ping_max: options.timing.max_pings_out,
        http_host: monitor.host(&options.listen).to_owned(),
        http_port: monitor.http_port,
        http_base_path: monitor.base_path.clone(),
        https_port: monitor.https_port,
        auth_timeout: options.auth_timeout().as_secs_f64(),
        max_control_line: options.limits.max_control_line,
        max_payload: options.limits.max_payload,
        max_pending: options.limits.max_pending,
    }
}

fn counted(totals: &Totals) -> CountersVarz {
    CountersVarz {
        connections: totals.connections,
        total_connections: totals.total_connections,
        routes: totals.routes.connections,
        remotes: totals.routes.remotes,
        leafnodes: totals.leafs.connections,
        traffic: TrafficVarz {
            in_msgs: totals.all.in_msgs,
            in_bytes: totals.all.in_bytes,
            in_client_msgs: totals.clients.in_msgs,
            in_client_bytes: totals.clients.in_bytes,
            out_msgs: totals.all.out_msgs,
            out_bytes: totals.all.out_bytes,
            out_client_msgs: totals.clients.out_msgs,
            out_client_bytes: totals.clients.out_bytes,
        },
        slow_consumers: totals.slow_consumers,
        stale_connections: totals.stale_connections,
        stalled_clients: totals.stalled_clients,
        subscriptions: totals.subscriptions,
    }
}

/// A server may know the name of its cluster without being connected to it.
fn named_cluster(options: &Options) -> ClusterVarz {
    ClusterVarz { name: options.cluster.name.clone().unwrap_or_default(), ..ClusterVarz::default() }
}

pub(super) fn write_timeout(policy: WriteTimeoutPolicy) -> &'static str {
    match policy {
        WriteTimeoutPolicy::Default => "",
        WriteTimeoutPolicy::Close => "close",
        WriteTimeoutPolicy::Retry => "retry",
    }
}

fn feature_flags(options: &Options) -> BTreeMap<String, bool> {
    let mut flags: BTreeMap<String, bool> =
        FEATURE_FLAGS.iter().map(|(name, is_on)| ((*name).to_owned(), *is_on)).collect();
    flags.extend(options.feature_flags.clone());
    flags
}

fn by_kind(counters: &KindCounters) -> KindCounts {
    KindCounts {
        clients: counters.of(ConnectionKind::Client),
        routes: counters.of(ConnectionKind::Route),
        gateways: counters.of(ConnectionKind::Gateway),
        leafs: counters.of(ConnectionKind::Leaf),
    }
}

fn proxies(options: &Options) -> Option<Proxies> {
    let keys = &options.auth.trusted_proxies;
    let trusted = keys.iter().map(|key| ProxyInfo { key: key.clone() }).collect();
    (!keys.is_empty()).then_some(Proxies { trusted })
}
