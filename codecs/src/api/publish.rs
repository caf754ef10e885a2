//! Answers to published messages.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::is_zero;

/// The answer to a message that was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PubAck {
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Stream.
    pub stream: String,
    /// Sequence.
    pub seq: u64,
    /// Domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// It had been stored before.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicate: bool,
    /// New value of a counter.
    #[serde(rename = "val", skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Batch.
    #[serde(rename = "batch", skip_serializing_if = "String::is_empty")]
    pub batch_id: String,
    /// Messages of the batch.
    #[serde(rename = "count", skip_serializing_if = "is_zero")]
    pub batch_size: u64,
}

/// What a client of a fast batch is told on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum BatchFlow {
    /// Messages up to here have come.
    Ack {
        /// The message that made the answer.
        seq: u64,
        /// Messages between answers.
        msgs: u16,
    },
    /// Messages are missing.
    Gap {
        /// The first missing.
        last_seq: u64,
        /// The one that came.
        seq: u64,
    },
    /// A message was refused.
    Err {
        /// The message.
        seq: u64,
        /// Why.
        error: ApiError,
    },
}

/// The payload of a counter's message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterValue {
    /// The total, a decimal number of any size.
    pub val: String,
}
