//! Configuration of a stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::is_zero;
use super::time::Timestamp;

choice! {
    /// Which messages stay.
    RetentionPolicy, "can not unmarshal %q" {
        /// Those within the limits.
        #[default]
        Limits = "limits",
        /// Those some consumer has not acknowledged.
        Interest = "interest",
        /// Those nobody has acknowledged.
        WorkQueue = "workqueue",
    }
}

choice! {
    /// What goes when a stream is full.
    DiscardPolicy, "can not unmarshal %q" {
        /// The oldest messages.
        #[default]
        Old = "old" | "Old" | "OLD",
        /// The new message.
        New = "new" | "New" | "NEW",
    }
}

choice! {
    /// Where messages are kept.
    StorageType, "can not unmarshal %q" {
        /// In files.
        #[default]
        File = "file",
        /// In memory.
        Memory = "memory",
    }
}

choice! {
    /// How files are compressed.
    StoreCompression, "unknown compression algorithm" {
        /// They are not.
        #[default]
        None = "none",
        /// With S2.
        S2 = "s2",
    }
}

choice! {
    /// When a message counts as stored.
    PersistMode, "can not unmarshal %q" {
        /// When it is written.
        #[default]
        Default = "default" | "",
        /// At once.
        Async = "async",
    }
}

/// Which servers hold a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// Those of this cluster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    /// Those with these tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The one that shall lead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preferred: String,
}

/// A change of subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    /// What is changed.
    pub src: String,
    /// What it becomes.
    pub dest: String,
}

/// Where stored messages are published again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    /// Those of these subjects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub src: String,
    /// To this subject.
    pub dest: String,
    /// Without their payload.
    #[serde(skip_serializing_if = "is_zero")]
    pub headers_only: bool,
}

/// How a stream of another account or domain is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalStream {
    /// Prefix of its API.
    pub api: String,
    /// Prefix of what it delivers.
    pub deliver: String,
}

/// The consumer a stream is fed through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerSource {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it delivers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
}

/// A stream that feeds another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamSource {
    /// Name.
    pub name: String,
    /// First sequence.
    #[serde(skip_serializing_if = "is_zero")]
    pub opt_start_seq: u64,
    /// First time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_start_time: Option<Timestamp>,
    /// Only messages of this subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// Only messages of these subjects, which change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// How it is reached, outside of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalStream>,
    /// The consumer it goes through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<ConsumerSource>,
}

/// What a stream's consumers may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// Time without interest, also the value of those that set none.
    #[serde(skip_serializing_if = "is_zero")]
    pub inactive_threshold: i64,
    /// Unacknowledged messages, also the value of those that set none.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
}

/// Configuration of a stream. Durations are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamConfig {
    /// Name.
    pub name: String,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Subjects whose messages it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// Which messages stay.
    pub retention: RetentionPolicy,
    /// Most consumers.
    pub max_consumers: i64,
    /// Most messages.
    pub max_msgs: i64,
    /// Most bytes.
    pub max_bytes: i64,
    /// Longest life of a message.
    pub max_age: i64,
    /// Most messages of one subject.
    #[serde(rename = "max_msgs_per_subject")]
    pub max_msgs_per: i64,
    /// Largest message.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_msg_size: i32,
    /// What goes when it is full.
    pub discard: DiscardPolicy,
    /// Where messages are kept.
    pub storage: StorageType,
    /// Copies.
    #[serde(rename = "num_replicas")]
    pub replicas: i64,
    /// Publishers get no answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub no_ack: bool,
    /// Time in which a message id counts once.
    #[serde(rename = "duplicate_window", skip_serializing_if = "is_zero")]
    pub duplicates: i64,
    /// Which servers hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The stream it is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<StreamSource>,
    /// Streams it is fed from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<StreamSource>,
    /// How files are compressed.
    pub compression: StoreCompression,
    /// First sequence.
    #[serde(skip_serializing_if = "is_zero")]
    pub first_seq: u64,
    /// A change of subjects before messages are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Where stored messages are published again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Messages may be read directly.
    pub allow_direct: bool,
    /// Messages of the mirrored stream may be read here.
    pub mirror_direct: bool,
    /// A full subject refuses new messages.
    #[serde(rename = "discard_new_per_subject", skip_serializing_if = "is_zero")]
    pub discard_new_per: bool,
    /// Nothing changes any more.
    pub sealed: bool,
    /// Messages cannot be deleted.
    pub deny_delete: bool,
    /// The stream cannot be purged.
    pub deny_purge: bool,
    /// Messages may replace what is before them.
    #[serde(rename = "allow_rollup_hdrs")]
    pub allow_rollup: bool,
    /// What consumers may have.
    pub consumer_limits: ConsumerLimits,
    /// Messages may have a time to live.
    pub allow_msg_ttl: bool,
    /// Time to live of the marks of deletion.
    #[serde(skip_serializing_if = "is_zero")]
    pub subject_delete_marker_ttl: i64,
    /// Messages are increments of counters.
    #[serde(skip_serializing_if = "is_zero")]
    pub allow_msg_counter: bool,
    /// Batches of messages are stored all or none.
    #[serde(rename = "allow_atomic", skip_serializing_if = "is_zero")]
    pub allow_atomic_publish: bool,
    /// Messages may be stored for later.
    #[serde(skip_serializing_if = "is_zero")]
    pub allow_msg_schedules: bool,
    /// When a message counts as stored.
    #[serde(skip_serializing_if = "is_zero")]
    pub persist_mode: PersistMode,
    /// Batches with flow control.
    #[serde(rename = "allow_batched", skip_serializing_if = "is_zero")]
    pub allow_batch_publish: bool,
    /// Free pairs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The configuration of a stream as it is stored: `meta.inf`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredStream {
    /// When it was made.
    #[serde(rename = "Created", alias = "created")]
    pub created: Timestamp,
    /// The configuration, beside it.
    #[serde(flatten)]
    pub config: StreamConfig,
}

#[cfg(test)]
mod tests {
    use super::super::json::{Strictness, decode, encode};
    use super::*;

    #[test]
    fn an_empty_configuration_is_written_as_in_go() {
        let expected = concat!(
            r#"{"name":"","retention":"limits","max_consumers":0,"max_msgs":0,"max_bytes":0,"max_age":0,"#,
            r#""max_msgs_per_subject":0,"discard":"old","storage":"file","num_replicas":0,"compression":"none","#,
            r#""allow_direct":false,"mirror_direct":false,"sealed":false,"deny_delete":false,"deny_purge":false,"#,
            r#""allow_rollup_hdrs":false,"consumer_limits":{},"allow_msg_ttl":false}"#
        );
        assert_eq!(String::from_utf8(encode(&StreamConfig::default())).unwrap(), expected);
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let config = StreamConfig { name: "S".to_owned(), subjects: vec!["a.>".to_owned()], ..StreamConfig::default() };
        let stored = StoredStream { created: Timestamp::from_nanos(1), config };
        let bytes = encode(&stored);
        assert!(bytes.starts_with(br#"{"Created":"1970-01-01T00:00:00.000000001Z","name":"S""#));
        assert_eq!(serde_json::from_slice::<StoredStream>(&bytes).unwrap(), stored);
    }

    #[test]
    fn unknown_words_are_errors() {
        let fault = decode::<StreamConfig>(br#"{"retention":"x"}"#, Strictness::Strict).unwrap_err();
        assert_eq!(fault.to_string(), r#"can not unmarshal "\"x\"""#);
    }
}
