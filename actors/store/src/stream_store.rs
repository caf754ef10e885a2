//! What every store of a stream does.

use std::fmt::Debug;

use bytes::Bytes;

use crate::{
    ConsumerStore, Durability, FilteredState, NewMessage, Removals, StoreConfig, StoreError, StoreState, StoredMessage,
    SubjectFilter,
};

/// A subject and how many messages it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCount {
    /// The subject.
    pub subject: Bytes,
    /// Its messages.
    pub msgs: u64,
}

/// Which messages to remove at once.
#[derive(Clone, Debug)]
pub struct Purge {
    /// Those of these subjects.
    pub filter: SubjectFilter,
    /// Those before this sequence; zero means all.
    pub before_seq: u64,
    /// All but this many of the newest. Not together with `before_seq`.
    pub keep: u64,
}

/// When a scheduled message is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Sequence of the message that carries the schedule.
    pub seq: u64,
    /// Its subject; one schedule per subject.
    pub subject: Bytes,
    /// When it is due next, nanoseconds since 1970.
    pub due_ns: i64,
}

/// How far a source was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePosition {
    /// Last sequence taken from it.
    pub seq: u64,
    /// Identity of the stream it was taken from.
    pub identity: String,
}

/// Keeps the messages of one stream.
///
/// Changes are visible to the following calls at once; they are durable when the [`Durability`] of the next
/// [`commit`](Self::commit) is reached. After an error of a write nothing of that call is visible.
pub trait StreamStore: Send + Debug {
    /// Returns the configuration in force.
    fn config(&self) -> &StoreConfig;

    /// Changes the configuration and enforces its limits. The name stays.
    ///
    /// # Errors
    ///
    /// I/O errors while enforcing.
    fn update_config(&mut self, config: StoreConfig, now_ns: i64) -> Result<(), StoreError>;

    /// Returns the totals; cheap.
    fn state(&self) -> StoreState;

    /// Lists the first `limit` sequences between first and last that have no message.
    fn deleted(&self, limit: usize) -> Vec<u64>;

    /// Stores a message under the next sequence and returns it. Older messages make room where the limits say so.
    ///
    /// # Errors
    ///
    /// `MaxMessages`, `MaxBytes`, `MaxMessagesPerSubject` with [`crate::Discard::New`]; `TooLarge`; I/O errors.
    fn append(&mut self, message: &NewMessage<'_>) -> Result<u64, StoreError>;

    /// Stores a message under `seq`, the next sequence, whether or not new messages are discarded. For mirrors,
    /// replicas and restores.
    ///
    /// # Errors
    ///
    /// `SequenceMismatch` if `seq` is not the next one (see [`skip`](Self::skip)); `TooLarge`; I/O errors.
    fn append_at(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError>;

    /// Uses up `count` sequences from `seq`, the next one, without messages.
    ///
    /// # Errors
    ///
    /// `SequenceMismatch` if `seq` is not the next one; I/O errors.
    fn skip(&mut self, seq: u64, count: u64, now_ns: i64) -> Result<(), StoreError>;

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// `Deleted` for a sequence that was given, `NotFound` for others; `Corrupt`; I/O errors.
    fn get(&mut self, seq: u64) -> Result<StoredMessage, StoreError>;

    /// Reads the first message at or after `from` that `filter` means. The sequences between were looked at.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn next(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<StoredMessage>, StoreError>;

    /// Reads the last message at or before `from` that `filter` means.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn previous(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<StoredMessage>, StoreError>;

    /// Reads the newest message of a subject; of the whole stream for the subject `>` or none.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn last_for(&mut self, subject: &[u8]) -> Result<Option<StoredMessage>, StoreError>;

    /// As [`last_for`](Self::last_for) for one subject without wildcards, where nothing has to be read or searched for it. None says
    /// nothing about whether there is one.
    fn last_at_hand(&mut self, subject: &[u8]) -> Option<StoredMessage>;

    /// Lists, ascending, the sequence of the newest message of every subject that `filter` means, counting only
    /// messages up to `max_seq` (zero: all).
    ///
    /// # Errors
    ///
    /// `TooManyResults` for more than `limit` (zero: no limit); `Corrupt`; I/O errors.
    fn last_per_subject(&mut self, filter: &SubjectFilter, max_seq: u64, limit: usize) -> Result<Vec<u64>, StoreError>;

    /// Returns the first sequence stored at or after a time; the next sequence when there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn seq_from_time(&mut self, time_ns: i64) -> Result<u64, StoreError>;

    /// Lists subjects that `filter` means, in byte order, after the subject `after`, `limit` at most.
    fn subjects(&self, filter: &SubjectFilter, after: Option<&[u8]>, limit: usize) -> Vec<SubjectCount>;

    /// Counts subjects that `filter` means and their messages.
    fn count_subjects(&self, filter: &SubjectFilter) -> (u64, u64);

    /// Counts the messages at or after `from` that `filter` means; with `last_per_subject` only the newest of each
    /// subject. The count is valid through the state's `last_seq`.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn num_pending(&mut self, from: u64, filter: &SubjectFilter, last_per_subject: bool) -> Result<u64, StoreError>;

    /// Returns totals of the messages at or after `from` that `filter` means.
    ///
    /// # Errors
    ///
    /// `Corrupt`; I/O errors.
    fn filtered_state(&mut self, filter: &SubjectFilter, from: u64) -> Result<FilteredState, StoreError>;

    /// Removes a message; `erase` overwrites it on the disk. Returns false if there is none.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn remove(&mut self, seq: u64, erase: bool) -> Result<bool, StoreError>;

    /// Removes many messages and returns how many.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn purge(&mut self, purge: &Purge) -> Result<u64, StoreError>;

    /// Removes all before `seq`, which becomes the first sequence, also beyond the last. Returns how many.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn compact(&mut self, seq: u64) -> Result<u64, StoreError>;

    /// Removes all after `seq`, which becomes the last sequence; zero empties the store as if it were new.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn truncate(&mut self, seq: u64) -> Result<(), StoreError>;

    /// Removes what is too old or outlived its time to live, and returns how many. At most some ten thousand a call:
    /// when [`next_deadline`](Self::next_deadline) is still due, call again.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn expire(&mut self, now_ns: i64) -> Result<usize, StoreError>;

    /// Returns when [`expire`](Self::expire) should be called next.
    fn next_deadline(&self) -> Option<i64>;

    /// Returns what left since the last call, for whatever reason, [`expire`](Self::expire) and limits included.
    fn take_removals(&mut self) -> Removals;

    /// Sets when the schedule of a subject is due, replacing an earlier one. Kept in files with the store.
    fn set_schedule(&mut self, schedule: Schedule);

    /// Forgets the schedule of a subject.
    fn remove_schedule(&mut self, subject: &[u8]);

    /// Lists schedules due at `now_ns`, earliest first; they stay until set anew, removed, or their message is gone.
    fn due_schedules(&self, now_ns: i64) -> Vec<Schedule>;

    /// Returns when the next schedule is due.
    fn next_schedule(&self) -> Option<i64>;

    /// Returns how far the schedules are known: messages after this sequence must be read and their schedules set.
    fn schedules_through(&self) -> u64;

    /// Records how far a source was read.
    fn set_source(&mut self, name: &str, position: SourcePosition);

    /// Returns how far sources were read, and through which sequence of this stream that is known.
    fn sources(&self) -> (Vec<(String, SourcePosition)>, u64);

    /// Hands everything changed so far to the operating system, or the journal, and tells when it is durable.
    /// Call it once per batch.
    ///
    /// # Errors
    ///
    /// I/O errors; what was not acknowledged may be lost then.
    fn commit(&mut self) -> Result<Durability, StoreError>;

    /// Gives back the memory of what was read, until it is read again; for after a start that read much.
    fn drop_contents(&mut self);

    /// Tells whether [`maintain`](Self::maintain) would find anything to do, now or later; cheap.
    fn wants_maintenance(&self) -> bool;

    /// Does what is due now and then: writes index files, has blocks compacted, closes idle files, drops idle caches.
    /// Returns when it should be called next.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn maintain(&mut self, now_ns: i64) -> Result<Option<i64>, StoreError>;

    /// Makes or opens the store of a consumer. `meta` is the JSON kept in its `meta.inf`, replaced if it differs.
    ///
    /// # Errors
    ///
    /// I/O errors; `CorruptConsumerState`.
    fn consumer(&mut self, name: &str, meta: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError>;

    /// Lists consumers found in the store with their JSON, in the order of their names.
    fn consumers(&self) -> Vec<(String, Vec<u8>)>;

    /// Replaces the JSON of the stream's configuration, kept in its `meta.inf`; durable when this returns, as far as
    /// the store is.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn update_meta(&mut self, meta: &[u8]) -> Result<(), StoreError>;

    /// Returns what the store uses on its medium, bytes.
    fn utilization(&self) -> u64;

    /// Writes everything out and closes the store; blocks until it is on the disk.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn close(self: Box<Self>) -> Result<(), StoreError>;

    /// Removes the store with all its messages and consumers; blocks.
    ///
    /// # Errors
    ///
    /// I/O errors.
    fn destroy(self: Box<Self>) -> Result<(), StoreError>;
}
