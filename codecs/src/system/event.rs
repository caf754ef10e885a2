//! What happened in the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ClientInfo, ServerStamp};
use crate::report::Timestamp;
use crate::report::accountz::AccountStat;
use crate::report::json::go_float;
use crate::report::time::nanoseconds;
use crate::report::varz_blocks::JetStreamVarz;

/// Type of [`ConnectEvent`].
pub const CONNECT: &str = "io.nats.server.advisory.v1.client_connect";
/// Type of [`DisconnectEvent`].
pub const DISCONNECT: &str = "io.nats.server.advisory.v1.client_disconnect";
/// Type of [`AccountConnections`].
pub const CONNECTIONS: &str = "io.nats.server.advisory.v1.account_connections";
/// Type of [`ServiceLatency`].
pub const LATENCY: &str = "io.nats.server.metric.v1.service_latency";

/// Type of [`CertificateRefused`].
pub const CERTIFICATE_REFUSED: &str = "io.nats.server.advisory.v1.ocsp_peer_reject";
/// Type of [`CertificateInvalid`].
pub const CERTIFICATE_INVALID: &str = "io.nats.server.advisory.v1.ocsp_peer_link_invalid";

/// How every typed event begins.
#[derive(Clone, Debug, Serialize)]
pub struct EventHead {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Unique identifier.
    pub id: String,
    /// When it happened.
    pub timestamp: Timestamp,
}

/// Messages and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Messages.
    pub msgs: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A client came.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectEvent {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// Who tells.
    pub server: ServerStamp,
    /// Who came.
    pub client: ClientInfo,
}

/// A client went, or was not let in.
#[derive(Clone, Debug, Serialize)]
pub struct DisconnectEvent {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// Who tells.
    pub server: ServerStamp,
    /// Who went.
    pub client: ClientInfo,
    /// What the server got from it.
    pub sent: Amount,
    /// What it got from the server.
    pub received: Amount,
    /// Why.
    pub reason: String,
}

/// A certificate.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateInfo {
    /// Whose it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Who issued it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// Its SHA-256 in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// The whole, in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw: String,
}

/// A client was not let in, because its certificates are not good.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateRefused {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// Kind of connection.
    pub kind: &'static str,
    /// Its own certificate.
    pub peer: CertificateInfo,
    /// Who tells.
    pub server: ServerStamp,
    /// Why.
    pub reason: String,
}

/// A certificate that a client showed is not good.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateInvalid {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// The one that is not good.
    pub link: CertificateInfo,
    /// The client's own.
    pub peer: CertificateInfo,
    /// Who tells.
    pub server: ServerStamp,
    /// Why.
    pub reason: String,
}

/// The number of an account's connections changed.
#[derive(Clone, Debug, Serialize)]
pub struct AccountConnections {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// Who tells.
    pub server: ServerStamp,
    /// The numbers.
    #[serde(flatten)]
    pub stat: AccountStat,
}

/// Numbers by kind of connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindStats {
    /// Clients.
    pub clients: u64,
    /// Routes.
    pub routes: u64,
    /// Gateways.
    pub gateways: u64,
    /// Leaf nodes.
    pub leafs: u64,
}

/// Traffic with one other server.
#[derive(Clone, Debug, Serialize)]
pub struct RouteStat {
    /// Connection id.
    pub rid: u64,
    /// Name of the other server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it got.
    pub sent: Amount,
    /// What it sent.
    pub received: Amount,
    /// Bytes waiting for it.
    pub pending: u64,
}

/// Numbers of the server.
#[derive(Clone, Debug, Serialize)]
pub struct ServerStats {
    /// When it started.
    pub start: Timestamp,
    /// Memory in bytes.
    pub mem: u64,
    /// Processor cores.
    pub cores: usize,
    /// Processor time used lately, in percent of one core.
    #[serde(serialize_with = "go_float")]
    pub cpu: f64,
    /// Clients.
    pub connections: u64,
    /// Clients so far.
    pub total_connections: u64,
    /// Accounts with connections or subscriptions.
    pub active_accounts: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// What it sent.
    pub sent: Amount,
    /// What it sent to clients.
    pub sent_to_clients: Amount,
    /// What it received.
    pub received: Amount,
    /// What it received from clients.
    pub received_from_clients: Amount,
    /// Slow consumers so far.
    pub slow_consumers: u64,
    /// Slow consumers by kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_consumer_stats: Option<KindStats>,
    /// Stale connections so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub stale_connections: u64,
    /// Stale connections by kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_connection_stats: Option<KindStats>,
    /// Clients that had to wait so far.
    #[serde(skip_serializing_if = "is_zero")]
    pub stalled_clients: u64,
    /// Routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteStat>,
    /// Servers known to run, this one included.
    pub active_servers: u64,
    /// JetStream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jetstream: Option<JetStreamVarz>,
    /// Threads that connections are spread over.
    pub gomaxprocs: usize,
}

/// Numbers of the server, with who tells.
#[derive(Clone, Debug, Serialize)]
pub struct StatszEvent {
    /// Who tells.
    pub server: ServerStamp,
    /// The numbers.
    pub statsz: ServerStats,
}

/// How long a service took.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceLatency {
    /// How it begins.
    #[serde(flatten)]
    pub head: EventHead,
    /// As in HTTP.
    pub status: u16,
    /// What went wrong.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub description: &'static str,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requestor: Option<ClientInfo>,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responder: Option<ClientInfo>,
    /// Headers that asked for the measurement.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Vec<String>>,
    /// When the requester sent it.
    pub start: Timestamp,
    /// Time of the service.
    #[serde(serialize_with = "nanoseconds")]
    pub service: Duration,
    /// Time of this server.
    #[serde(serialize_with = "nanoseconds")]
    pub system: Duration,
    /// All of it.
    #[serde(serialize_with = "nanoseconds")]
    pub total: Duration,
}

/// Half of a measurement: what the server of the responder tells that of the requester.
#[derive(Clone, Debug, Serialize)]
pub struct RemoteLatency<'a> {
    /// Account of the service.
    pub account: &'a str,
    /// Subject of the reply.
    pub req_id: &'a str,
    /// What was measured.
    pub m2: ServiceLatency,
}

/// The same, as far as it is looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RemoteMeasurement {
    /// Account of the service.
    pub account: String,
    /// Subject of the reply.
    pub req_id: String,
    /// What was measured.
    pub m2: MeasuredService,
}

/// A service, as the server of the responder measured it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MeasuredService {
    /// Who answered.
    pub responder: Option<ClientInfo>,
    /// Time of the service in nanoseconds.
    pub service: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
