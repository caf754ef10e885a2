//! Bytes of one read -> all complete operations in them.

use bytes::BytesMut;
use memchr::memchr;
use tokio_util::codec::Decoder;

use super::args::{self, PublishArgs};
use super::op::{ClientOp, PublishOp, Span};
use super::verb::{Recognised, Verb, recognise};

/// What made the bytes of a client unreadable. The connection closes after the operations before it are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolFault {
    /// `-ERR 'Unknown Protocol Operation'`: no verb, or a payload not closed by CRLF.
    UnknownOperation,
    /// `-ERR 'maximum control line exceeded'`: arguments longer than the limit, complete or not.
    ControlLineExceeded,
    /// `-ERR 'Maximum Payload Violation'`: announced size (bytes) above the limit.
    PayloadExceeded(u32),
    /// Closed without a word: wrong number or form of arguments.
    BadArguments,
    /// `-ERR 'Authorization Violation'`: the first byte is not that of `CONNECT`, which has to come first.
    ConnectExpected,
}

/// All complete operations of one read.
pub type Batch = crate::batch::Batch<ClientOp, ProtocolFault>;

/// Decoder of the client protocol (reference: docs.nats.io "Client Protocol", nats-server's parser for leniency).
///
/// Between two calls it keeps no bytes of its own: what is not complete stays in the caller's buffer. It yields nothing
/// (`Ok(None)`) while no operation is complete; [`ClientDecoder::wanted`] then tells how many bytes the operation at the
/// front needs in all, where that is known.
#[derive(Debug)]
pub struct ClientDecoder {
    max_control_line: usize,
    max_payload: usize,
    state: State,
    spare_ops: Vec<ClientOp>,
    expects_connect: bool,
}

/// What is known about the operation at the front of the buffer.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    /// Verb and nothing but blanks read; the arguments begin at the front of the buffer.
    Arguments(Verb),
    /// Publish line read, payload not complete. Offsets count from the front of the buffer.
    Payload { args: PublishArgs, payload_start: u32 },
    /// `PING`, `PONG`, `+OK` read: whatever follows up to the line feed is thrown away.
    RestOfLine(ClientOp),
}

/// Outcome of one step.
enum Step {
    Op(ClientOp, usize),
    /// Bytes up to here are used up without an operation.
    Skip(usize),
    NeedMore,
    Fault(ProtocolFault),
}

impl Default for ClientDecoder {
    /// A decoder that takes nothing until its limits are set.
    fn default() -> Self {
        Self::new(0, 0)
    }
}

impl ClientDecoder {
    /// A decoder with the server's limits, in bytes.
    #[must_use]
    pub fn new(max_control_line: usize, max_payload: usize) -> Self {
        Self { max_control_line, max_payload, state: State::Start, spare_ops: Vec::new(), expects_connect: false }
    }

    /// Makes the first byte a fault unless it can be that of `CONNECT`, so that nothing is collected for a client that may do
    /// nothing else yet.
    pub fn expect_connect(&mut self) {
        self.expects_connect = true;
    }

    /// Changes the limits, effective for lines not read yet.
    pub fn set_limits(&mut self, max_control_line: usize, max_payload: usize) {
        self.max_control_line = max_control_line;
        self.max_payload = max_payload;
    }

    /// Bytes the operation at the front of the buffer needs in all, if its size is known.
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        match self.state {
            State::Payload { args, payload_start } => Some(payload_start as usize + args.total as usize + 2),
            _ => None,
        }
    }

    /// Takes back the operations of a handled batch so that the next one need not allocate.
    pub fn recycle(&mut self, mut ops: Vec<ClientOp>) {
        ops.clear();
        self.spare_ops = ops;
    }

    /// Gives back what [`ClientDecoder::recycle`] brought and no batch took.
    pub fn take_spare_ops(&mut self) -> Vec<ClientOp> {
        std::mem::take(&mut self.spare_ops)
    }

    /// Reads a complete `PUB` in its plainest form, in one pass: upper case, single blanks, CRLF. Nearly all are so. `None`
    /// leaves the bytes to [`ClientDecoder::step`], which knows every other form and every fault.
    #[inline]
    fn plain_publish(&self, buffer: &[u8], at: usize) -> Option<(PublishOp, usize)> {
        if !matches!(self.state, State::Start) || !buffer[at..].starts_with(b"PUB ") {
            return None;
        }
        let subject = token(buffer, at + 4)?;
        if buffer[subject.end as usize] != b' ' {
            return None;
        }
        let second = token(buffer, subject.end as usize + 1)?;
        let (reply, sizes) = match buffer[second.end as usize] {
            b' ' => (second, token(buffer, second.end as usize + 1)?),
            _ => (Span::default(), second),
        };
        let line_end = sizes.end as usize;
        let payload_start = line_end + 2;
        if buffer.get(line_end..payload_start)? != b"\r\n" || line_end - (at + 4) > self.max_control_line {
            return None;
        }
        let total = args::parse_size(sizes.of(buffer))? as usize;
        let payload_end = payload_start + total;
        if total > self.max_payload || buffer.get(payload_end..payload_end + 2)? != b"\r\n" {
            return None;
        }
        let payload = Span::new(payload_start, payload_end);
        let op = PublishOp { subject, reply, sizes, payload, header_len: 0, has_headers: false, is_verbatim: true };
        Some((op, payload_end + 2))
    }

    /// Reads a complete `PUB` at `at` whose line is, byte for byte, that of `last`, a plain one read at `last_at`.
    #[inline]
    fn repeated_publish(
        &self,
        buffer: &[u8],
        at: usize,
        last: &PublishOp,
        last_at: usize,
    ) -> Option<(PublishOp, usize)> {
        let shift = (at - last_at) as u32;
        let (start, end) = (last.payload.start + shift, last.payload.end + shift);
        let (line, next) = (&buffer[last_at..last.payload.start as usize], end as usize + 2);
        let is_same = buffer.get(at..start as usize)? == line && buffer.get(end as usize..next)? == b"\r\n";
        if !is_same || !matches!(self.state, State::Start) {
            return None;
        }
        let moved = |span: Span| Span { start: span.start + shift, end: span.end + shift };
        let reply = if last.reply.is_empty() { last.reply } else { moved(last.reply) };
        Some((
            PublishOp {
                subject: moved(last.subject),
                reply,
                sizes: moved(last.sizes),
                payload: moved(last.payload),
                ..*last
            },
            next,
        ))
    }

    #[inline]
    fn step(&mut self, buffer: &[u8], at: usize) -> Step {
        match self.state {
            State::Start => self.line(buffer, at),
            State::RestOfLine(op) => self.rest_of_line(buffer, at, op),
            State::Arguments(verb) => self.resume_arguments(buffer, at, verb),
            State::Payload { args, payload_start } => self.resume_payload(buffer, &args, payload_start),
        }
    }

    /// Goes on behind a verb that had no arguments yet.
    fn resume_arguments(&mut self, buffer: &[u8], at: usize, verb: Verb) -> Step {
        self.state = State::Start;
        let step = self.arguments(buffer, at, verb, at);
        if matches!((&step, self.state), (Step::NeedMore, State::Start)) {
            self.state = State::Arguments(verb);
        }
        step
    }

    /// Goes on with a payload whose line is at the front of the buffer.
    fn resume_payload(&mut self, buffer: &[u8], args: &PublishArgs, payload_start: u32) -> Step {
        let step = payload(buffer, args, payload_start as usize);
        if matches!(step, Step::Op(..)) {
            self.state = State::Start;
        }
        step
    }

    #[cold]
    fn line(&mut self, buffer: &[u8], at: usize) -> Step {
        let rest = &buffer[at..];
        match recognise(rest) {
            Recognised::Incomplete => Step::NeedMore,
            Recognised::Unknown => Step::Fault(ProtocolFault::UnknownOperation),
            Recognised::Verb(Verb::Ping, len) => self.rest_of_line(buffer, at + len, ClientOp::Ping),
            Recognised::Verb(Verb::Pong, len) => self.rest_of_line(buffer, at + len, ClientOp::Pong),
            Recognised::Verb(Verb::Ok, len) => self.rest_of_line(buffer, at + len, ClientOp::Ok),
            Recognised::Verb(verb, len) => self.arguments(buffer, at, verb, at + len),
        }
    }

    fn rest_of_line(&mut self, buffer: &[u8], from: usize, op: ClientOp) -> Step {
        match memchr(b'\n', &buffer[from..]) {
            Some(offset) => {
                self.state = State::Start;
                Step::Op(op, from + offset + 1)
            }
            None => {
                self.state = State::RestOfLine(op);
                Step::Skip(buffer.len())
            }
        }
    }

    /// Reads `verb`'s arguments, which begin with the first byte that is no blank. That byte is an argument whatever it
    /// is, even a line feed: nats-server's parser has it so.
    #[inline]
    fn arguments(&mut self, buffer: &[u8], at: usize, verb: Verb, mut start: usize) -> Step {
        while matches!(buffer.get(start), Some(b' ' | b'\t')) {
            start += 1;
        }
        let Some(search) = buffer.get(start + 1..) else {
            // Endless blanks are not kept.
            self.state = State::Arguments(verb);
            return Step::Skip(start);
        };
        let Some(offset) = memchr(b'\n', search) else {
            let line_len = buffer.len() - start - usize::from(memchr(b'\r', search).is_some());
            let is_over = line_len > self.max_control_line;
            return if is_over { Step::Fault(ProtocolFault::ControlLineExceeded) } else { Step::NeedMore };
        };
        let line_feed = start + 1 + offset;
        let is_crlf = offset > 0 && buffer[line_feed - 1] == b'\r';
        let drops_last = is_crlf || memchr(b'\r', &search[..offset]).is_some();
        let end = line_feed - usize::from(drops_last);
        if end - start > self.max_control_line {
            return Step::Fault(ProtocolFault::ControlLineExceeded);
        }
        self.complete_line(buffer, at, verb, start..end, line_feed + 1, is_crlf)
    }

    #[inline]
    fn complete_line(
        &mut self,
        buffer: &[u8],
        at: usize,
        verb: Verb,
        line: std::ops::Range<usize>,
        next: usize,
        is_crlf: bool,
    ) -> Step {
        let (start, end) = (line.start, line.end);
        let op = match verb {
            Verb::Publish => {
                return self.publish(buffer, at, args::publish(buffer, start, end), next, is_crlf && end + 2 == next);
            }
            Verb::HeaderPublish => {
                return self.publish(
                    buffer,
                    at,
                    args::header_publish(buffer, start, end),
                    next,
                    is_crlf && end + 2 == next,
                );
            }
            Verb::Subscribe => args::subscribe(buffer, start, end).map(ClientOp::Subscribe),
            Verb::Unsubscribe => args::unsubscribe(buffer, start, end).map(ClientOp::Unsubscribe),
            Verb::Connect => Some(ClientOp::Connect(Span::new(start, end))),
            Verb::Info => Some(ClientOp::Info(Span::new(start, end))),
            Verb::Err => Some(ClientOp::Err(Span::new(start, end))),
            Verb::Ping | Verb::Pong | Verb::Ok => None,
        };
        op.map_or(Step::Fault(ProtocolFault::BadArguments), |op| Step::Op(op, next))
    }

    #[inline]
    fn publish(&mut self, buffer: &[u8], at: usize, args: Option<PublishArgs>, next: usize, ends_plain: bool) -> Step {
        let Some(mut args) = args else {
            return Step::Fault(ProtocolFault::BadArguments);
        };
        if args.total as usize > self.max_payload {
            return Step::Fault(ProtocolFault::PayloadExceeded(args.total));
        }
        args.op.is_verbatim &= ends_plain && args.op.sizes.end as usize + 2 == next;
        match payload(buffer, &args, next) {
            Step::NeedMore => {
                self.state = State::Payload { args: args.relative_to(at), payload_start: (next - at) as u32 };
                Step::NeedMore
            }
            step => step,
        }
    }
}

/// The token that begins at `start`, up to the next blank or control character; `None` when it is empty or the buffer ends
/// before.
#[inline]
fn token(buffer: &[u8], start: usize) -> Option<Span> {
    let len = buffer.get(start..)?.iter().position(|byte| *byte <= b' ')?;
    // A control character that separates nothing is left to the thorough path.
    (len > 0 && matches!(buffer[start + len], b' ' | b'\r')).then(|| Span::new(start, start + len))
}

/// Reads the payload that begins at `start`.
#[inline]
fn payload(buffer: &[u8], args: &PublishArgs, start: usize) -> Step {
    let end = start + args.total as usize;
    match buffer.get(end..buffer.len().min(end + 2)).unwrap_or_default() {
        b"\r\n" => {
            let mut op = args.op;
            op.payload = Span::new(start, end);
            Step::Op(ClientOp::Publish(op), end + 2)
        }
        b"" | b"\r" => Step::NeedMore,
        _ => Step::Fault(ProtocolFault::UnknownOperation),
    }
}

impl PublishArgs {
    /// The same arguments when the bytes before `at` are gone.
    fn relative_to(mut self, at: usize) -> Self {
        for span in [&mut self.op.subject, &mut self.op.reply, &mut self.op.sizes] {
            if !span.is_empty() {
                *span = Span::new(span.start as usize - at, span.end as usize - at);
            }
        }
        self
    }
}

impl Decoder for ClientDecoder {
    type Item = Batch;
    type Error = std::io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Batch>, Self::Error> {
        let mut ops = std::mem::take(&mut self.spare_ops);
        let mut fault = None;
        let mut at = 0;
        let is_first = self.expects_connect && matches!(self.state, State::Start);
        if is_first && source.first().is_some_and(|first| !first.eq_ignore_ascii_case(&b'c')) {
            return Ok(Some(Batch { fault: Some(ProtocolFault::ConnectExpected), ..Batch::default() }));
        }
        let mut last = None;
        while at < source.len() {
            let repeated = last.as_ref().and_then(|(last, last_at)| self.repeated_publish(source, at, last, *last_at));
            if let Some((op, next)) = repeated.or_else(|| self.plain_publish(source, at)) {
                ops.push(ClientOp::Publish(op));
                last = Some((op, at));
                at = next;
                continue;
            }
            match self.step(source, at) {
                Step::Op(op, next) => {
                    ops.push(op);
                    at = next;
                }
                Step::Skip(next) => at = next,
                Step::NeedMore => break,
                Step::Fault(kind) => {
                    fault = Some(kind);
                    break;
                }
            }
        }
        if ops.is_empty() && fault.is_none() {
            self.spare_ops = ops;
            drop(source.split_to(at));
            return Ok(None);
        }
        self.expects_connect &= ops.is_empty();
        let end = if fault.is_some() { source.len() } else { at };
        Ok(Some(Batch { bytes: source.split_to(end).freeze(), ops, fault, fault_at: at }))
    }
}

#[cfg(test)]
#[path = "decoder_test.rs"]
mod tests;
