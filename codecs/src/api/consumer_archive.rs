//! A consumer in a copy of its stream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::consumer::ConsumerConfig;

/// A consumer in a copy of its stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchivedConsumer {
    /// Its configuration.
    pub config: ConsumerConfig,
    /// How far it is.
    pub state: ArchivedState,
}

/// A place in a consumer and in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchivedPosition {
    /// Deliveries.
    pub consumer_seq: u64,
    /// Sequence in the stream.
    pub stream_seq: u64,
}

/// A message that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ArchivedPending {
    /// Which delivery it was.
    pub sequence: u64,
    /// When it was delivered, nanoseconds since 1970.
    pub timestamp: i64,
}

/// How far a consumer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArchivedState {
    /// The last delivery.
    pub delivered: ArchivedPosition,
    /// Everything up to here is acknowledged.
    pub ack_floor: ArchivedPosition,
    /// Delivered and not acknowledged, by sequence in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<BTreeMap<u64, ArchivedPending>>,
    /// How often messages were delivered again, by sequence in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redelivered: Option<BTreeMap<u64, u64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_as_nats_server_writes_them() {
        let text = r#"{"config":{"durable_name":"C","ack_policy":"explicit"},"state":{"delivered":{"consumer_seq":2,
            "stream_seq":3},"ack_floor":{"consumer_seq":0,"stream_seq":0},"pending":{"3":{"Sequence":2,"Timestamp":5}},
            "redelivered":{"3":1}}}"#;
        let read: ArchivedConsumer = serde_json::from_str(text).expect("it can be read");
        assert_eq!(read.config.durable, "C");
        let pending = read.state.pending.as_ref().expect("there is some");
        assert_eq!(pending[&3], ArchivedPending { sequence: 2, timestamp: 5 });
        let again: ArchivedConsumer =
            serde_json::from_slice(&serde_json::to_vec(&read).expect("it can be written")).expect("and read");
        assert_eq!(again, read);
    }
}
