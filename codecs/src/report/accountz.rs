//! `/accountz` and `/accstatz`: accounts and their traffic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::subsz::SublistStats;
use super::time::Timestamp;
use super::{is_false, is_zero};

/// What `/accountz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AccountzOptions {
    /// Show this account; empty lists all names.
    pub account: String,
}

/// Names of accounts, or one account.
#[derive(Clone, Debug, Serialize)]
pub struct Accountz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// Name of the system account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Names of all accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The account that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_detail: Option<AccountInfo>,
}

/// One account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountInfo {
    /// Name.
    pub account_name: String,
    /// When it was last configured.
    pub update_time: Timestamp,
    /// It is the system account.
    #[serde(skip_serializing_if = "is_false")]
    pub is_system: bool,
    /// Its JWT has expired.
    pub expired: bool,
    /// All its imports were found.
    pub complete: bool,
    /// It has JetStream.
    pub jetstream_enabled: bool,
    /// Leaf node connections.
    pub leafnode_connections: u64,
    /// Client connections.
    pub client_connections: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// What it shares, takes over and maps.
    #[serde(flatten)]
    pub sharing: AccountSharing,
    /// Its JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Readable name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What stands in its JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded_jwt: Option<Value>,
    /// Users whose tokens it has taken back, and those issued until when.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_user: BTreeMap<String, Timestamp>,
    /// State of its index.
    pub sublist_stats: SublistStats,
    /// Reply subjects of service imports that are under way.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, ImportInfo>,
    /// Limits that nats-server does not have, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsInfo>,
}

/// Limits of an account that nats-server does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LimitsInfo {
    /// Of all connections of the account together.
    #[serde(flatten)]
    pub rate: RateInfo,
    /// Users with limits of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserLimitsInfo>,
}

/// Limits of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UserLimitsInfo {
    /// User.
    pub user: String,
    /// Its connections.
    pub connections: u64,
    /// Most connections.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_connections: u64,
    /// How fast it may publish.
    #[serde(flatten)]
    pub rate: RateInfo,
}

/// How fast somebody may publish. Zero is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RateInfo {
    /// Messages each second.
    #[serde(skip_serializing_if = "is_zero")]
    pub messages_per_second: u64,
    /// Messages at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub messages_burst: u64,
    /// Bytes each second.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_per_second: u64,
    /// Bytes at once.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_burst: u64,
    /// Times a connection had to wait.
    #[serde(skip_serializing_if = "is_zero")]
    pub waits: u64,
}

/// What an account shares, takes over and maps.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AccountSharing {
    /// Destinations by source subject.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<MappingInfo>>,
    /// Exports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<ExportInfo>,
    /// Imports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportInfo>,
}

/// One destination of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MappingInfo {
    /// Subject.
    pub subject: String,
    /// Share in percent.
    pub weight: u8,
    /// Only in this cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}

/// One export.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ExportInfo {
    /// Subject.
    pub subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Importers need a token.
    #[serde(skip_serializing_if = "is_false")]
    pub token_req: bool,
    /// `Singleton`, `Streamed` or `Chunked`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub response_type: &'static str,
    /// Where latencies go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<Value>,
    /// Accounts that may import.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_accounts: Vec<String>,
}

/// One import.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportInfo {
    /// Subject in the exporting account.
    pub subject: String,
    /// Exporting account.
    pub account: String,
    /// Subject in this account, of services.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Subject in this account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// There is no such export.
    pub invalid: bool,
    /// The exporter learns who asks.
    pub share: bool,
    /// Latency is tracked for a header of the request.
    pub tracking: bool,
    /// Where latencies go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Value>,
}

/// What `/accstatz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AccstatzOptions {
    /// Only these accounts; empty is all.
    pub accounts: Vec<String>,
    /// Also accounts without a connection.
    pub include_unused: bool,
}

/// Traffic of accounts.
#[derive(Clone, Debug, Serialize)]
pub struct Accstatz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// The accounts.
    pub account_statz: Vec<AccountStat>,
}

/// Traffic of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccountStat {
    /// Account.
    pub acc: String,
    /// Readable name.
    pub name: String,
    /// Client connections.
    pub conns: u64,
    /// Leaf node connections.
    pub leafnodes: u64,
    /// Connections in the whole cluster.
    pub total_conns: u64,
    /// Subscriptions.
    pub num_subscriptions: u64,
    /// Delivered.
    pub sent: DataStats,
    /// Published.
    pub received: DataStats,
    /// Connections closed for being slow.
    pub slow_consumers: u64,
}

/// Messages and bytes, in all and by kind of connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DataStats {
    /// All of them.
    #[serde(flatten)]
    pub all: MsgBytes,
    /// Over gateways.
    pub gateways: MsgBytes,
    /// Over routes.
    pub routes: MsgBytes,
    /// Over leaf nodes.
    pub leafs: MsgBytes,
}

/// Messages and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MsgBytes {
    /// Messages.
    pub msgs: u64,
    /// Bytes.
    pub bytes: u64,
}

impl MsgBytes {
    /// Whether nothing moved.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        is_zero(&self.msgs) && is_zero(&self.bytes)
    }
}
