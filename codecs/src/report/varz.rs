//! `/varz`: the server, its options and its counters.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::json::go_float;
use super::time::{Timestamp, nanoseconds};
use super::varz_blocks::{ClusterVarz, GatewayVarz, JetStreamVarz, LeafVarz, MqttVarz, WebsocketVarz};
use super::{is_false, is_zero};

/// The answer. Blocks of subsystems that are off are there and empty.
#[derive(Clone, Debug, Serialize)]
pub struct Varz {
    /// Who the server is.
    #[serde(flatten)]
    pub identity: IdentityVarz,
    /// What it was told.
    #[serde(flatten)]
    pub limits: LimitsVarz,
    /// Routes.
    pub cluster: ClusterVarz,
    /// Gateways.
    pub gateway: GatewayVarz,
    /// Leaf nodes.
    pub leaf: LeafVarz,
    /// MQTT.
    pub mqtt: MqttVarz,
    /// WebSocket.
    pub websocket: WebsocketVarz,
    /// JetStream.
    pub jetstream: JetStreamVarz,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float")]
    pub tls_timeout: f64,
    /// Longest time of one flush.
    #[serde(serialize_with = "nanoseconds")]
    pub write_deadline: Duration,
    /// What happens after it: empty for the default.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub write_timeout: &'static str,
    /// When the server started.
    pub start: Timestamp,
    /// When this was made.
    pub now: Timestamp,
    /// Time in between.
    pub uptime: String,
    /// Resident memory in bytes.
    pub mem: u64,
    /// Processor cores.
    pub cores: usize,
    /// Threads that connections are spread over.
    pub gomaxprocs: usize,
    /// Memory limit of the language's runtime.
    #[serde(skip_serializing_if = "is_zero")]
    pub gomemlimit: u64,
    /// Processor time used lately, in percent of one core.
    #[serde(serialize_with = "go_float")]
    pub cpu: f64,
    /// What it counted.
    #[serde(flatten)]
    pub counters: CountersVarz,
    /// Requests to the monitor by path.
    pub http_req_stats: BTreeMap<&'static str, u64>,
    /// When the configuration was read.
    pub config_load_time: Timestamp,
    /// Its digest.
    pub config_digest: String,
    /// Tags of the server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Metadata of the server.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Experiments by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_flags: BTreeMap<String, bool>,
    /// Operator JWTs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_operators_jwt: Vec<String>,
    /// Their claims.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_operators_claim: Vec<Value>,
    /// Name of the system account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Logins refused because the account was not pinned.
    #[serde(skip_serializing_if = "is_zero")]
    pub pinned_account_fails: u64,
    /// Slow consumers by kind.
    pub slow_consumer_stats: KindCounts,
    /// Stale connections by kind.
    pub stale_connection_stats: KindCounts,
    /// Waits for the disk.
    pub disk_io_wait_stats: DiskWaits,
    /// Trusted proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxies: Option<Proxies>,
    /// What authorities said of clients' certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocsp_peer_cache: Option<OcspCacheVarz>,
    /// End of the server certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// The cache of what authorities said of clients' certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OcspCacheVarz {
    /// `local`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub cache_type: &'static str,
    /// Questions it answered.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_hits: u64,
    /// Questions it did not answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_misses: u64,
    /// Answers in it.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_responses: u64,
    /// Those that say revoked.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_revoked_responses: u64,
    /// Those that say good.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_good_responses: u64,
    /// Those that say unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_unknown_responses: u64,
}

/// Who the server is and where clients find it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IdentityVarz {
    /// Public nkey of the server.
    pub server_id: String,
    /// Configured name, or the id.
    pub server_name: String,
    /// Version whose behaviour is offered.
    pub version: String,
    /// Client protocol version.
    pub proto: u8,
    /// Commit of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Version of the language the server is built with.
    pub go: String,
    /// Host of the client listener, as INFO tells it.
    pub host: String,
    /// Port of the client listener, as INFO tells it.
    pub port: u16,
    /// Clients must authenticate.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// Clients must use TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Clients must show a certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Certificates of clients are checked by OCSP.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_ocsp_peer_verify: bool,
    /// Advertised address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Addresses of the cluster's servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// The same for WebSocket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
}

/// Limits, times and the monitor's own address.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LimitsVarz {
    /// Most connections.
    pub max_connections: i64,
    /// Most subscriptions of one connection.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_subscriptions: usize,
    /// Time between pings.
    #[serde(serialize_with = "nanoseconds")]
    pub ping_interval: Duration,
    /// Unanswered pings that make a connection stale.
    pub ping_max: u32,
    /// Host of the monitor.
    pub http_host: String,
    /// Port of the monitor, as configured.
    pub http_port: i32,
    /// Path in front of every endpoint.
    pub http_base_path: String,
    /// Port of the monitor with TLS, as configured.
    pub https_port: i32,
    /// Time for CONNECT in seconds.
    #[serde(serialize_with = "go_float")]
    pub auth_timeout: f64,
    /// Longest control line.
    pub max_control_line: usize,
    /// Largest message.
    pub max_payload: usize,
    /// Most bytes waiting for one client.
    pub max_pending: usize,
}

/// Connections, traffic, trouble.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CountersVarz {
    /// Client connections.
    pub connections: u64,
    /// Client connections so far.
    pub total_connections: u64,
    /// Route connections.
    pub routes: u64,
    /// Servers behind them.
    pub remotes: u64,
    /// Leaf node connections.
    pub leafnodes: u64,
    /// Traffic of all kinds of connections, and of clients.
    #[serde(flatten)]
    pub traffic: TrafficVarz,
    /// Connections closed for being slow.
    pub slow_consumers: u64,
    /// Connections closed for not answering pings.
    pub stale_connections: u64,
    /// Times a publisher had to wait.
    pub stalled_clients: u64,
    /// Subscriptions.
    pub subscriptions: u64,
}

/// Messages and payload bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrafficVarz {
    /// Messages received.
    pub in_msgs: u64,
    /// Bytes received.
    pub in_bytes: u64,
    /// Messages received from clients.
    pub in_client_msgs: u64,
    /// Bytes received from clients.
    pub in_client_bytes: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Bytes sent.
    pub out_bytes: u64,
    /// Messages sent to clients.
    pub out_client_msgs: u64,
    /// Bytes sent to clients.
    pub out_client_bytes: u64,
}

/// A count for each kind of connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindCounts {
    /// Clients.
    pub clients: u64,
    /// Routes.
    pub routes: u64,
    /// Gateways.
    pub gateways: u64,
    /// Leaf nodes.
    pub leafs: u64,
}

/// Waits for the disk; times in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskWaits {
    /// Waiting now.
    pub waiters: u64,
    /// Waits so far.
    pub waits: u64,
    /// Time waited so far.
    pub wait_time: u64,
    /// Longest wait.
    pub max_wait_time: u64,
}

/// Proxies that connections may come through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proxies {
    /// The trusted ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<super::connz::ProxyInfo>,
}
