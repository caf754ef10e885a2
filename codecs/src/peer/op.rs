//! Operations another server sends. Text is kept as spans of the batch's buffer.

use crate::client::Span;

/// `RMSG`, `HMSG` or `LMSG` with its payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerMessage {
    /// Cluster of leaf nodes the message comes from; empty when it comes from none.
    pub origin: Span,
    /// Account; empty on a route of one account alone.
    pub account: Span,
    /// Subject.
    pub subject: Span,
    /// Reply subject; empty when absent.
    pub reply: Span,
    /// Names of the queue groups that get it here, as they stand on the line, with blanks between them; empty for none.
    pub queues: Span,
    /// Size arguments as they stand on the line: `total`, or `header total`.
    pub sizes: Span,
    /// Headers and payload, the closing CRLF not included.
    pub payload: Span,
    /// Bytes of `payload` that are headers.
    pub header_len: u32,
    /// It carries headers.
    pub has_headers: bool,
    /// From the reply (or the sizes, without reply) to the closing CRLF the bytes are what a `MSG` line needs.
    pub is_verbatim: bool,
}

impl PeerMessage {
    /// Everything behind the subscription id of a delivered message, where [`PeerMessage::is_verbatim`] holds.
    #[must_use]
    #[inline]
    pub fn verbatim_tail(&self) -> Span {
        let start = if self.reply.is_empty() { self.sizes.start } else { self.reply.start };
        Span { start, end: self.payload.end + 2 }
    }

    /// Names of the queue groups that get it here.
    pub fn queue_names<'a>(&self, buffer: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.queues.of(buffer).split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|name| !name.is_empty())
    }
}

/// `RS+`, `RS-`, `LS+`, `LS-`: interest of the other server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterestOp {
    /// Cluster of leaf nodes whose interest it is; empty for the server's own.
    pub origin: Span,
    /// Account; empty on a route of one account alone.
    pub account: Span,
    /// Subject, wildcards allowed.
    pub subject: Span,
    /// Queue group; empty when absent.
    pub queue: Span,
    /// Members of the queue group; zero where interest ends, there is no group, or it is no number.
    pub weight: u32,
}

/// One complete operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerOp {
    /// `CONNECT {json}`; always the last of its batch.
    Connect(Span),
    /// `INFO {json}`; always the last of its batch.
    Info(Span),
    /// A message.
    Message(PeerMessage),
    /// Interest begins, or the weight of a queue group changes.
    Interest(InterestOp),
    /// Interest ends.
    NoInterest(InterestOp),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`, `A+`, `A-`, and what only clients say, `SUB`, `PUB`, `HPUB`: accepted and ignored.
    Ignored,
    /// `-ERR text`: logged; the connection closes.
    Err(Span),
}
