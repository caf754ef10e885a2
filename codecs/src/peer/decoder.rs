//! Bytes of one read -> all complete operations in them.

use bytes::BytesMut;
use memchr::memchr;

use super::args::{self, Form, MessageArgs};
use super::op::PeerOp;
use super::verb::{Recognised, Verb, recognise};
use crate::batch::Batch;
use crate::client::Span;

/// What made the bytes of a server unreadable. The connection closes after the operations before it are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteFault {
    /// No verb, or a payload not closed by CRLF.
    UnknownOperation,
    /// A line longer than the limit, complete or not.
    LineTooLong,
    /// A message larger than the limit.
    PayloadTooLarge(u32),
    /// Wrong number or form of arguments.
    BadArguments,
}

/// All complete operations of one read.
pub type RouteBatch = Batch<PeerOp, RouteFault>;

/// Decoder of what a server sends over a route.
///
/// It keeps no bytes of its own: what is not complete stays in the caller's buffer. A batch ends behind every `INFO` and
/// `CONNECT`, because they change how the bytes after them are to be read.
#[derive(Debug)]
pub struct RouteDecoder {
    max_line: usize,
    max_payload: usize,
    has_account: bool,
    wanted: Option<usize>,
    args: Vec<Span>,
    spare_ops: Vec<PeerOp>,
}

/// Outcome of one step.
enum Step {
    Op(PeerOp, usize),
    NeedMore,
    Fault(RouteFault),
}

impl RouteDecoder {
    /// A decoder with limits in bytes.
    #[must_use]
    pub fn new(max_line: usize, max_payload: usize) -> Self {
        Self { max_line, max_payload, has_account: true, wanted: None, args: Vec::new(), spare_ops: Vec::new() }
    }

    /// Changes the longest line, for lines not read yet.
    pub fn set_max_line(&mut self, max_line: usize) {
        self.max_line = max_line;
    }

    /// Makes the account a part of every line, as it is from the start, or of none: a route for one account alone leaves it out.
    pub fn set_has_account(&mut self, value: bool) {
        self.has_account = value;
    }

    /// Bytes the operation at the front of the buffer needs in all, if its size is known.
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        self.wanted
    }

    /// Takes back the operations of a handled batch so that the next one need not allocate.
    pub fn recycle(&mut self, mut ops: Vec<PeerOp>) {
        ops.clear();
        self.spare_ops = ops;
    }

    /// Takes all complete operations off the front of `source`, up to the first `INFO` or `CONNECT`. `None` while none is
    /// complete.
    pub fn decode(&mut self, source: &mut BytesMut) -> Option<RouteBatch> {
        let mut ops = std::mem::take(&mut self.spare_ops);
        let mut fault = None;
        let mut at = 0;
        self.wanted = None;
        while at < source.len() {
            match self.step(source, at) {
                Step::Op(op, next) => {
                    ops.push(op);
                    at = next;
                    if matches!(op, PeerOp::Info(_) | PeerOp::Connect(_)) {
                        break;
                    }
                }
                Step::NeedMore => break,
                Step::Fault(kind) => {
                    fault = Some(kind);
                    break;
                }
            }
        }
        if ops.is_empty() && fault.is_none() {
            self.spare_ops = ops;
            return None;
        }
        let end = if fault.is_some() { source.len() } else { at };
        Some(RouteBatch { bytes: source.split_to(end).freeze(), ops, fault, fault_at: at })
    }

    #[inline]
    fn step(&mut self, buffer: &[u8], at: usize) -> Step {
        let (verb, start) = match recognise(&buffer[at..]) {
            Recognised::Incomplete => return Step::NeedMore,
            Recognised::Unknown => return Step::Fault(RouteFault::UnknownOperation),
            Recognised::Verb(verb, len) => (verb, at + len),
        };
        let Some(offset) = memchr(b'\n', &buffer[start..]) else {
            let is_over = buffer.len() - start > self.max_line;
            return if is_over { Step::Fault(RouteFault::LineTooLong) } else { Step::NeedMore };
        };
        if offset > self.max_line {
            return Step::Fault(RouteFault::LineTooLong);
        }
        let line_feed = start + offset;
        let end = line_feed - usize::from(offset > 0 && buffer[line_feed - 1] == b'\r');
        let op = match verb {
            Verb::Message
            | Verb::HeaderMessage
            | Verb::LeafMessage
            | Verb::ClientMessage
            | Verb::ClientHeaderMessage => {
                return self.message(buffer, at, verb, start..end, line_feed + 1);
            }
            Verb::Interest | Verb::LeafInterest => {
                args::split(buffer, start, end, &mut self.args);
                args::interest(buffer, &self.args, self.form(verb)).map(PeerOp::Interest)
            }
            Verb::NoInterest | Verb::LeafNoInterest => {
                args::split(buffer, start, end, &mut self.args);
                args::no_interest(&self.args, self.form(verb)).map(PeerOp::NoInterest)
            }
            Verb::Ping => Some(PeerOp::Ping),
            Verb::Pong => Some(PeerOp::Pong),
            Verb::Ok | Verb::Account | Verb::ClientInterest => Some(PeerOp::Ignored),
            Verb::Connect => Some(PeerOp::Connect(trimmed(buffer, start, end))),
            Verb::Info => Some(PeerOp::Info(trimmed(buffer, start, end))),
            Verb::Err => Some(PeerOp::Err(trimmed(buffer, start, end))),
        };
        op.map_or(Step::Fault(RouteFault::BadArguments), |op| Step::Op(op, line_feed + 1))
    }

    fn form(&self, verb: Verb) -> Form {
        Form {
            has_origin: matches!(verb, Verb::LeafInterest | Verb::LeafNoInterest | Verb::LeafMessage),
            has_account: self.has_account && !is_of_client(verb),
            has_header_len: matches!(verb, Verb::HeaderMessage | Verb::LeafMessage | Verb::ClientHeaderMessage),
        }
    }

    #[inline]
    fn message(
        &mut self,
        buffer: &[u8],
        at: usize,
        verb: Verb,
        line: std::ops::Range<usize>,
        payload_start: usize,
    ) -> Step {
        args::split(buffer, line.start, line.end, &mut self.args);
        let Some(MessageArgs { mut op, total }) = args::message(buffer, &self.args, self.form(verb)) else {
            return Step::Fault(RouteFault::BadArguments);
        };
        if total as usize > self.max_payload {
            return Step::Fault(RouteFault::PayloadTooLarge(total));
        }
        let payload_end = payload_start + total as usize;
        match buffer.get(payload_end..buffer.len().min(payload_end + 2)).unwrap_or_default() {
            b"\r\n" => {
                // The line must end as a `MSG` line does, right behind the sizes.
                op.is_verbatim &= op.sizes.end as usize + 2 == payload_start;
                op.payload = Span::new(payload_start, payload_end);
                let op = if is_of_client(verb) { PeerOp::Ignored } else { PeerOp::Message(op) };
                Step::Op(op, payload_end + 2)
            }
            b"" | b"\r" => {
                self.wanted = Some(payload_end + 2 - at);
                Step::NeedMore
            }
            _ => Step::Fault(RouteFault::UnknownOperation),
        }
    }
}

/// Whether it is a message as clients send it, which belongs to no account here.
fn is_of_client(verb: Verb) -> bool {
    matches!(verb, Verb::ClientMessage | Verb::ClientHeaderMessage)
}

/// The text between blanks.
fn trimmed(buffer: &[u8], start: usize, end: usize) -> Span {
    let text = &buffer[start..end];
    let first = text.len() - text.trim_ascii_start().len();
    Span::new(start + first.min(text.len()), start + first + text.trim_ascii().len())
}

#[cfg(test)]
#[path = "decoder_test.rs"]
mod tests;
