//! The server that says something.

use std::collections::BTreeMap;

use serde::Serialize;

/// Stands in front of every answer and event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerStamp {
    /// Name.
    pub name: String,
    /// Host of the client listener.
    pub host: String,
    /// Id.
    pub id: String,
    /// Cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// JetStream domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Version.
    pub ver: String,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Experiments by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_flags: BTreeMap<String, bool>,
    /// JetStream is served.
    pub jetstream: bool,
    /// Capabilities as bits.
    pub flags: u64,
    /// Number of what was said so far.
    pub seq: u64,
    /// When it is said.
    pub time: String,
}

/// The short form that `IDZ` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerId {
    /// Name.
    pub name: String,
    /// Host of the client listener.
    pub host: String,
    /// Id.
    pub id: String,
}
