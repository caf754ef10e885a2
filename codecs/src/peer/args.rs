//! Arguments behind a verb: split at blanks, checked for number and form.

use super::op::{InterestOp, PeerMessage};
use crate::client::Span;
use crate::client::args::parse_size;

/// Splits `buffer[start..end]` at blanks into `args`, which is emptied first.
#[inline]
pub(super) fn split(buffer: &[u8], start: usize, end: usize, args: &mut Vec<Span>) {
    args.clear();
    let mut token_start = None;
    for (offset, byte) in buffer[start..end].iter().enumerate() {
        match (matches!(byte, b' ' | b'\t' | b'\r' | b'\n'), token_start) {
            (true, Some(first)) => {
                args.push(Span::new(first, start + offset));
                token_start = None;
            }
            (true, None) | (false, Some(_)) => {}
            (false, None) => token_start = Some(start + offset),
        }
    }
    if let Some(first) = token_start {
        args.push(Span::new(first, end));
    }
}

/// What a line looks like, beside its verb.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// A cluster of leaf nodes stands first.
    pub(super) has_origin: bool,
    /// An account stands in front of the subject.
    pub(super) has_account: bool,
    /// Two sizes end the line.
    pub(super) has_header_len: bool,
}

/// Takes origin and account off the front of the arguments.
fn front(args: &[Span], form: Form) -> Option<(Span, Span, &[Span])> {
    let (origin, args) = if form.has_origin { args.split_first()? } else { (&Span::default(), args) };
    let (account, args) = if form.has_account { args.split_first()? } else { (&Span::default(), args) };
    Some((*origin, *account, args))
}

/// A message line before its payload is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageArgs {
    /// All but `payload`.
    pub(super) op: PeerMessage,
    /// Size of headers and payload.
    pub(super) total: u32,
}

/// `[origin] [account] subject [reply] sizes`, `.. subject + reply queues sizes` or `.. subject | queues sizes`.
#[inline]
pub(super) fn message(buffer: &[u8], args: &[Span], form: Form) -> Option<MessageArgs> {
    let (origin, account, args) = front(args, form)?;
    let num_sizes = 1 + usize::from(form.has_header_len);
    let (names, sizes) = args.split_at_checked(args.len().checked_sub(num_sizes)?)?;
    let total = parse_size(sizes.last()?.of(buffer))?;
    let header_len = if form.has_header_len { parse_size(sizes[0].of(buffer))? } else { 0 };
    if header_len > total {
        return None;
    }
    let (reply, queues) = match names {
        [_] => (Span::default(), &[][..]),
        [_, reply] => (*reply, &[][..]),
        [_, mark, reply, queues @ ..] if mark.of(buffer) == b"+" => (*reply, queues),
        [_, mark, queues @ ..] if mark.of(buffer) == b"|" => (Span::default(), queues),
        _ => return None,
    };
    let group = match (queues.first(), queues.last()) {
        (Some(first), Some(last)) => Span { start: first.start, end: last.end },
        _ => Span::default(),
    };
    // Headers of no length are none: then the last size alone is what a receiver needs.
    let first_size = if header_len > 0 { sizes[0] } else { sizes[num_sizes - 1] };
    let sizes = Span { start: first_size.start, end: sizes[num_sizes - 1].end };
    let is_verbatim = queues.is_empty() && (reply.is_empty() || follows(buffer, reply, first_size));
    let is_verbatim = is_verbatim && (header_len == 0 || one_blank(buffer, sizes));
    let op = PeerMessage {
        origin,
        account,
        subject: names[0],
        reply,
        queues: group,
        sizes,
        payload: Span::default(),
        header_len,
        has_headers: header_len > 0,
        is_verbatim,
    };
    Some(MessageArgs { op, total })
}

/// Whether one blank and nothing else stands between two arguments.
fn follows(buffer: &[u8], left: Span, right: Span) -> bool {
    left.end + 1 == right.start && buffer[left.end as usize] == b' '
}

/// Whether the two sizes are divided by one blank.
fn one_blank(buffer: &[u8], sizes: Span) -> bool {
    let text = sizes.of(buffer);
    text.iter().filter(|byte| !byte.is_ascii_digit()).count() == 1 && text.contains(&b' ')
}

/// `[origin] [account] subject [queue weight]`. As in nats-server, a weight that is no number leaves the group without members.
pub(super) fn interest(buffer: &[u8], args: &[Span], form: Form) -> Option<InterestOp> {
    let (origin, account, args) = front(args, form)?;
    match args {
        [subject] => Some(InterestOp { origin, account, subject: *subject, ..InterestOp::default() }),
        [subject, queue, weight] => {
            let weight = parse_size(weight.of(buffer)).filter(|weight| i32::try_from(*weight).is_ok()).unwrap_or(0);
            Some(InterestOp { origin, account, subject: *subject, queue: *queue, weight })
        }
        _ => None,
    }
}

/// `[origin] [account] subject [queue]`.
pub(super) fn no_interest(args: &[Span], form: Form) -> Option<InterestOp> {
    let (origin, account, args) = front(args, form)?;
    let (subject, queue) = match args {
        [subject] => (*subject, Span::default()),
        [subject, queue] => (*subject, *queue),
        _ => return None,
    };
    Some(InterestOp { origin, account, subject, queue, weight: 0 })
}
