//! What a store is told about its stream.

/// What happens to a message that does not fit the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discard {
    /// The oldest messages make room.
    #[default]
    Old,
    /// The new message is refused.
    New,
}

/// How closed blocks of a file store are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With S2.
    S2,
}

/// The part of a stream's configuration that its store enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// The stream's name; record checksums of files depend on it.
    pub name: String,
    /// Most messages.
    pub max_msgs: Option<u64>,
    /// Most bytes, counted as the store counts them (see [`crate::StoreState::bytes`]).
    pub max_bytes: Option<u64>,
    /// Age in nanoseconds at which messages expire; zero means never.
    pub max_age_ns: i64,
    /// Most messages of one subject; the oldest make room, unless `discard_new_per_subject`.
    pub max_msgs_per_subject: Option<u64>,
    /// Largest message. The stream refuses larger ones; the store only sizes its blocks by it.
    pub max_msg_size: Option<u64>,
    /// Who makes room.
    pub discard: Discard,
    /// With [`Discard::New`]: whether a full subject refuses messages, too.
    pub discard_new_per_subject: bool,
    /// Sequence of the first message of an empty stream; zero means one.
    pub first_seq: u64,
    /// Whether messages may carry a time to live.
    pub allow_msg_ttl: bool,
    /// Whether the last message of a subject that expires is reported as such, for a delete marker.
    pub subject_delete_markers: bool,
    /// Whether schedules are kept.
    pub allow_schedules: bool,
    /// Whether messages leave when consumers are done with them (interest and work queue retention); sizes blocks.
    pub leaves_when_consumed: bool,
    /// How closed blocks are compressed.
    pub compression: Compression,
}
