//! `/routez`, `/gatewayz` and `/leafz`: connections between servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::connz::{ConnInfo, ProxyInfo};
use super::subsz::SubDetail;
use super::time::Timestamp;
use super::{is_false, is_zero};

/// What `/routez` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RoutezOptions {
    /// Show subjects of subscriptions.
    pub subscriptions: bool,
    /// Show subscriptions.
    pub subscriptions_detail: bool,
}

/// Routes.
#[derive(Clone, Debug, Serialize)]
pub struct Routez {
    /// Id of the server.
    pub server_id: String,
    /// Name of the server.
    pub server_name: String,
    /// When it was made.
    pub now: Timestamp,
    /// Subjects all routes may bring in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<SubjectRules>,
    /// Subjects all routes may take out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<SubjectRules>,
    /// Connections; a server has several to each of the others.
    pub num_routes: usize,
    /// The connections.
    pub routes: Vec<RouteInfo>,
}

/// Subjects allowed and denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubjectRules {
    /// Allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// One route connection.
#[derive(Clone, Debug, Serialize)]
pub struct RouteInfo {
    /// Connection id.
    pub rid: u64,
    /// Id of the other server.
    pub remote_id: String,
    /// Name of the other server.
    pub remote_name: String,
    /// This server made it.
    pub did_solicit: bool,
    /// It is in the configuration.
    pub is_configured: bool,
    /// Address.
    pub ip: String,
    /// Port.
    pub port: u16,
    /// When it was made.
    pub start: Timestamp,
    /// When it was last active.
    pub last_activity: Timestamp,
    /// Round trip time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rtt: String,
    /// Time since its start.
    pub uptime: String,
    /// Time since the last activity.
    pub idle: String,
    /// Subjects it may bring in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<SubjectRules>,
    /// Subjects it may take out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<SubjectRules>,
    /// Bytes waiting to be sent.
    pub pending_size: u64,
    /// Messages received.
    pub in_msgs: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Bytes received.
    pub in_bytes: u64,
    /// Bytes sent.
    pub out_bytes: u64,
    /// Subscriptions of the other server.
    pub subscriptions: u32,
    /// Their subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// All of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// The account it is for, where it is for one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Compression.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
}

/// What `/gatewayz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GatewayzOptions {
    /// Only this gateway.
    pub name: String,
    /// Show accounts.
    pub accounts: bool,
    /// Show this account only.
    pub account_name: String,
    /// Show subjects of the accounts' subscriptions.
    pub subscriptions: bool,
    /// Show the accounts' subscriptions.
    pub subscriptions_detail: bool,
}

/// Gateways.
#[derive(Clone, Debug, Serialize)]
pub struct Gatewayz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// Name of this server's cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u16,
    /// Connections this server made, by cluster.
    pub outbound_gateways: BTreeMap<String, RemoteGatewayz>,
    /// Connections made to this server, by cluster.
    pub inbound_gateways: BTreeMap<String, Vec<RemoteGatewayz>>,
}

/// One gateway connection.
#[derive(Clone, Debug, Serialize)]
pub struct RemoteGatewayz {
    /// It is in the configuration.
    pub configured: bool,
    /// The connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnInfo>,
    /// Interest of accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountGatewayz>,
}

/// Interest of one account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountGatewayz {
    /// Account.
    pub name: String,
    /// `Optimistic`, `Transitioning` or `Interest-Only`.
    pub interest_mode: &'static str,
    /// Subjects known to interest nobody.
    #[serde(skip_serializing_if = "is_zero")]
    pub no_interest_count: u64,
    /// How many of them change the mode.
    #[serde(skip_serializing_if = "is_zero")]
    pub interest_only_threshold: u64,
    /// Subscriptions.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_subs: u64,
    /// Queue groups.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_queue_subs: u64,
    /// Subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Subscriptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
}

/// What `/leafz` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LeafzOptions {
    /// Show subjects of subscriptions.
    pub subscriptions: bool,
    /// Only this account.
    pub account: String,
}

/// Leaf nodes.
#[derive(Clone, Debug, Serialize)]
pub struct Leafz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// Connections.
    pub leafnodes: usize,
    /// The connections.
    pub leafs: Vec<LeafInfo>,
}

/// One leaf node connection.
#[derive(Clone, Debug, Serialize)]
pub struct LeafInfo {
    /// Connection id.
    pub id: u64,
    /// Name of the other server.
    pub name: String,
    /// The other side is the spoke.
    pub is_spoke: bool,
    /// Interest of other leaf nodes is not sent to it.
    #[serde(skip_serializing_if = "is_false")]
    pub is_isolated: bool,
    /// Account.
    pub account: String,
    /// Address.
    pub ip: String,
    /// Port.
    pub port: u16,
    /// Round trip time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rtt: String,
    /// Messages received.
    pub in_msgs: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Bytes received.
    pub in_bytes: u64,
    /// Bytes sent.
    pub out_bytes: u64,
    /// Subscriptions.
    pub subscriptions: u32,
    /// Their subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Compression.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression: String,
    /// The proxy it came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyInfo>,
}
