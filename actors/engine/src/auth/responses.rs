//! Reply subjects a connection may publish to because it received them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;

use super::permissions::CompiledPermissions;
use crate::options::ResponsePermission;

/// Most reply subjects remembered for one connection; beyond it the oldest is forgotten.
pub const MAX_TRACKED_REPLIES: usize = 1 << 18;

/// Most bytes of reply subjects remembered for one connection; beyond it the oldest is forgotten.
pub const MAX_TRACKED_BYTES: usize = 16 << 20;

#[derive(Debug)]
struct Right {
    serial: u64,
    since: Instant,
    used: i64,
}

/// Reply rights of one connection. Publishing threads record deliveries, the connection asks before it publishes;
/// it is meant to live in a mutex that both hold shortly.
///
/// A delivery with a reply subject that still has a right spends one use of it instead of renewing it, which
/// is what nats-server does.
#[derive(Debug)]
pub struct ResponseTracker {
    permission: ResponsePermission,
    /// Replies these allow anyway need no right.
    granted: Option<Arc<CompiledPermissions>>,
    rights: AHashMap<Arc<[u8]>, Right>,
    /// Rights in order of age. An element whose serial is not the right's is a leftover.
    order: VecDeque<(u64, Arc<[u8]>)>,
    /// Bytes of the subjects in `order`, leftovers included: they are not freed before.
    num_bytes: usize,
    next_serial: u64,
}

impl ResponseTracker {
    /// No rights yet.
    #[must_use]
    pub fn new(permission: ResponsePermission) -> Self {
        Self {
            permission,
            granted: None,
            rights: AHashMap::new(),
            order: VecDeque::new(),
            num_bytes: 0,
            next_serial: 0,
        }
    }

    /// No rights yet, for a connection with these permissions. `None` when they give no reply rights.
    #[must_use]
    pub fn of(permissions: &Arc<CompiledPermissions>) -> Option<Self> {
        let tracker = Self::new(permissions.responses()?);
        Some(Self { granted: Some(Arc::clone(permissions)), ..tracker })
    }

    /// Records that a message with `reply` was delivered to the connection. A reply that its permissions allow anyway
    /// needs no right.
    pub fn record(&mut self, reply: &[u8], now: Instant) {
        let is_granted = self.granted.as_ref().is_some_and(|permissions| permissions.allows_publish(reply));
        if reply.is_empty() || is_granted || self.use_right(reply, now) {
            return;
        }
        self.forget_old(now, reply.len());
        let key: Arc<[u8]> = reply.into();
        let serial = self.next_serial;
        self.next_serial += 1;
        self.num_bytes += key.len();
        self.order.push_back((serial, Arc::clone(&key)));
        self.rights.insert(key, Right { serial, since: now, used: 0 });
    }

    /// Spends one use of the right to publish on `subject`; `false` when there is none left.
    pub fn use_right(&mut self, subject: &[u8], now: Instant) -> bool {
        let Some(right) = self.rights.get_mut(subject) else { return false };
        if is_expired(&self.permission, right, now) {
            self.rights.remove(subject);
            return false;
        }
        right.used += 1;
        if self.permission.max_messages >= 0 && right.used >= self.permission.max_messages.max(1) {
            self.rights.remove(subject);
        }
        true
    }

    /// Number of reply subjects that have a right.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rights.len()
    }

    /// Whether no reply subject has a right.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rights.is_empty()
    }

    /// Removes what is expired or over a limit with `more` bytes to come. The cost is paid for by the insertions.
    fn forget_old(&mut self, now: Instant, more: usize) {
        while let Some((serial, key)) = self.order.front() {
            let is_live = self.rights.get(key).is_some_and(|right| right.serial == *serial);
            if is_live {
                let full =
                    self.rights.len() >= MAX_TRACKED_REPLIES || self.num_bytes.saturating_add(more) > MAX_TRACKED_BYTES;
                if !full && !self.rights.get(key).is_some_and(|right| is_expired(&self.permission, right, now)) {
                    break;
                }
                self.rights.remove(key);
            }
            self.num_bytes -= key.len();
            self.order.pop_front();
        }
        if self.order.len() > 2 * self.rights.len() + 64 {
            let rights = &self.rights;
            self.order.retain(|(serial, key)| rights.get(key).is_some_and(|right| right.serial == *serial));
            self.num_bytes = self.order.iter().map(|(_, key)| key.len()).sum();
            self.order.shrink_to_fit();
        }
    }
}

fn is_expired(permission: &ResponsePermission, right: &Right, now: Instant) -> bool {
    permission.expires.is_some_and(|life| now.saturating_duration_since(right.since) > life)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::{Permissions, SubjectPermission};

    fn tracker(max_messages: i64, expires: Option<Duration>) -> ResponseTracker {
        ResponseTracker::new(ResponsePermission { max_messages, expires })
    }

    /// `r`: a request with the same reply subject; `p`: a publish to it; `w`: 300 ms pass. Answers of the publishes.
    fn replay(max_messages: i64, expires: Option<Duration>, script: &str) -> String {
        let mut now = Instant::now();
        let mut tracker = tracker(max_messages, expires);
        let mut answers = String::new();
        for step in script.chars() {
            match step {
                'r' => tracker.record(b"rep", now),
                'p' => answers.push(if tracker.use_right(b"rep", now) { 'Y' } else { 'N' }),
                _ => now += Duration::from_millis(300),
            }
        }
        answers
    }

    #[test]
    fn answers_like_the_recorded_server() {
        for (max, script, expected) in [
            (1, "rpppppp", "YNNNNN"),
            (1, "rrpppppp", "NNNNNN"),
            (1, "rrrpppppp", "YNNNNN"),
            (1, "rprprprp", "YYYY"),
            (1, "prppprpp", "NYNNYN"),
            (1, "rpprprprp", "YNYYY"),
            (1, "rpprrpp", "YNNN"),
            (2, "rpppppp", "YYNNNN"),
            (2, "rrpppppp", "YNNNNN"),
            (2, "rrrpppppp", "NNNNNN"),
            (2, "rprprprp", "YNYN"),
            (2, "prppprpp", "NYYNYY"),
            (2, "rpprprprp", "YYYNY"),
            (2, "rpprrpp", "YYYN"),
            (3, "rrrpppppp", "YNNNNN"),
            (3, "prppprpp", "NYYYYY"),
            (3, "rpprprprp", "YYNYY"),
            (3, "rpprrpp", "YYYY"),
            (5, "prppprpp", "NYYYYN"),
            (5, "rpprprprp", "YYYNY"),
            (-1, "pprpppp", "NNYYYY"),
        ] {
            assert_eq!(replay(max, Some(Duration::from_secs(120)), script), expected, "max {max}, {script}");
        }
    }

    #[test]
    fn rights_expire() {
        let half = Some(Duration::from_millis(500));
        for (script, expected) in [("rwrwpp", "NN"), ("rwwprp", "NY"), ("rwprwp", "YN"), ("wrwrp", "Y")] {
            assert_eq!(replay(10, half, script), expected, "{script}");
        }
        assert_eq!(replay(1, None, "rwwwwwwp"), "Y");
    }

    #[test]
    fn wildcards_in_a_reply_are_literal() {
        let now = Instant::now();
        let mut tracker = tracker(1, None);
        tracker.record(b">", now);
        assert!(!tracker.use_right(b"anything", now));
        assert!(tracker.use_right(b">", now));
    }

    #[test]
    fn a_reply_that_is_allowed_anyway_needs_no_right() {
        let allow = Some(vec!["open.>".to_owned()]);
        let publish = Some(SubjectPermission { allow, deny: Vec::new() });
        let mut source = Permissions { publish, ..Permissions::default() };
        assert!(ResponseTracker::of(&Arc::new(CompiledPermissions::compile(&source))).is_none());
        source.responses = Some(ResponsePermission::default());
        let now = Instant::now();
        let mut tracker = ResponseTracker::of(&Arc::new(CompiledPermissions::compile(&source))).unwrap();
        tracker.record(b"open.reply", now);
        assert!(tracker.is_empty());
        tracker.record(b"closed.reply", now);
        assert_eq!(tracker.len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut now = Instant::now();
        let mut limited = tracker(1, Some(Duration::from_secs(1)));
        for serial in 0..10_000_u32 {
            limited.record(&serial.to_be_bytes(), now);
            now += Duration::from_millis(1);
        }
        assert!(limited.len() <= 1001, "{}", limited.len());

        let mut answered = tracker(1, None);
        for serial in 0..10_000_u32 {
            answered.record(&serial.to_be_bytes(), now);
            assert!(answered.use_right(&serial.to_be_bytes(), now));
        }
        assert!(answered.is_empty() && answered.order.len() < 100);

        let mut unlimited = tracker(-1, None);
        for serial in 0..(MAX_TRACKED_REPLIES as u32 + 10) {
            unlimited.record(&serial.to_be_bytes(), now);
        }
        assert_eq!(unlimited.len(), MAX_TRACKED_REPLIES);
        assert!(!unlimited.use_right(&0_u32.to_be_bytes(), now), "the oldest is forgotten");
        assert!(unlimited.use_right(&(MAX_TRACKED_REPLIES as u32).to_be_bytes(), now));
    }

    /// A reply subject of `len` bytes.
    fn long_reply(serial: usize, len: usize) -> Vec<u8> {
        let mut reply = serial.to_be_bytes().to_vec();
        reply.resize(len, b'x');
        reply
    }

    #[test]
    fn bytes_are_bounded() {
        let now = Instant::now();
        let len = 4096;
        let fitting = MAX_TRACKED_BYTES / len;
        let mut kept = tracker(-1, None);
        for serial in 0..fitting + 10 {
            kept.record(&long_reply(serial, len), now);
        }
        assert_eq!((kept.len(), kept.num_bytes), (fitting, MAX_TRACKED_BYTES));
        assert!(!kept.use_right(&long_reply(9, len), now), "the oldest are forgotten");
        assert!(kept.use_right(&long_reply(10, len), now) && kept.use_right(&long_reply(fitting + 9, len), now));

        kept.record(&long_reply(0, 2 * MAX_TRACKED_BYTES), now);
        assert_eq!((kept.len(), kept.order.len()), (1, 1));
        kept.record(b"short", now);
        assert_eq!((kept.len(), kept.num_bytes), (1, 5));
    }

    #[test]
    fn bytes_are_counted_out() {
        let now = Instant::now();
        let mut answered = tracker(1, None);
        for serial in 0..10_000 {
            let reply = long_reply(serial, 1000 + serial % 7);
            answered.record(&reply, now);
            assert!(serial % 3 == 0 || answered.use_right(&reply, now));
            let held: usize = answered.order.iter().map(|(_, key)| key.len()).sum();
            assert_eq!(answered.num_bytes, held);
        }
        assert!(answered.num_bytes <= MAX_TRACKED_BYTES);
    }
}
