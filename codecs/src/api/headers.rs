//! Names of the headers JetStream reads and writes.

/// Id of a message, which counts once within a window.
pub const MSG_ID: &str = "Nats-Msg-Id";
/// The stream the publisher means.
pub const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// The last sequence the publisher knows.
pub const EXPECTED_LAST_SEQ: &str = "Nats-Expected-Last-Sequence";
/// The last sequence of the subject the publisher knows.
pub const EXPECTED_LAST_SUBJECT_SEQ: &str = "Nats-Expected-Last-Subject-Sequence";
/// The subject that is meant by it.
pub const EXPECTED_LAST_SUBJECT_SEQ_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";
/// The id of the last message the publisher knows.
pub const EXPECTED_LAST_MSG_ID: &str = "Nats-Expected-Last-Msg-Id";
/// What the message replaces: `sub` or `all`.
pub const ROLLUP: &str = "Nats-Rollup";
/// Time to live.
pub const TTL: &str = "Nats-TTL";
/// Why a mark of deletion was made.
pub const MARKER_REASON: &str = "Nats-Marker-Reason";
/// Increment of a counter.
pub const INCR: &str = "Nats-Incr";
/// Totals of a counter by source.
pub const COUNTER_SOURCES: &str = "Nats-Counter-Sources";
/// Batch.
pub const BATCH_ID: &str = "Nats-Batch-Id";
/// Number of the message in its batch.
pub const BATCH_SEQ: &str = "Nats-Batch-Sequence";
/// The batch ends.
pub const BATCH_COMMIT: &str = "Nats-Batch-Commit";
/// When a message is published.
pub const SCHEDULE: &str = "Nats-Schedule";
/// Where it goes.
pub const SCHEDULE_TARGET: &str = "Nats-Schedule-Target";
/// The subject whose last message is its payload.
pub const SCHEDULE_SOURCE: &str = "Nats-Schedule-Source";
/// Its time to live.
pub const SCHEDULE_TTL: &str = "Nats-Schedule-TTL";
/// What it replaces.
pub const SCHEDULE_ROLLUP: &str = "Nats-Schedule-Rollup";
/// Time zone of its pattern.
pub const SCHEDULE_TIME_ZONE: &str = "Nats-Schedule-Time-Zone";
/// The subject of the schedule a message came from.
pub const SCHEDULER: &str = "Nats-Scheduler";
/// When it comes again.
pub const SCHEDULE_NEXT: &str = "Nats-Schedule-Next";
/// Where a message of another stream came from.
pub const STREAM_SOURCE: &str = "Nats-Stream-Source";
/// Level of the API a request needs.
pub const REQUIRED_API_LEVEL: &str = "Nats-Required-Api-Level";
/// Identity of a stream, for consumers that feed another.
pub const STREAM_IDENTITY: &str = "Nats-Stream-Identity";
/// Stream of a message that is read or published again.
pub const STREAM: &str = "Nats-Stream";
/// Its subject.
pub const SUBJECT: &str = "Nats-Subject";
/// Its sequence.
pub const SEQUENCE: &str = "Nats-Sequence";
/// When it was stored.
pub const TIME_STAMP: &str = "Nats-Time-Stamp";
/// The sequence before it on its subject, or in the batch that is read.
pub const LAST_SEQUENCE: &str = "Nats-Last-Sequence";
/// Messages that follow in the batch that is read.
pub const NUM_PENDING: &str = "Nats-Num-Pending";
/// The sequence up to which several subjects were read.
pub const UP_TO_SEQUENCE: &str = "Nats-UpTo-Sequence";
/// Size of a payload that is left out.
pub const MSG_SIZE: &str = "Nats-Msg-Size";
/// Who asks.
pub const REQUEST_INFO: &str = "Nats-Request-Info";
