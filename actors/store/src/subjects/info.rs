//! Totals of one subject.

const BOUND: u64 = 1 << 63;

/// How many messages a subject has, and where its first and last one are.
///
/// After removals, and when read from files that name only blocks, a sequence may be a bound: nothing of the subject
/// is before the first, or after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubjectInfo {
    pub(crate) msgs: u64,
    first: u64,
    last: u64,
}

impl SubjectInfo {
    /// One message.
    pub(crate) fn new(seq: u64) -> Self {
        Self { msgs: 1, first: seq, last: seq }
    }

    /// Totals of which only bounds are known.
    pub(crate) fn bounded(msgs: u64, first: u64, last: u64) -> Self {
        Self { msgs, first: first | BOUND, last: last | BOUND }
    }

    /// No message of the subject is before this one.
    pub(crate) fn lower(&self) -> u64 {
        self.first & !BOUND
    }

    /// No message of the subject is after this one.
    pub(crate) fn upper(&self) -> u64 {
        self.last & !BOUND
    }

    /// The first message, if known exactly.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.first & BOUND == 0).then_some(self.first)
    }

    /// The last message, if known exactly.
    pub(crate) fn last(&self) -> Option<u64> {
        (self.last & BOUND == 0).then_some(self.last)
    }

    pub(crate) fn set_first(&mut self, seq: u64) {
        self.first = seq;
        if self.msgs == 1 {
            self.last = seq;
        }
    }

    pub(crate) fn set_last(&mut self, seq: u64) {
        self.last = seq;
        if self.msgs == 1 {
            self.first = seq;
        }
    }

    /// Counts a message behind all others.
    pub(crate) fn add(&mut self, seq: u64) {
        self.msgs += 1;
        self.last = seq;
    }

    /// Takes off a message; others must be left.
    pub(crate) fn take(&mut self, seq: u64) {
        self.msgs -= 1;
        if seq == self.lower() {
            self.first = (seq + 1) | BOUND;
        }
        if seq == self.upper() {
            self.last = (seq - 1) | BOUND;
        }
        if self.msgs == 1 {
            match (self.first(), self.last()) {
                (Some(first), _) => self.last = first,
                (None, Some(last)) => self.first = last,
                (None, None) => {}
            }
        }
    }
}
