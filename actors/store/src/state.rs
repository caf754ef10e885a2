//! What a store holds, in numbers.

/// Totals of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// Messages held.
    pub msgs: u64,
    /// Bytes they count for: in files the size of their records, in memory subject, headers, payload and 16.
    pub bytes: u64,
    /// Sequence of the first message; of the next one when there is none.
    pub first_seq: u64,
    /// When the first message was stored; zero when there is none.
    pub first_time_ns: i64,
    /// The last sequence given, whether its message is still there or not.
    pub last_seq: u64,
    /// When it was given; zero when none was.
    pub last_time_ns: i64,
    /// Different subjects.
    pub num_subjects: u64,
    /// Sequences between first and last that have no message.
    pub num_deleted: u64,
    /// Messages and bytes that were found damaged, kept aside and counted as deleted.
    pub lost_msgs: u64,
    /// See `lost_msgs`.
    pub lost_bytes: u64,
}

/// Totals of the messages that match a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilteredState {
    /// How many.
    pub msgs: u64,
    /// The first one's sequence; zero when there is none.
    pub first_seq: u64,
    /// The last one's sequence; zero when there is none.
    pub last_seq: u64,
}
