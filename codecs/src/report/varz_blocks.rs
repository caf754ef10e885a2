//! The blocks of `/varz` that belong to one subsystem each. All fields are left out while it is off.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::json::go_float;
use super::time::{Timestamp, nanoseconds};
use super::{is_false, is_zero};

fn is_zero_float(value: &f64) -> bool {
    *value == 0.0
}

/// The `cluster` block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClusterVarz {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub cluster_port: i32,
    /// Time to authenticate in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub auth_timeout: f64,
    /// Configured routes, `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// TLS is used.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Certificates are asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Connections per server.
    #[serde(skip_serializing_if = "is_zero")]
    pub pool_size: i32,
    /// Longest time of one flush.
    #[serde(serialize_with = "nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub write_deadline: Duration,
    /// What happens after it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub write_timeout: &'static str,
    /// End of the certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// The `gateway` block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GatewayVarz {
    /// Name of this server's cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i32,
    /// Time to authenticate in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub auth_timeout: f64,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// TLS is used.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Certificates are asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Address told to others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advertise: String,
    /// Attempts to reach an implicit gateway.
    #[serde(skip_serializing_if = "is_zero")]
    pub connect_retries: i32,
    /// Configured gateways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<RemoteGatewayVarz>,
    /// Clusters that are not configured are refused.
    #[serde(skip_serializing_if = "is_false")]
    pub reject_unknown: bool,
    /// Longest time of one flush.
    #[serde(serialize_with = "nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub write_deadline: Duration,
    /// What happens after it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub write_timeout: &'static str,
    /// End of the certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// A configured gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RemoteGatewayVarz {
    /// Name of the cluster.
    pub name: String,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// Its servers, `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

/// The `leafnodes` block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LeafVarz {
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i32,
    /// Time to authenticate in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub auth_timeout: f64,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// TLS is used.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Certificates are asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// Configured remotes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<RemoteLeafVarz>,
    /// Longest time of one flush.
    #[serde(serialize_with = "nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub write_deadline: Duration,
    /// What happens after it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub write_timeout: &'static str,
    /// End of the certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// A configured remote of a leaf node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RemoteLeafVarz {
    /// Account it is bound to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_account: String,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// Where it connects to, `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Subjects it may not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<DenyRules>,
}

/// Subjects that may not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DenyRules {
    /// Outwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<String>,
    /// Inwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
}

/// The `mqtt` block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MqttVarz {
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i32,
    /// User of those who show nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_auth_user: String,
    /// Time to authenticate in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub auth_timeout: f64,
    /// Certificates name the user.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_map: bool,
    /// Time for a TLS handshake in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub tls_timeout: f64,
    /// Accepted keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_pinned_certs: Vec<String>,
    /// JetStream domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub js_domain: String,
    /// Time for an acknowledgement.
    #[serde(serialize_with = "nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub ack_wait: Duration,
    /// Most messages not acknowledged.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: u16,
    /// End of the certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// The `websocket` block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WebsocketVarz {
    /// Host of the listener.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Port of the listener.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i32,
    /// Address told to clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advertise: String,
    /// User of those who show nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_auth_user: String,
    /// Cookie with the JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt_cookie: String,
    /// Time for the upgrade.
    #[serde(serialize_with = "nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub handshake_timeout: Duration,
    /// Time to authenticate in seconds.
    #[serde(serialize_with = "go_float", skip_serializing_if = "is_zero_float")]
    pub auth_timeout: f64,
    /// TLS is off on purpose.
    #[serde(skip_serializing_if = "is_false")]
    pub no_tls: bool,
    /// Certificates name the user.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_map: bool,
    /// Accepted keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_pinned_certs: Vec<String>,
    /// The origin must be the host.
    #[serde(skip_serializing_if = "is_false")]
    pub same_origin: bool,
    /// Accepted origins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// Frames may be compressed.
    #[serde(skip_serializing_if = "is_false")]
    pub compression: bool,
    /// End of the certificate's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// The `jetstream` block: filled by whoever serves JetStream.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct JetStreamVarz {
    /// Configuration in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// Use of memory and disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Value>,
    /// Meta group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
    /// Limits in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Value>,
}
