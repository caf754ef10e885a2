//! The `INFO` document a server sends to clients.

use serde::{Deserialize, Serialize};

/// `INFO` fields, in the order nats-server writes them. Absent options are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Public nkey of the server, 56 characters.
    pub server_id: String,
    /// Configured name, or the id.
    pub server_name: String,
    /// Version clients gate features on.
    pub version: String,
    /// Client protocol version: 1.
    pub proto: u8,
    /// Short commit hash of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Version of the language the server is built with.
    pub go: String,
    /// Host to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// Headers can be sent.
    pub headers: bool,
    /// CONNECT must carry credentials.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// The connection must be upgraded to TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// The client must show a certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// The connection may be upgraded to TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_available: bool,
    /// Largest message in bytes, headers included.
    pub max_payload: usize,
    /// JetStream is served.
    #[serde(skip_serializing_if = "is_false")]
    pub jetstream: bool,
    /// Connection id.
    #[serde(skip_serializing_if = "is_zero")]
    pub client_id: u64,
    /// Address of the client as the server sees it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_ip: String,
    /// Text to sign with an nkey.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Cluster name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// JetStream domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Addresses of this and the other servers of the cluster, `host:port`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// The server is about to close its clients.
    #[serde(skip_serializing_if = "is_false")]
    pub ldm: bool,
    /// This document answers CONNECT.
    #[serde(skip_serializing_if = "is_false")]
    pub connect_info: bool,
    /// Account the connection is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_account: Option<String>,
    /// That account is the system account.
    #[serde(skip_serializing_if = "is_false")]
    pub acc_is_sys: bool,
    /// JetStream API level.
    #[serde(skip_serializing_if = "is_zero_u8")]
    pub api_lvl: u8,
    /// Public curve key of the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

impl ServerInfo {
    /// The document as JSON text, escaped as Go does (`<`, `>`, `&` as `\u00XX`).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        if memchr::memchr3(b'<', b'>', b'&', &plain).is_none() {
            return plain;
        }
        let mut escaped = Vec::with_capacity(plain.len() + 16);
        for byte in plain {
            match byte {
                b'<' | b'>' | b'&' => escaped.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => escaped.push(byte),
            }
        }
        escaped
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_zero_u8(value: &u8) -> bool {
    *value == 0
}
