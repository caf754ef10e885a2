//! Messages without a body that tell a client how its consumer or its request is doing.

use std::io::Write;

/// What a status message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    /// The request does not wait and there is nothing.
    NoMessages,
    /// The request does not wait and others before it take all there is.
    RequestsPending,
    /// The request's time is over.
    RequestTimeout(Remaining),
    /// Nobody listens to where a reply leads in another account.
    InterestExpired(Remaining),
    /// The next message does not fit into the bytes the request takes.
    MessageSizeExceedsMaxBytes(Remaining),
    /// The request has its messages, and would have taken more bytes.
    BatchCompleted(Remaining),
    /// The request wants more messages than the consumer allows at once.
    ExceededBatch(i64),
    /// The request waits longer than the consumer allows; nanoseconds.
    ExceededExpires(i64),
    /// The request takes more bytes than the consumer allows.
    ExceededMaxBytes(i64),
    /// Too many requests wait.
    ExceededWaiting,
    /// The consumer pushes.
    PushBased,
    /// The consumer is gone.
    ConsumerDeleted,
    /// Another server serves it now.
    LeadershipChange,
    /// The server stops.
    ServerShutdown(Remaining),
    /// The identity is not that of the pinned client.
    PinIdMismatch,
    /// The identity is that of a client pinned once.
    WrongPinId(Remaining),
    /// The request contradicts itself or its consumer.
    BadRequest(&'a str),
    /// The request asks for a later server.
    RequiredApiLevel,
    /// All is well, there is just nothing to deliver.
    IdleHeartbeat {
        /// Last sequence delivered, as the consumer counts.
        consumer_seq: u64,
        /// Last sequence looked at in the stream.
        stream_seq: u64,
        /// Subject the consumer waits on for an answer to flow control, if it does.
        stalled: &'a [u8],
    },
    /// Answer me when you got so far.
    FlowControlRequest,
    /// Nobody takes what was sent to this subject.
    NoResponders(&'a [u8]),
}

/// What a request still wanted when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Messages.
    pub messages: i64,
    /// Bytes.
    pub bytes: i64,
}

impl Status<'_> {
    /// Appends the header block.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = self.try_write(out);
    }

    fn try_write(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        out.extend_from_slice(b"NATS/1.0 ");
        match self {
            Self::NoMessages => out.extend_from_slice(b"404 No Messages"),
            Self::RequestsPending => out.extend_from_slice(b"408 Requests Pending"),
            Self::RequestTimeout(rest) => write_remaining(out, "408 Request Timeout", *rest)?,
            Self::InterestExpired(rest) => write_remaining(out, "408 Interest Expired", *rest)?,
            Self::MessageSizeExceedsMaxBytes(rest) => {
                write_remaining(out, "409 Message Size Exceeds MaxBytes", *rest)?;
            }
            Self::BatchCompleted(rest) => write_remaining(out, "409 Batch Completed", *rest)?,
            Self::ExceededBatch(limit) => write!(out, "409 Exceeded MaxRequestBatch of {limit}")?,
            Self::ExceededExpires(limit) => {
                let limit = troupe_codecs::conf::format_duration(*limit);
                write!(out, "409 Exceeded MaxRequestExpires of {limit}")?;
            }
            Self::ExceededMaxBytes(limit) => write!(out, "409 Exceeded MaxRequestMaxBytes of {limit}")?,
            Self::ExceededWaiting => out.extend_from_slice(b"409 Exceeded MaxWaiting"),
            Self::PushBased => out.extend_from_slice(b"409 Consumer is push based"),
            Self::ConsumerDeleted => out.extend_from_slice(b"409 Consumer Deleted"),
            Self::LeadershipChange => out.extend_from_slice(b"409 Leadership Change"),
            Self::ServerShutdown(rest) => write_remaining(out, "409 Server Shutdown", *rest)?,
            Self::PinIdMismatch => out.extend_from_slice(b"423 Nats-Pin-Id mismatch"),
            Self::WrongPinId(rest) => write_remaining(out, "423 Nats-Wrong-Pin-Id", *rest)?,
            Self::BadRequest(why) => write!(out, "400 Bad Request - {why}")?,
            Self::RequiredApiLevel => out.extend_from_slice(b"412 Required Api Level"),
            Self::IdleHeartbeat { consumer_seq, stream_seq, stalled } => {
                write!(
                    out,
                    "100 Idle Heartbeat\r\nNats-Last-Consumer: {consumer_seq}\r\nNats-Last-Stream: {stream_seq}"
                )?;
                if !stalled.is_empty() {
                    out.extend_from_slice(b"\r\nNats-Consumer-Stalled: ");
                    out.extend_from_slice(stalled);
                }
            }
            Self::FlowControlRequest => out.extend_from_slice(b"100 FlowControl Request"),
            Self::NoResponders(subject) => {
                out.extend_from_slice(b"503\r\nNats-Subject: ");
                out.extend_from_slice(subject);
            }
        }
        out.extend_from_slice(b"\r\n\r\n");
        Ok(())
    }
}

fn write_remaining(out: &mut Vec<u8>, status: &str, rest: Remaining) -> std::io::Result<()> {
    let Remaining { messages, bytes } = rest;
    write!(out, "{status}\r\nNats-Pending-Messages: {messages}\r\nNats-Pending-Bytes: {bytes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_exact() {
        let rest = Remaining { messages: 3, bytes: 64 };
        let beat = |stalled| Status::IdleHeartbeat { consumer_seq: 1, stream_seq: 2, stalled };
        for (status, text) in [
            (Status::NoMessages, "NATS/1.0 404 No Messages\r\n\r\n"),
            (
                Status::RequestTimeout(rest),
                "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 64\r\n\r\n",
            ),
            (Status::ExceededExpires(1_500_000_000), "NATS/1.0 409 Exceeded MaxRequestExpires of 1.5s\r\n\r\n"),
            (Status::BadRequest("Invalid Priority Group"), "NATS/1.0 400 Bad Request - Invalid Priority Group\r\n\r\n"),
            (beat(b""), "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 2\r\n\r\n"),
            (
                beat(b"$JS.FC.S.C.abcd"),
                "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1\r\nNats-Last-Stream: 2\r\n\
                 Nats-Consumer-Stalled: $JS.FC.S.C.abcd\r\n\r\n",
            ),
        ] {
            let mut out = Vec::new();
            status.write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
