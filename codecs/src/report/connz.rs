//! `/connz`: connections, open and closed.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use super::subsz::SubDetail;
use super::time::Timestamp;
use super::{is_false, is_zero};

/// Most connections in one answer, where the request names no limit.
pub const DEFAULT_LIMIT: usize = 1024;

/// What `/connz` and the `CONNZ` requests can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConnzOptions {
    /// Name of the order, see [`ConnSort`]; empty is by connection id.
    pub sort: String,
    /// Show user, account and certificates.
    pub auth: bool,
    /// Show subjects of subscriptions.
    pub subscriptions: bool,
    /// Show subscriptions.
    pub subscriptions_detail: bool,
    /// Connections to leave out at the front. Negative is none.
    pub offset: i64,
    /// Most connections. Zero or less is [`DEFAULT_LIMIT`].
    pub limit: i64,
    /// Only this connection; zero is any.
    pub cid: u64,
    /// Only the connection of this MQTT client.
    pub mqtt_client: String,
    /// Open ones, closed ones, or both.
    pub state: ConnState,
    /// Only connections of this user.
    pub user: String,
    /// Only connections of this account.
    pub acc: String,
    /// Only connections with a subscription that overlaps this subject; needs an account.
    pub filter_subject: String,
}

/// Which connections are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnState {
    /// Those that are.
    #[default]
    Open,
    /// The last ones that were.
    Closed,
    /// Both.
    All,
}

impl<'de> Deserialize<'de> for ConnState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            0 => Ok(Self::Open),
            1 => Ok(Self::Closed),
            2 => Ok(Self::All),
            other => Err(D::Error::custom(format!("no connection state has the number {other}"))),
        }
    }
}

macro_rules! orders {
    ($($name:ident = $text:literal: $what:literal,)*) => {
        /// Orders of connections.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ConnSort {
            $(#[doc = $what] $name,)*
        }

        impl ConnSort {
            /// The order of this name; the empty name is by connection id.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    "" => Some(Self::Cid),
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

orders! {
    Cid = "cid": "Connection id, ascending.",
    Start = "start": "As by connection id.",
    Subs = "subs": "Most subscriptions first.",
    Pending = "pending": "Most pending bytes first.",
    MsgsTo = "msgs_to": "Most messages sent first.",
    MsgsFrom = "msgs_from": "Most messages received first.",
    BytesTo = "bytes_to": "Most bytes sent first.",
    BytesFrom = "bytes_from": "Most bytes received first.",
    Last = "last": "Last active first.",
    Idle = "idle": "Longest idle first.",
    Uptime = "uptime": "Youngest first.",
    Stop = "stop": "Last closed first; closed connections only.",
    Reason = "reason": "By the text of the reason; closed connections only.",
    Rtt = "rtt": "Longest round trip first.",
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Connz {
    /// Id of the server. Empty where an unknown account was asked for.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// Connections in this answer.
    pub num_connections: usize,
    /// Connections there are in the asked state and account.
    pub total: usize,
    /// As asked for.
    pub offset: usize,
    /// As asked for.
    pub limit: usize,
    /// The connections of this page; `None` (null) where an unknown account was asked for.
    pub connections: Option<Vec<ConnInfo>>,
}

/// One connection.
#[derive(Clone, Debug, Serialize)]
pub struct ConnInfo {
    /// Id.
    pub cid: u64,
    /// `Client` or `Leafnode`.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub kind: &'static str,
    /// `nats`, `websocket` or `mqtt`.
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    pub protocol: &'static str,
    /// Address; empty for a Unix socket.
    pub ip: String,
    /// Port; zero for a Unix socket.
    pub port: u16,
    /// When it was accepted.
    pub start: Timestamp,
    /// When it last published, subscribed or unsubscribed.
    pub last_activity: Timestamp,
    /// When it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Timestamp>,
    /// Why it was closed.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// Round trip time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rtt: String,
    /// Time since, or until, it was closed.
    pub uptime: String,
    /// Time since the last activity.
    pub idle: String,
    /// Bytes waiting to be sent.
    pub pending_bytes: u64,
    /// Messages received.
    pub in_msgs: u64,
    /// Messages sent.
    pub out_msgs: u64,
    /// Payload bytes received.
    pub in_bytes: u64,
    /// Payload bytes sent.
    pub out_bytes: u64,
    /// Times it had to wait for a slow reader.
    #[serde(skip_serializing_if = "is_zero")]
    pub stalls: u64,
    /// Subscriptions.
    pub subscriptions: u32,
    /// Name from CONNECT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Language of the client library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Version of the client library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// TLS version.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub tls_version: &'static str,
    /// TLS cipher suite.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub tls_cipher_suite: &'static str,
    /// Certificates of the client.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_peer_certs: Vec<TlsPeerCert>,
    /// The TLS handshake came before INFO.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_first: bool,
    /// User, public key, or `[REDACTED]` for a token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authorized_user: String,
    /// Account, unless it is the global one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Subjects of its subscriptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list: Vec<String>,
    /// Its subscriptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions_list_detail: Vec<SubDetail>,
    /// User JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Readable name of the account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags of the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// MQTT client id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mqtt_client: String,
    /// The proxy it came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyInfo>,
}

/// A trusted proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyInfo {
    /// Public key.
    pub key: String,
}

/// A certificate a client showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsPeerCert {
    /// Distinguished name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// Hex SHA-256 of its public key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub spki_sha256: String,
    /// Hex SHA-256 of all of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cert_sha256: String,
}
