//! Arguments behind a verb: split at blanks, checked for number and form.

use super::op::{PublishOp, Span, SubscribeOp, UnsubscribeOp};

/// Most arguments any verb takes.
const MAX_ARGS: usize = 4;

/// Arguments of one line. More than four are counted but not kept.
pub(crate) struct Args {
    spans: [Span; MAX_ARGS],
    count: usize,
}

impl Args {
    /// Splits `buffer[start..end]` at spaces, tabs, line feeds and, unless it is the line of a publish, carriage returns:
    /// nats-server takes these for a part of the argument there.
    #[inline]
    pub(crate) fn split(buffer: &[u8], start: usize, end: usize, is_publish: bool) -> Self {
        let mut args = Self { spans: [Span::default(); MAX_ARGS], count: 0 };
        let mut token_start = None;
        for (offset, byte) in buffer[start..end].iter().enumerate() {
            let is_blank = matches!(byte, b' ' | b'\t' | b'\n') || *byte == b'\r' && !is_publish;
            match (is_blank, token_start) {
                (true, Some(first)) => {
                    args.push(first, start + offset);
                    token_start = None;
                }
                (true, None) | (false, Some(_)) => {}
                (false, None) => token_start = Some(start + offset),
            }
        }
        if let Some(first) = token_start {
            args.push(first, end);
        }
        args
    }

    /// Number of arguments, kept or not.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Argument number `number`, counted from 0.
    pub(crate) fn get(&self, number: usize) -> Option<Span> {
        self.spans.get(number).copied().filter(|_| number < self.count)
    }

    #[inline]
    fn push(&mut self, start: usize, end: usize) {
        if let Some(slot) = self.spans.get_mut(self.count) {
            *slot = Span::new(start, end);
        }
        self.count += 1;
    }
}

/// Reads a size: one to nine decimal digits.
#[inline]
pub(crate) fn parse_size(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0u32, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

/// A publish line before its payload is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PublishArgs {
    /// All but `payload`.
    pub(crate) op: PublishOp,
    /// Size of headers and payload.
    pub(crate) total: u32,
}

/// `subject [reply] size`.
#[inline]
pub(crate) fn publish(buffer: &[u8], start: usize, end: usize) -> Option<PublishArgs> {
    let args = Args::split(buffer, start, end, true);
    let (subject, reply, sizes) = match args.count {
        2 => (args.spans[0], Span::default(), args.spans[1]),
        3 => (args.spans[0], args.spans[1], args.spans[2]),
        _ => return None,
    };
    let total = parse_size(sizes.of(buffer))?;
    let is_verbatim = reply.is_empty() || reply.end + 1 == sizes.start && buffer[reply.end as usize] == b' ';
    Some(PublishArgs { op: PublishOp { subject, reply, sizes, is_verbatim, ..PublishOp::default() }, total })
}

/// `subject [reply] header_size total_size`.
pub(crate) fn header_publish(buffer: &[u8], start: usize, end: usize) -> Option<PublishArgs> {
    let args = Args::split(buffer, start, end, true);
    let (subject, reply, header, total) = match args.count {
        3 => (args.spans[0], Span::default(), args.spans[1], args.spans[2]),
        4 => (args.spans[0], args.spans[1], args.spans[2], args.spans[3]),
        _ => return None,
    };
    let header_len = parse_size(header.of(buffer))?;
    let size = parse_size(total.of(buffer)).filter(|size| header_len <= *size)?;
    let one_space = |left: Span, right: Span| left.end + 1 == right.start && buffer[left.end as usize] == b' ';
    let is_verbatim = one_space(header, total) && (reply.is_empty() || one_space(reply, header));
    let sizes = Span { start: header.start, end: total.end };
    let op = PublishOp { subject, reply, sizes, header_len, has_headers: true, is_verbatim, ..PublishOp::default() };
    Some(PublishArgs { op, total: size })
}

/// `subject [queue] sid`.
pub(crate) fn subscribe(buffer: &[u8], start: usize, end: usize) -> Option<SubscribeOp> {
    let args = Args::split(buffer, start, end, false);
    match args.count {
        2 => Some(SubscribeOp { subject: args.spans[0], queue: Span::default(), sid: args.spans[1] }),
        3 => Some(SubscribeOp { subject: args.spans[0], queue: args.spans[1], sid: args.spans[2] }),
        _ => None,
    }
}

/// `sid [max]`. A `max` that is no size ends the subscription now, as nats-server has it.
pub(crate) fn unsubscribe(buffer: &[u8], start: usize, end: usize) -> Option<UnsubscribeOp> {
    let args = Args::split(buffer, start, end, false);
    match args.count {
        1 => Some(UnsubscribeOp { sid: args.spans[0], max: None }),
        2 => {
            Some(UnsubscribeOp { sid: args.spans[0], max: parse_size(args.spans[1].of(buffer)).filter(|max| *max > 0) })
        }
        _ => None,
    }
}
