//! Operations a client sends. Text is kept as spans of the batch's buffer: no copy, no reference count per operation.

/// A range of bytes in the buffer of a [`super::Batch`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
}

impl Span {
    /// A span from two offsets. A batch never exceeds 4 GiB: the decoder bounds payloads far below.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes it stands for.
    #[must_use]
    #[inline]
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it is empty, which stands for "absent" where a part is optional.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// `PUB` or `HPUB` with its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOp {
    /// Subject.
    pub subject: Span,
    /// Reply subject; empty when absent.
    pub reply: Span,
    /// Size arguments as the client wrote them: `total`, or `header total`. They are forwarded as they are.
    pub sizes: Span,
    /// Headers and payload, the closing CRLF not included.
    pub payload: Span,
    /// Bytes of `payload` that are headers.
    pub header_len: u32,
    /// It was an `HPUB`.
    pub has_headers: bool,
    /// From the reply (or the sizes, without reply) to the closing CRLF the bytes are what a `MSG` line needs, so they
    /// can be copied in one piece.
    pub is_verbatim: bool,
}

impl PublishOp {
    /// Everything behind the subscription id of a delivered message, where [`PublishOp::is_verbatim`] holds.
    #[must_use]
    #[inline]
    pub fn verbatim_tail(&self) -> Span {
        let start = if self.reply.is_empty() { self.sizes.start } else { self.reply.start };
        Span { start, end: self.payload.end + 2 }
    }
}

/// `SUB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscribeOp {
    /// Subject, wildcards allowed.
    pub subject: Span,
    /// Queue group; empty when absent.
    pub queue: Span,
    /// Subscription id, opaque.
    pub sid: Span,
}

/// `UNSUB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnsubscribeOp {
    /// Subscription id.
    pub sid: Span,
    /// Messages after which the subscription ends; `None` ends it now.
    pub max: Option<u32>,
}

/// One complete operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOp {
    /// `CONNECT {json}`.
    Connect(Span),
    /// `PUB`, `HPUB`.
    Publish(PublishOp),
    /// `SUB`.
    Subscribe(SubscribeOp),
    /// `UNSUB`.
    Unsubscribe(UnsubscribeOp),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `INFO {json}`: accepted and ignored.
    Info(Span),
    /// `+OK`: accepted and ignored.
    Ok,
    /// `-ERR text`: logged; the connection closes.
    Err(Span),
}
