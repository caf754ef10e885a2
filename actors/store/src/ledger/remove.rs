//! Messages on their way out.

use std::ops::ControlFlow;

use super::Ledger;
use crate::log::{Log, Manner};
use crate::{Purge, Removal, RemovalCause, StoreError, SubjectFilter};

/// How many sequences are collected before they are removed.
const CHUNK: usize = 8192;

impl<L: Log> Ledger<L> {
    /// Removes one message. Returns false if there is none.
    pub(super) fn take(&mut self, seq: u64, cause: RemovalCause, erase: bool) -> Result<bool, StoreError> {
        let manner = match (erase, cause) {
            (true, _) => Manner::Erase,
            (false, RemovalCause::Request | RemovalCause::Purge) => Manner::Request,
            (false, RemovalCause::SubjectLimit) => Manner::SubjectLimit,
            (false, _) => Manner::Limit,
        };
        let Some(taken) = self.log.take(seq, manner)? else { return Ok(false) };
        self.state.msgs -= 1;
        self.state.bytes = self.state.bytes.saturating_sub(taken.size);
        let left = self.subjects.take(&taken.subject, seq);
        self.schedules.message_left(&taken.subject, seq);
        if seq == self.state.first_seq {
            self.find_new_first(seq + 1)?;
        }
        let has_expired = matches!(cause, RemovalCause::Age | RemovalCause::Ttl);
        let wants_marker = self.config.subject_delete_markers && has_expired && left == 0 && !taken.is_marker;
        self.removals.push(Removal { seq, subject: taken.subject, bytes: taken.size, cause, wants_marker });
        Ok(true)
    }

    /// Sets the first sequence to the first message at or after `from`.
    fn find_new_first(&mut self, from: u64) -> Result<(), StoreError> {
        let mut found = None;
        if self.state.msgs > 0 {
            let last = self.state.last_seq;
            self.log.scan(from, last, &SubjectFilter::all(), &mut |head| {
                found = Some((head.seq, head.time_ns));
                ControlFlow::Break(())
            })?;
        }
        (self.state.first_seq, self.state.first_time_ns) = found.unwrap_or((self.state.last_seq + 1, 0));
        Ok(())
    }

    pub(super) fn purge_matching(&mut self, purge: &Purge) -> Result<u64, StoreError> {
        if purge.before_seq == 1 {
            return Ok(0);
        }
        if purge.filter.is_all() && purge.keep == 0 {
            let end = if purge.before_seq == 0 { self.state.last_seq + 1 } else { purge.before_seq };
            return self.drop_before(end);
        }
        let msgs = self.count_matching(&purge.filter).1;
        let most = if purge.keep == 0 { msgs } else { msgs.saturating_sub(purge.keep) };
        let last = if purge.before_seq == 0 { self.state.last_seq } else { purge.before_seq - 1 };
        let Some((mut from, upper)) = self.bounds(&purge.filter) else { return Ok(0) };
        let last = last.min(upper);
        let mut purged = 0;
        while purged < most && from <= last {
            let chunk = self.collect(&purge.filter, from, last, CHUNK.min((most - purged) as usize))?;
            let Some(end) = chunk.last() else { break };
            from = end + 1;
            let is_only_one = purged == 0 && chunk.len() == 1;
            let cause = if is_only_one { RemovalCause::Request } else { RemovalCause::Purge };
            for seq in chunk {
                purged += u64::from(self.take(seq, cause, false)?);
            }
        }
        Ok(purged)
    }

    /// Removes all before `seq`, which becomes the first sequence even beyond the last.
    pub(super) fn drop_before(&mut self, seq: u64) -> Result<u64, StoreError> {
        if seq <= self.state.first_seq && !(self.state.msgs == 0 && seq > self.state.last_seq + 1) {
            return Ok(0);
        }
        let before = self.state.msgs;
        let (first, last) = (self.state.first_seq, self.state.last_seq);
        let next_seq = seq.max(last + 1);
        if seq > last {
            self.log.drop_before(seq, next_seq, self.state.last_time_ns)?;
            self.subjects.clear();
            self.state.msgs = 0;
            self.state.bytes = 0;
        } else {
            let mut gone = Vec::new();
            self.log.scan(first, seq - 1, &SubjectFilter::all(), &mut |head| {
                gone.push((head.seq, head.size, head.subject.to_vec()));
                ControlFlow::Continue(())
            })?;
            self.log.drop_before(seq, next_seq, self.state.last_time_ns)?;
            for (seq, size, subject) in gone {
                self.state.msgs -= 1;
                self.state.bytes -= size;
                self.subjects.take(&subject, seq);
            }
        }
        self.state.last_seq = next_seq - 1;
        self.find_new_first(seq)?;
        self.schedules.retain(|known| known >= seq);
        self.removals.push_many();
        Ok(before - self.state.msgs)
    }

    /// Removes all after `seq`.
    pub(super) fn drop_after(&mut self, seq: u64) -> Result<(), StoreError> {
        if seq >= self.state.last_seq {
            return Ok(());
        }
        let mut gone = Vec::new();
        self.log.scan(seq + 1, self.state.last_seq, &SubjectFilter::all(), &mut |head| {
            gone.push((head.seq, head.size, head.subject.to_vec()));
            ControlFlow::Continue(())
        })?;
        for (seq, size, subject) in gone.into_iter().rev() {
            self.state.msgs -= 1;
            self.state.bytes -= size;
            self.subjects.take(&subject, seq);
        }
        let mut last_time_ns = self.state.last_time_ns;
        self.log.scan_back(seq, seq, &SubjectFilter::all(), &mut |head| {
            last_time_ns = head.time_ns;
            ControlFlow::Break(())
        })?;
        self.log.drop_after(seq, last_time_ns)?;
        self.state.last_seq = seq;
        self.state.last_time_ns = last_time_ns;
        self.deadlines.forget_after(seq);
        self.schedules.retain(|known| known <= seq);
        self.schedules.through = self.schedules.through.min(seq);
        self.sources_through = self.sources_through.min(seq);
        if self.state.msgs == 0 {
            self.state.first_seq = seq + 1;
            self.state.first_time_ns = 0;
        }
        self.removals.push_many_others();
        Ok(())
    }

    /// Empties the store as if it were new.
    pub(super) fn reset(&mut self) -> Result<(), StoreError> {
        self.log.drop_after(0, 0)?;
        self.subjects.clear();
        self.deadlines.clear();
        self.schedules = super::Schedules::default();
        self.sources_through = 0;
        self.state = crate::StoreState { first_seq: 1, ..crate::StoreState::default() };
        self.removals.push_many_others();
        Ok(())
    }
}
