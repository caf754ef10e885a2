//! Batches with flow control: what a reply subject says, and when the publisher hears how far its batch is.

use super::publish::number;

/// How the reply subject of every message of such a batch ends.
pub const SUFFIX: &[u8] = b".$FI";
/// Messages between two answers, where one batch is alone.
const MOST_MESSAGES: u16 = 500;

/// What a message does to its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It begins it.
    Start,
    /// It is one more.
    Append,
    /// It is the last.
    Commit,
    /// It only ends it.
    CommitEmpty,
    /// It asks how far it is.
    Ping,
}

/// What the reply subject of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastReply<'a> {
    /// Batch.
    pub id: &'a [u8],
    /// Messages between two answers that the publisher wants.
    pub flow: u16,
    /// Messages may be missing.
    pub gap_ok: bool,
    /// Number of the message.
    pub seq: u64,
    /// What it does.
    pub operation: Operation,
}

/// Whether a reply subject is that of a batch with flow control.
#[must_use]
pub fn is_fast(reply: &[u8]) -> bool {
    reply.len() > SUFFIX.len() && reply.ends_with(SUFFIX)
}

/// Reads `<prefix>.<id>.<flow>.<gap mode>.<sequence>.<operation>.$FI`.
#[must_use]
pub fn parse(reply: &[u8]) -> Option<FastReply<'_>> {
    let mut tokens = reply.strip_suffix(SUFFIX)?.rsplit(|byte| *byte == b'.');
    let operation = match tokens.next()? {
        b"0" => Operation::Start,
        b"1" => Operation::Append,
        b"2" => Operation::Commit,
        b"3" => Operation::CommitEmpty,
        b"4" => Operation::Ping,
        _ => return None,
    };
    let seq = number(tokens.next()?).filter(|seq| *seq > 0 && *seq < u64::MAX)?;
    let is_wrong = match operation {
        Operation::Start => seq != 1,
        Operation::Append | Operation::CommitEmpty => seq == 1,
        Operation::Commit | Operation::Ping => false,
    };
    let gap_ok = match tokens.next()? {
        b"ok" => true,
        b"fail" => false,
        _ => return None,
    };
    let flow = number(tokens.next()?).unwrap_or(0);
    let flow = if flow == 0 { 10 } else { u16::try_from(flow).unwrap_or(u16::MAX) };
    let id = tokens.next()?;
    let has_prefix = tokens.next().is_some();
    (!is_wrong && has_prefix).then_some(FastReply { id, flow, gap_ok, seq, operation })
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FastBatch {
    /// Messages may be missing.
    pub gap_ok: bool,
    /// The last message that was taken.
    pub last: u64,
    /// The sequence the stream gave last.
    pub stream_seq: u64,
    /// When it is given up.
    pub deadline: i64,
    max_messages: u16,
    messages: u16,
    told: u64,
}

impl FastBatch {
    /// A batch that begins, one of `num_batches` with it.
    #[must_use]
    pub fn new(reply: &FastReply<'_>, num_batches: usize) -> Self {
        let messages = if num_batches > 1 { 1 } else { reply.flow.min(MOST_MESSAGES) };
        Self { gap_ok: reply.gap_ok, max_messages: reply.flow, messages, ..Self::default() }
    }

    /// Messages between two answers.
    #[must_use]
    pub fn messages(&self) -> u16 {
        self.messages
    }

    /// The message the publisher was told of last.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }

    /// Whether the publisher is to be told now; it counts as told then.
    pub fn tells(&mut self, num_batches: usize) -> bool {
        let every = u64::from(self.messages.max(1));
        if self.last < self.told + every {
            return false;
        }
        self.told += (self.last - self.told) / every * every;
        let share = usize::from(MOST_MESSAGES) / num_batches.max(1);
        let most = u16::try_from(share).unwrap_or(MOST_MESSAGES).max(1).min(self.max_messages);
        self.messages = if self.messages < most {
            self.messages.saturating_mul(2).min(most)
        } else if self.messages > most {
            (self.messages / 2).max(most)
        } else {
            most
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_subjects_are_read() {
        let reply = parse(b"_INBOX.x.id.20.fail.1.0.$FI").unwrap();
        assert_eq!((reply.id, reply.flow, reply.gap_ok, reply.seq), (&b"id"[..], 20, false, 1));
        assert_eq!(parse(b"p.id.0.ok.7.4.$FI").map(|reply| (reply.flow, reply.operation)), Some((10, Operation::Ping)));
        for bad in [
            "p.id.1.ok.2.0.$FI",
            "p.id.1.ok.1.1.$FI",
            "p.id.1.no.2.1.$FI",
            "p.id.1.ok.0.1.$FI",
            "p.id.1.ok.2.9.$FI",
            ".$FI",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(is_fast(b"x.$FI") && !is_fast(b".$FI") && !is_fast(b"x"));
    }

    #[test]
    fn publishers_hear_now_and_then() {
        let reply = parse(b"p.id.4.ok.1.0.$FI").unwrap();
        let mut batch = FastBatch::new(&reply, 2);
        assert_eq!(batch.messages(), 1);
        let mut told = Vec::new();
        for seq in 1..=12 {
            batch.last = seq;
            if batch.tells(2) {
                told.push((batch.told(), batch.messages()));
            }
        }
        assert_eq!(told, [(1, 2), (3, 4), (7, 4), (11, 4)]);
    }
}
