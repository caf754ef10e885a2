//! JSON of the JetStream API: requests, replies, stored configurations, advisories.
//!
//! - [`error`], [`errors`]: what an answer says went wrong, and the table of all codes.
//! - [`json`]: reads and writes JSON as nats-server does.
//! - [`stream`], [`stream_info`], [`consumer`], [`consumer_info`]: configurations and what is reported of them;
//!   [`consumer_archive`]: consumers in copies of streams.
//! - [`request`], [`response`]: bodies of requests and answers. - [`account`]: usage and limits.
//! - [`publish`]: answers to published messages. - [`advisory`]: events.
//! - [`time`]: points in time as text. - [`headers`]: names of headers.

pub mod account;
pub mod advisory;
pub mod consumer;
pub mod consumer_archive;
pub mod consumer_info;
pub mod error;
pub mod errors;
pub mod headers;
pub mod json;
pub mod publish;
pub mod request;
pub mod response;
pub mod stream;
pub mod stream_info;
pub mod time;

mod choice;

pub use consumer::ConsumerConfig;
pub use consumer_info::ConsumerInfo;
pub use error::{ApiError, ErrorSpec};
pub use stream::StreamConfig;
pub use stream_info::{StreamInfo, StreamState};
pub use time::Timestamp;

/// The level of the API that is served.
pub const API_LEVEL: u32 = 5;
/// Nanoseconds in a second, the unit of every duration in the API.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: i64 = 1_000_000;

/// Whether a number is its type's zero, which Go's `omitempty` leaves out.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
