//! A client as services and events show it.

use serde::{Deserialize, Serialize};

use crate::report::{Layout, render};

/// Facts of one client. Empty ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// When it connected.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub start: String,
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Connection id.
    #[serde(skip_serializing_if = "is_zero")]
    pub id: u64,
    /// Account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acc: String,
    /// Account a request passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub svc: String,
    /// User.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Name it gave.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Language of its library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    /// Version of its library.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ver: String,
    /// Round trip time in nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub rtt: u64,
    /// Server it is connected to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// Cluster of that server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Other clusters, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alts: Vec<String>,
    /// When it went.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop: String,
    /// Its JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Key that issued the JWT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_key: String,
    /// Name of the account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// Tags of the user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Kind of connection.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Kind of client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    /// Id of an MQTT client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Nonce it signed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
    /// Reply subject of a request, where it is needed beside the mapped one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply: String,
}

impl ClientInfo {
    /// Reads the value of a header; `None` when it is something else.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The value of a header.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        render(self, Layout::Compact).unwrap_or_default()
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
