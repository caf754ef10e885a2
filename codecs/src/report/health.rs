//! `/healthz`: whether the server is well.

use serde::{Deserialize, Serialize};

use super::is_zero;

/// What `/healthz` and `$SYS.REQ.SERVER.*.HEALTHZ` can be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct HealthzOptions {
    /// Only whether JetStream is on, in its old spelling.
    #[serde(rename = "js-enabled")]
    pub js_enabled: bool,
    /// Only whether JetStream is on.
    #[serde(rename = "js-enabled-only")]
    pub js_enabled_only: bool,
    /// Leave JetStream's assets out.
    #[serde(rename = "js-server-only")]
    pub js_server_only: bool,
    /// Only whether the meta group is current.
    #[serde(rename = "js-meta-only")]
    pub js_meta_only: bool,
    /// Only assets of this account.
    pub account: String,
    /// Only this stream.
    pub stream: String,
    /// Only this consumer.
    pub consumer: String,
    /// Tell every fault, not only the first.
    pub details: bool,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HealthStatus {
    /// `ok`, `error` or `unavailable`.
    pub status: String,
    /// HTTP status; only in answers to `$SYS` requests.
    #[serde(skip_serializing_if = "is_zero")]
    pub status_code: u16,
    /// The fault, where details are not asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Every fault, where details are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<HealthError>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthError {
    /// What is affected.
    #[serde(rename = "type")]
    pub kind: HealthErrorKind,
    /// Account of the asset.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Stream.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// Consumer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub consumer: String,
    /// What is wrong.
    pub error: String,
}

/// What a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HealthErrorKind {
    /// Listeners.
    #[serde(rename = "CONNECTION")]
    Connection,
    /// The request itself.
    BadRequest,
    /// JetStream as a whole.
    #[serde(rename = "JETSTREAM")]
    JetStream,
    /// An account.
    Account,
    /// A stream.
    Stream,
    /// A consumer.
    Consumer,
}
