//! Messages on their way in and out.

use bytes::Bytes;

/// How long a message lives, from its `Nats-TTL` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ttl {
    /// As long as the stream's limits say.
    #[default]
    Limits,
    /// For ever: the stream's age limit does not apply.
    Never,
    /// This many seconds.
    Seconds(u64),
}

/// A message to store; what it borrows is copied.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Subject it is stored under.
    pub subject: &'a [u8],
    /// The header block as received, from `NATS/1.0` to the empty line; empty without headers.
    pub headers: &'a [u8],
    /// The body.
    pub payload: &'a [u8],
    /// Time it is stored at, nanoseconds since 1970.
    pub time_ns: i64,
    /// Its time to live.
    pub ttl: Ttl,
}

/// A stored message: slices of a shared buffer, cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its sequence.
    pub seq: u64,
    /// When it was stored, nanoseconds since 1970.
    pub time_ns: i64,
    /// Its subject.
    pub subject: Bytes,
    /// Its header block, empty without headers.
    pub headers: Bytes,
    /// Its body.
    pub payload: Bytes,
}
