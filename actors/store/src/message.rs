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

/// A stored message: a slice of a shared buffer, cheap to clone.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// Its sequence.
    pub seq: u64,
    /// When it was stored, nanoseconds since 1970.
    pub time_ns: i64,
    /// Subject first, header block and payload last.
    buffer: Bytes,
    subject_end: usize,
    headers_start: usize,
    payload_start: usize,
}

impl StoredMessage {
    /// A message in a buffer that begins with the subject, of `subject_end` bytes, and ends with header block and payload, which begin
    /// where `headers_start` and `payload_start` say.
    pub(crate) fn new(
        (seq, time_ns): (u64, i64),
        buffer: Bytes,
        (subject_end, headers_start, payload_start): (usize, usize, usize),
    ) -> Self {
        Self { seq, time_ns, buffer, subject_end, headers_start, payload_start }
    }

    /// Its subject.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.buffer[..self.subject_end]
    }

    /// Its header block, empty without headers.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.buffer[self.headers_start..self.payload_start]
    }

    /// Its body.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.buffer[self.payload_start..]
    }

    /// Header block and body to keep, as slices of the buffer.
    #[must_use]
    pub fn shared_parts(&self) -> (Bytes, Bytes) {
        (self.buffer.slice(self.headers_start..self.payload_start), self.buffer.slice(self.payload_start..))
    }

    /// Header block and body.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.buffer[self.headers_start..]
    }

    /// The buffer that all of it lies in.
    #[must_use]
    pub fn buffer(&self) -> &Bytes {
        &self.buffer
    }
}

impl PartialEq for StoredMessage {
    fn eq(&self, other: &Self) -> bool {
        (self.seq, self.time_ns) == (other.seq, other.time_ns)
            && self.subject() == other.subject()
            && self.headers() == other.headers()
            && self.payload() == other.payload()
    }
}

impl Eq for StoredMessage {}
