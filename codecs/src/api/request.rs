//! Bodies of requests.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::stream::StreamConfig;
use super::stream_info::StreamState;
use super::time::Timestamp;
use super::{errors, is_zero};

/// Defines bodies whose fields may all be absent.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[serde(default)]
            pub struct $name {
                $($(#[$field_doc])* #[serde(skip_serializing_if = "is_zero")] pub $field: $kind,)*
            }
        )*
    };
}

bodies! {
    /// Asks for names of streams, or for their details.
    StreamNamesRequest {
        /// How many to skip.
        offset: i64,
        /// Only those that take messages of this subject.
        subject: String,
    }

    /// Asks about a stream.
    StreamInfoRequest {
        /// How many subjects to skip.
        offset: i64,
        /// Which sequences are gone.
        deleted_details: bool,
        /// Messages of each of these subjects.
        subjects_filter: String,
    }

    /// Asks to remove messages.
    StreamPurgeRequest {
        /// Up to, not including, this sequence.
        seq: u64,
        /// Of these subjects.
        filter: String,
        /// All but this many.
        keep: u64,
    }

    /// Asks to remove a message.
    MsgDeleteRequest {
        /// Sequence.
        seq: u64,
        /// Its bytes may stay.
        no_erase: bool,
    }

    /// Asks for a message or, directly, for several.
    MsgGetRequest {
        /// This sequence, or the first from here on.
        seq: u64,
        /// The last of this subject.
        last_by_subj: String,
        /// The next of this subject.
        next_by_subj: String,
        /// How many.
        batch: i64,
        /// How many bytes.
        max_bytes: i64,
        /// The first at or after this time.
        start_time: Option<Timestamp>,
        /// The last of each of these subjects.
        multi_last: Vec<String>,
        /// None after this sequence.
        up_to_seq: u64,
        /// None after this time.
        up_to_time: Option<Timestamp>,
        /// Without headers.
        no_hdr: bool,
    }

    /// Asks for a copy of a stream.
    StreamSnapshotRequest {
        /// Where it goes.
        deliver_subject: String,
        /// Without consumers.
        no_consumers: bool,
        /// Size of the parts.
        chunk_size: i64,
        /// Bytes that may be on the way.
        window_size: i64,
        /// With a check of all messages.
        jsck: bool,
    }

    /// Announces a copy of a stream.
    StreamRestoreRequest {
        /// Its configuration.
        config: StreamConfig,
        /// What it holds.
        state: StreamState,
    }

    /// Asks for names of consumers, or for their details.
    ConsumersRequest {
        /// How many to skip.
        offset: i64,
    }

    /// Asks to pause a consumer.
    ConsumerPauseRequest {
        /// Until when.
        pause_until: Timestamp,
    }

    /// Asks to begin anew.
    ConsumerResetRequest {
        /// With this sequence.
        seq: u64,
    }

    /// Asks to release the pinned client.
    ConsumerUnpinRequest {
        /// Of this group.
        group: String,
    }

    /// Asks for messages.
    ConsumerNextRequest {
        /// How long to wait.
        expires: i64,
        /// How many.
        batch: i64,
        /// How many bytes.
        max_bytes: i64,
        /// Only what is there.
        no_wait: bool,
        /// Time between signs of life.
        idle_heartbeat: i64,
        /// Priority group.
        group: String,
        /// Only while this many are to come.
        min_pending: i64,
        /// Only while this many are not acknowledged.
        min_ack_pending: i64,
        /// The pinned client's id.
        id: String,
        /// Lower is first.
        priority: i64,
    }
}

impl StreamPurgeRequest {
    /// Refuses what contradicts itself.
    ///
    /// # Errors
    /// It does.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.seq > 0 && self.keep > 0 { Err(errors::BAD_REQUEST.error()) } else { Ok(()) }
    }
}

impl MsgGetRequest {
    /// Refuses what contradicts itself or asks for nothing, and what only direct reads can do.
    ///
    /// # Errors
    /// It does.
    pub fn check(&self) -> Result<(), ApiError> {
        let has_last = !self.last_by_subj.is_empty();
        let has_next = !self.next_by_subj.is_empty();
        let refused = [
            self.batch > 0 || self.max_bytes > 0,
            self.seq == 0 && !has_last && !has_next && self.start_time.is_none(),
            self.seq > 0 && has_last,
            self.seq > 0 && self.start_time.is_some(),
            has_last && (has_next || self.start_time.is_some()),
        ];
        if refused.contains(&true) { Err(errors::BAD_REQUEST.error()) } else { Ok(()) }
    }
}
