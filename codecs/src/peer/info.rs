//! `INFO` and `CONNECT` between servers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::client::info::go_json;

/// Subjects allowed and denied, as a server tells its peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectLists {
    /// At least one must fit; an empty list allows all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub allow: Vec<String>,
    /// None may fit.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub deny: Vec<String>,
}

/// `INFO` fields, in the order nats-server writes them. Absent options are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteInfo {
    /// Public nkey of the server.
    pub server_id: String,
    /// Configured name, or the id.
    pub server_name: String,
    /// Version.
    pub version: String,
    /// Version of the protocol between servers.
    pub proto: i64,
    /// Version of the language the server is built with.
    pub go: String,
    /// Host to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// Headers can be sent.
    pub headers: bool,
    /// CONNECT must carry credentials.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_required: bool,
    /// Routes are under TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_required: bool,
    /// The peer must show a certificate.
    #[serde(skip_serializing_if = "is_default")]
    pub tls_verify: bool,
    /// Largest message in bytes.
    pub max_payload: i64,
    /// JetStream is served.
    #[serde(skip_serializing_if = "is_default")]
    pub jetstream: bool,
    /// `nats-route://host:port/`: where others reach the server this tells of.
    #[serde(skip_serializing_if = "is_default")]
    pub ip: String,
    /// Not used on routes, and never passed on.
    #[serde(skip_serializing_if = "is_default")]
    pub nonce: String,
    /// Cluster name.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    /// That name was made up.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_dynamic: bool,
    /// JetStream domain.
    #[serde(skip_serializing_if = "is_default")]
    pub domain: String,
    /// Where clients reach the server.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub connect_urls: Vec<String>,
    /// Where WebSocket clients reach the server.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub ws_connect_urls: Vec<String>,
    /// The server is about to close its clients.
    #[serde(skip_serializing_if = "is_default")]
    pub ldm: bool,
    /// Compression mode.
    #[serde(skip_serializing_if = "is_default")]
    pub compression: String,
    /// Subjects it takes messages on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<SubjectLists>,
    /// Subjects it lets others subscribe to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<SubjectLists>,
    /// It understands where leaf nodes' interest comes from.
    #[serde(skip_serializing_if = "is_default")]
    pub lnoc: bool,
    /// The same at the end of that interest.
    #[serde(skip_serializing_if = "is_default")]
    pub lnocu: bool,
    /// Connections of a pool.
    #[serde(skip_serializing_if = "is_default")]
    pub route_pool_size: i64,
    /// Place of this connection in the pool.
    #[serde(skip_serializing_if = "is_default")]
    pub route_pool_idx: i64,
    /// The one account this connection is for.
    #[serde(skip_serializing_if = "is_default")]
    pub route_account: String,
    /// Number of a request to move an account to a connection of its own.
    #[serde(skip_serializing_if = "is_default")]
    pub route_acc_add_reqid: String,
    /// Whether this may be told to others: see [`GOSSIP_DISABLED`] and [`GOSSIP_OVERRIDE`].
    #[serde(skip_serializing_if = "is_default")]
    pub gossip_mode: u8,
    /// Gateway name; such an INFO tells of a gateway.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway: String,
    /// Where gateways reach the server.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway_url: String,
    /// Where leaf nodes reach the server.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub leafnode_urls: Vec<String>,
}

/// The receiver must not tell others of the server.
pub const GOSSIP_DISABLED: u8 = 1;
/// The receiver tells others of the server in any case.
pub const GOSSIP_OVERRIDE: u8 = 2;

impl RouteInfo {
    /// Reads the JSON behind `INFO`. Unknown keys are ignored, `ln` of nats-server 2.15.1 among them: what it sends does not depend on
    /// whether the other server says that, too.
    ///
    /// # Errors
    /// The text is no JSON object or a field has a wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The document as Go writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        go_json(self)
    }
}

/// `CONNECT` of the server that opened the connection.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteConnect {
    /// Always true.
    pub echo: bool,
    /// Always false.
    pub verbose: bool,
    /// Always false.
    pub pedantic: bool,
    /// User name.
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    /// Password.
    #[serde(skip_serializing_if = "is_default")]
    pub pass: String,
    /// The connection is under TLS.
    pub tls_required: bool,
    /// Headers can be sent.
    pub headers: bool,
    /// Id of the server.
    pub name: String,
    /// Cluster name.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster: String,
    /// That name was made up.
    #[serde(skip_serializing_if = "is_default")]
    pub cluster_dynamic: bool,
    /// It understands where leaf nodes' interest comes from.
    #[serde(skip_serializing_if = "is_default")]
    pub lnoc: bool,
    /// Name of a gateway, from a server that meant to reach one.
    #[serde(skip_serializing_if = "is_default")]
    pub gateway: String,
    /// Language of a client library, from a client that came to the wrong port.
    #[serde(skip_serializing_if = "is_default")]
    pub lang: String,
}

impl fmt::Debug for RouteConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, cluster, cluster_dynamic, user, .. } = self;
        let parts = (name, cluster, cluster_dynamic, user);
        f.debug_tuple("RouteConnect").field(&parts).finish()
    }
}

impl RouteConnect {
    /// Reads the JSON behind `CONNECT`. Unknown keys are ignored.
    ///
    /// # Errors
    /// The text is no JSON object or a field has a wrong type.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The document as Go writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        go_json(self)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads `null` as nothing, as Go does.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nats-server 2.15.1 wrote them.
    const INFO: &str = r#"{"server_id":"NDN2","server_name":"B","version":"2.15.1","proto":3,"go":"go1.27.2","host":"127.0.0.1","port":16223,"headers":true,"max_payload":1048576,"nonce":"dOdJ","cluster":"c1","connect_urls":["127.0.0.1:15223"],"compression":"off","lnoc":true,"lnocu":true,"route_pool_size":3,"route_account":"SYS"}"#;
    const CONNECT: &str = r#"{"echo":true,"verbose":false,"pedantic":false,"tls_required":false,"headers":true,"name":"NDN2","cluster":"c1","lnoc":true}"#;

    #[test]
    fn documents_are_read_and_written_as_nats_server_does() {
        let info = RouteInfo::parse(INFO.as_bytes()).unwrap();
        assert_eq!((info.port, info.route_pool_size, info.route_account.as_str()), (16223, 3, "SYS"));
        assert_eq!(String::from_utf8(info.to_json()).unwrap(), INFO);
        let connect = RouteConnect::parse(CONNECT.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(connect.to_json()).unwrap(), CONNECT);
    }

    #[test]
    fn null_lists_and_unknown_keys_are_taken() {
        let info =
            RouteInfo::parse(br#"{"connect_urls":null,"ln":true,"import":{"allow":null,"deny":["a"]}}"#).unwrap();
        assert_eq!(info.import, Some(SubjectLists { allow: vec![], deny: vec!["a".to_owned()] }));
        assert!(RouteInfo::parse(b"5").is_err() && RouteConnect::parse(br#"{"name":5}"#).is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        let connect = RouteConnect { pass: "hidden".to_owned(), ..RouteConnect::default() };
        assert!(!format!("{connect:?}").contains("hidden"));
    }
}
