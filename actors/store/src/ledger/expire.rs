//! Messages that grow too old.

use std::ops::ControlFlow;

use super::Ledger;
use crate::log::Log;
use crate::{RemovalCause, StoreError, SubjectFilter, Ttl, ttl};

/// Most messages that one call removes.
const CHUNK: usize = 10_000;

impl<L: Log> Ledger<L> {
    pub(super) fn expire_due(&mut self, now_ns: i64) -> Result<usize, StoreError> {
        let mut removed = 0;
        if self.config.max_age_ns > 0 && self.age_due_ns <= now_ns {
            for seq in self.too_old(now_ns)? {
                removed += usize::from(self.take(seq, RemovalCause::Age, false)?);
            }
        }
        for seq in self.deadlines.take_due(now_ns, CHUNK) {
            removed += usize::from(self.take(seq, RemovalCause::Ttl, false)?);
        }
        Ok(removed)
    }

    /// Lists messages that are too old, and sets when to look again.
    fn too_old(&mut self, now_ns: i64) -> Result<Vec<u64>, StoreError> {
        let max_age_ns = self.config.max_age_ns;
        let has_ttls = self.config.allow_msg_ttl;
        let from = self.age_cursor.max(self.state.first_seq);
        let mut old = Vec::new();
        let mut due_ns = i64::MAX;
        let mut cursor = from;
        let mut only_eternal = true;
        self.log.scan(from, self.state.last_seq, &SubjectFilter::all(), &mut |head| {
            if has_ttls && ttl::message_ttl(head.headers) == Some(Ttl::Never) {
                cursor = if only_eternal { head.seq + 1 } else { cursor };
                return ControlFlow::Continue(());
            }
            only_eternal = false;
            let too_old_ns = head.time_ns.saturating_add(max_age_ns);
            if too_old_ns > now_ns || old.len() >= CHUNK {
                due_ns = too_old_ns;
                return ControlFlow::Break(());
            }
            old.push(head.seq);
            ControlFlow::Continue(())
        })?;
        self.age_cursor = cursor;
        self.age_due_ns = due_ns;
        Ok(old)
    }

    /// Forgets what was known about ages, after the configuration changed or the store was opened.
    pub(super) fn look_at_ages_anew(&mut self) {
        self.age_cursor = 0;
        let is_due = self.config.max_age_ns > 0 && self.state.msgs > 0;
        self.age_due_ns =
            if is_due { self.state.first_time_ns.saturating_add(self.config.max_age_ns) } else { i64::MAX };
    }

    pub(super) fn deadline(&self) -> Option<i64> {
        let age = (self.age_due_ns != i64::MAX).then_some(self.age_due_ns);
        let ttl = self.deadlines.next();
        age.into_iter().chain(ttl).min()
    }

    /// Reads the times to live of all messages; for a store that learns only now that there are any.
    pub(super) fn find_deadlines(&mut self, from: u64) -> Result<(), StoreError> {
        let deadlines = &mut self.deadlines;
        self.log.scan(from, self.state.last_seq, &SubjectFilter::all(), &mut |head| {
            if let Some(ttl) = ttl::message_ttl(head.headers).filter(|_| !head.headers.is_empty())
                && let Some(expires_ns) = ttl::expiry(head.time_ns, ttl)
            {
                deadlines.add(expires_ns, head.seq);
            }
            ControlFlow::Continue(())
        })
    }
}
