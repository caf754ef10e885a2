//! Flow control of consumers that push: a window of bytes the client confirms.

use bytes::Bytes;

/// Largest window, bytes.
pub const MAX_WINDOW: u64 = 32 << 20;

/// The window of one consumer.
#[derive(Debug)]
pub struct FlowControl {
    /// Bytes that may be on their way; doubles with each answer.
    window: u64,
    /// Bytes on their way.
    outstanding: u64,
    /// Bytes the next answer confirms.
    confirmed_by_answer: u64,
    /// Subject of the answer that is awaited.
    awaited: Option<Bytes>,
}

impl Default for FlowControl {
    fn default() -> Self {
        Self { window: MAX_WINDOW / 16, outstanding: 0, confirmed_by_answer: 0, awaited: None }
    }
}

impl FlowControl {
    /// Whether the client must catch up before more is sent.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.outstanding > self.window
    }

    /// Subject of the answer that is awaited.
    #[must_use]
    pub fn awaited(&self) -> Option<&Bytes> {
        self.awaited.as_ref()
    }

    /// Counts a message sent. `true` when the client should be asked; `is_at_limit` says that it must acknowledge
    /// before more can be sent.
    pub fn sent(&mut self, num_bytes: u64, is_at_limit: bool) -> bool {
        self.outstanding += num_bytes;
        if self.awaited.is_none() {
            return self.outstanding > self.window / 2 || is_at_limit;
        }
        if self.outstanding.saturating_sub(self.confirmed_by_answer) >= self.window {
            self.confirmed_by_answer += num_bytes;
        }
        false
    }

    /// Records that the client was asked to answer on `subject`.
    pub fn asked(&mut self, subject: Bytes) {
        self.confirmed_by_answer = self.outstanding;
        self.awaited = Some(subject);
    }

    /// Records an answer. `false` for one that is not awaited.
    pub fn answered(&mut self, subject: &[u8]) -> bool {
        if self.awaited.as_deref() != Some(subject) {
            return false;
        }
        self.window = (self.window * 2).min(MAX_WINDOW);
        self.outstanding = self.outstanding.saturating_sub(self.confirmed_by_answer);
        self.confirmed_by_answer = 0;
        self.awaited = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = MAX_WINDOW / 16;

    #[test]
    fn asks_at_half_and_stops_when_full() {
        let mut flow = FlowControl::default();
        assert!(!flow.sent(START / 2, false));
        assert!(flow.sent(1, false));
        flow.asked(Bytes::from_static(b"$JS.FC.S.C.1"));
        assert!(!flow.sent(START / 2, false) && flow.is_full());
        assert!(!flow.answered(b"$JS.FC.S.C.0"));
        assert!(flow.answered(b"$JS.FC.S.C.1") && !flow.is_full());
        assert_eq!((flow.window, flow.outstanding), (2 * START, START / 2));
    }

    #[test]
    fn grows_to_the_limit() {
        let mut flow = FlowControl::default();
        for _ in 0..10 {
            flow.asked(Bytes::from_static(b"x"));
            assert!(flow.answered(b"x"));
        }
        assert_eq!(flow.window, MAX_WINDOW);
    }

    #[test]
    fn asks_when_acknowledgements_are_needed() {
        let mut flow = FlowControl::default();
        assert!(!flow.sent(1, false) && flow.sent(1, true));
        flow.asked(Bytes::from_static(b"x"));
        assert!(!flow.sent(1, true), "one question at a time");
    }
}
