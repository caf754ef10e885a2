//! Questions about what is stored.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::Ledger;
use crate::log::Log;
use crate::subjects::SubjectInfo;
use crate::{FilteredState, StoreError, StoredMessage, SubjectFilter};

/// How many messages are looked at before the index is asked where matches can be.
const WITHOUT_INDEX: u64 = 4096;

impl<L: Log> Ledger<L> {
    /// Finds the first match in a range, and its size.
    pub(super) fn find(
        &mut self,
        filter: &SubjectFilter,
        from: u64,
        to: u64,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let mut found = None;
        self.log.scan(from, to, filter, &mut |head| {
            found = Some((head.seq, head.size));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Finds the last match from `from` down to `to`.
    pub(super) fn find_back(&mut self, filter: &SubjectFilter, from: u64, to: u64) -> Result<Option<u64>, StoreError> {
        let mut found = None;
        self.log.scan_back(from, to, filter, &mut |head| {
            found = Some(head.seq);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Lists matches in a range.
    pub(super) fn collect(
        &mut self,
        filter: &SubjectFilter,
        from: u64,
        to: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let mut found = Vec::new();
        self.log.scan(from, to, filter, &mut |head| {
            found.push(head.seq);
            if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    /// Returns bounds of the sequences that can match; none if no subject matches.
    pub(super) fn bounds(&self, filter: &SubjectFilter) -> Option<(u64, u64)> {
        if filter.is_all() {
            return (self.state.msgs > 0).then_some((self.state.first_seq, self.state.last_seq));
        }
        let mut bounds: Option<(u64, u64)> = None;
        let _ = self.subjects.walk(filter, None, &mut |_, info| {
            let (lower, upper) = bounds.unwrap_or((info.lower(), info.upper()));
            bounds = Some((lower.min(info.lower()), upper.max(info.upper())));
            ControlFlow::Continue(())
        });
        bounds
    }

    pub(super) fn next_seq(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<u64>, StoreError> {
        let from = from.max(self.state.first_seq);
        if from > self.state.last_seq || self.state.msgs == 0 {
            return Ok(None);
        }
        let is_indexed = filter.literal().is_some();
        let near = if is_indexed { from } else { from.saturating_add(WITHOUT_INDEX).min(self.state.last_seq + 1) };
        if near > from {
            let to = if filter.is_all() { self.state.last_seq } else { near - 1 };
            if let Some((seq, _)) = self.find(filter, from, to)? {
                return Ok(Some(seq));
            }
        }
        let Some((lower, upper)) = self.bounds(filter) else { return Ok(None) };
        if near > self.state.last_seq || near > upper {
            return Ok(None);
        }
        Ok(self.find(filter, near.max(lower), upper)?.map(|found| found.0))
    }

    pub(super) fn previous_seq(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<u64>, StoreError> {
        let from = from.min(self.state.last_seq);
        if from < self.state.first_seq || self.state.msgs == 0 {
            return Ok(None);
        }
        let near = from.saturating_sub(WITHOUT_INDEX).max(self.state.first_seq);
        if filter.literal().is_none()
            && let Some(seq) = self.find_back(filter, from, near)?
        {
            return Ok(Some(seq));
        }
        let Some((lower, upper)) = self.bounds(filter) else { return Ok(None) };
        self.find_back(filter, from.min(upper), lower)
    }

    pub(super) fn read(&mut self, seq: Option<u64>) -> Result<Option<StoredMessage>, StoreError> {
        match seq {
            Some(seq) => self.log.read(seq),
            None => Ok(None),
        }
    }

    /// Counts the subjects that match, and their messages.
    pub(super) fn count_matching(&self, filter: &SubjectFilter) -> (u64, u64) {
        if filter.is_all() {
            return (self.subjects.len() as u64, self.state.msgs);
        }
        let (mut subjects, mut msgs) = (0, 0);
        let _ = self.subjects.walk(filter, None, &mut |_, info| {
            subjects += 1;
            msgs += info.msgs;
            ControlFlow::Continue(())
        });
        (subjects, msgs)
    }

    /// Counts matches at or after `from`.
    pub(super) fn count_from(&mut self, filter: &SubjectFilter, from: u64) -> Result<u64, StoreError> {
        if from > self.state.last_seq {
            return Ok(0);
        }
        if from <= self.state.first_seq {
            return Ok(self.count_matching(filter).1);
        }
        if filter.is_all() {
            return Ok(self.state.msgs - self.log.count_before(from));
        }
        let (mut whole, mut total, mut lower, mut upper) = (0, 0, u64::MAX, 0);
        let _ = self.subjects.walk(filter, None, &mut |_, info| {
            total += info.msgs;
            if info.lower() >= from {
                whole += info.msgs;
            } else if info.upper() >= from {
                lower = lower.min(info.lower());
                upper = upper.max(info.upper());
            }
            ControlFlow::Continue(())
        });
        if upper == 0 {
            return Ok(whole);
        }
        // Some subjects have messages on both sides: count the shorter one.
        let mut counted = 0;
        let mut count = |_: crate::log::Head<'_>| {
            counted += 1;
            ControlFlow::Continue(())
        };
        if self.state.last_seq - from <= from - self.state.first_seq {
            self.log.scan(from, self.state.last_seq, filter, &mut count)?;
            return Ok(counted);
        }
        self.log.scan(self.state.first_seq, from - 1, filter, &mut count)?;
        Ok(total - counted)
    }

    /// Counts the subjects that match and have a message at or after `from`.
    pub(super) fn count_last_from(&mut self, filter: &SubjectFilter, from: u64) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut unsure = Vec::new();
        let _ = self.subjects.walk(filter, None, &mut |subject, info| {
            match info.last() {
                Some(last) => count += u64::from(last >= from),
                None if info.upper() >= from => unsure.push(subject.to_vec()),
                None => {}
            }
            ControlFlow::Continue(())
        });
        for subject in unsure {
            count += u64::from(self.last_of(&subject)?.is_some_and(|last| last >= from));
        }
        Ok(count)
    }

    /// Lists the newest message of each subject that matches, as of `max_seq`.
    pub(super) fn newest(
        &mut self,
        filter: &SubjectFilter,
        max_seq: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let max_seq = if max_seq == 0 { self.state.last_seq } else { max_seq };
        let mut newest = Vec::new();
        let mut unsure: Vec<(Bytes, SubjectInfo)> = Vec::new();
        let is_too_many = |newest: &[u64], unsure: usize| limit > 0 && newest.len() + unsure > limit;
        let walked = self.subjects.walk(filter, None, &mut |subject, info| {
            match info.last() {
                Some(last) if last <= max_seq => newest.push(last),
                _ if info.lower() > max_seq => {}
                _ => unsure.push((Bytes::copy_from_slice(subject), *info)),
            }
            // An unsure one may turn out to have none: those are judged below.
            if is_too_many(&newest, 0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if walked.is_break() {
            return Err(StoreError::TooManyResults);
        }
        for (subject, info) in unsure {
            let filter = SubjectFilter::one_literal(&subject);
            newest.extend(self.find_back(&filter, max_seq.min(info.upper()), info.lower())?);
            if is_too_many(&newest, 0) {
                return Err(StoreError::TooManyResults);
            }
        }
        newest.sort_unstable();
        Ok(newest)
    }

    /// Finds the first message stored at or after a time, by halving.
    pub(super) fn first_since(&mut self, time_ns: i64) -> Result<u64, StoreError> {
        if self.state.msgs == 0 {
            return Ok(self.state.last_seq + 1);
        }
        let (mut low, mut high) = (self.state.first_seq, self.state.last_seq + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut next = None;
            self.log.scan(middle, high - 1, &SubjectFilter::all(), &mut |head| {
                next = Some((head.seq, head.time_ns));
                ControlFlow::Break(())
            })?;
            match next {
                Some((seq, stored_ns)) if stored_ns < time_ns => low = seq + 1,
                _ => high = middle,
            }
        }
        let found = self.find(&SubjectFilter::all(), low, self.state.last_seq)?;
        Ok(found.map_or(self.state.last_seq + 1, |found| found.0))
    }

    pub(super) fn totals_from(&mut self, filter: &SubjectFilter, from: u64) -> Result<FilteredState, StoreError> {
        let msgs = self.count_from(filter, from)?;
        if msgs == 0 {
            return Ok(FilteredState::default());
        }
        let first_seq = self.next_seq(filter, from)?.unwrap_or(0);
        let last_seq = self.previous_seq(filter, self.state.last_seq)?.unwrap_or(0);
        Ok(FilteredState { msgs, first_seq, last_seq })
    }
}
