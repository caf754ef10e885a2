//! Configuration of a consumer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::is_zero;
use super::time::Timestamp;

choice! {
    /// Where a consumer begins.
    DeliverPolicy, "can not unmarshal %q" {
        /// With the first message.
        #[default]
        All = "all" | "undefined",
        /// With the last message.
        Last = "last",
        /// With the next message.
        New = "new",
        /// With a sequence.
        ByStartSequence = "by_start_sequence",
        /// With the first message at or after a time.
        ByStartTime = "by_start_time",
        /// With the last message of each subject.
        LastPerSubject = "last_per_subject",
    }
}

choice! {
    /// What must be acknowledged.
    AckPolicy, "can not unmarshal %q" {
        /// Nothing.
        #[default]
        None = "none",
        /// A message acknowledges those before it.
        All = "all",
        /// Each message.
        Explicit = "explicit",
        /// As `All`, by answers to flow control.
        FlowControl = "flow_control",
    }
}

choice! {
    /// How fast stored messages are delivered.
    ReplayPolicy, "can not unmarshal %q" {
        /// At once.
        #[default]
        Instant = "instant",
        /// With the gaps they came with.
        Original = "original",
    }
}

choice! {
    /// Which of several pulling clients is served.
    PriorityPolicy, "unknown priority policy: %v" {
        /// In order of their requests.
        #[default]
        None = "none",
        /// Only while enough is pending.
        Overflow = "overflow",
        /// One, until it goes.
        PinnedClient = "pinned_client",
        /// The one of the lowest number.
        Prioritized = "prioritized",
    }
}

/// Configuration of a consumer. Durations are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerConfig {
    /// Name, when the consumer outlives its clients.
    #[serde(rename = "durable_name", skip_serializing_if = "String::is_empty")]
    pub durable: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it begins.
    pub deliver_policy: DeliverPolicy,
    /// First sequence, with its policy.
    #[serde(skip_serializing_if = "is_zero")]
    pub opt_start_seq: u64,
    /// First time, with its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Timestamp>,
    /// What must be acknowledged.
    pub ack_policy: AckPolicy,
    /// Time after which a message is delivered again.
    #[serde(skip_serializing_if = "is_zero")]
    pub ack_wait: i64,
    /// Most deliveries of a message.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_deliver: i64,
    /// Times between deliveries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<i64>,
    /// Only messages of this subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// Only messages of these subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter_subjects: Vec<String>,
    /// How fast stored messages are delivered.
    pub replay_policy: ReplayPolicy,
    /// Most bits per second.
    #[serde(rename = "rate_limit_bps", skip_serializing_if = "is_zero")]
    pub rate_limit: u64,
    /// Share of acknowledgements that are measured.
    #[serde(rename = "sample_freq", skip_serializing_if = "String::is_empty")]
    pub sample_frequency: String,
    /// Most waiting pull requests.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_waiting: i64,
    /// Most messages delivered and not acknowledged.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// The client acknowledges windows of bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub flow_control: bool,
    /// Messages come without their payload.
    #[serde(skip_serializing_if = "is_zero")]
    pub headers_only: bool,
    /// Largest batch of a pull request.
    #[serde(rename = "max_batch", skip_serializing_if = "is_zero")]
    pub max_request_batch: i64,
    /// Longest wait of a pull request.
    #[serde(rename = "max_expires", skip_serializing_if = "is_zero")]
    pub max_request_expires: i64,
    /// Most bytes of a pull request.
    #[serde(rename = "max_bytes", skip_serializing_if = "is_zero")]
    pub max_request_max_bytes: i64,
    /// Where messages go, of a consumer that pushes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
    /// The queue group that shares them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_group: String,
    /// Time between signs of life.
    #[serde(rename = "idle_heartbeat", skip_serializing_if = "is_zero")]
    pub heartbeat: i64,
    /// Time without interest after which it is deleted.
    #[serde(skip_serializing_if = "is_zero")]
    pub inactive_threshold: i64,
    /// Copies of its state; zero is as the stream's.
    #[serde(rename = "num_replicas")]
    pub replicas: i64,
    /// Its state is kept in memory.
    #[serde(rename = "mem_storage", skip_serializing_if = "is_zero")]
    pub memory_storage: bool,
    /// Not seen by clients.
    #[serde(skip_serializing_if = "is_zero")]
    pub direct: bool,
    /// Feeds another stream.
    #[serde(skip_serializing_if = "is_zero")]
    pub sourcing: bool,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Nothing is delivered before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<Timestamp>,
    /// Groups of pulling clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// Which of them is served.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority_policy: PriorityPolicy,
    /// Time without a request after which another client is pinned.
    #[serde(rename = "priority_timeout", skip_serializing_if = "is_zero")]
    pub pinned_ttl: i64,
}
