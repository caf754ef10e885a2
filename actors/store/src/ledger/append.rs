//! Messages on their way in, and the limits they meet.

use super::Ledger;
use crate::log::Log;
use crate::{Discard, NewMessage, RemovalCause, StoreError, SubjectFilter, ttl};

impl<L: Log> Ledger<L> {
    /// Stores a message under the next sequence.
    pub(super) fn add(&mut self, message: &NewMessage<'_>, may_refuse: bool) -> Result<u64, StoreError> {
        if may_refuse && self.config.discard == Discard::New {
            self.refuse_if_full(message)?;
        }
        let seq = self.state.last_seq + 1;
        self.log.push(seq, message)?;
        if self.state.msgs == 0 {
            self.state.first_seq = seq;
            self.state.first_time_ns = message.time_ns;
        }
        self.state.msgs += 1;
        self.state.bytes += self.log.size_of(message);
        self.state.last_seq = seq;
        self.state.last_time_ns = message.time_ns;
        self.await_expiry(seq, message);
        let info = if message.subject.is_empty() { None } else { Some(self.subjects.add(message.subject, seq)) };
        if let (Some(most), Some(info)) = (self.config.max_msgs_per_subject, info)
            && info.msgs > most
        {
            self.reading(|ledger| ledger.enforce_subject(message.subject, most))?;
        }
        self.reading(Self::enforce_totals)?;
        Ok(seq)
    }

    fn refuse_if_full(&mut self, message: &NewMessage<'_>) -> Result<(), StoreError> {
        let info = self.config.max_msgs_per_subject.and_then(|most| {
            let info = self.subjects.get(message.subject)?;
            (info.msgs >= most).then_some(info)
        });
        let replaces = info.is_some();
        if replaces && self.config.discard_new_per_subject && !ttl::is_rollup(message.headers) {
            return Err(StoreError::MaxMessagesPerSubject);
        }
        if self.config.max_msgs.is_some_and(|most| self.state.msgs >= most) && !replaces {
            return Err(StoreError::MaxMessages);
        }
        let size = self.log.size_of(message);
        if self.config.max_bytes.is_none_or(|most| self.state.bytes + size <= most) {
            return Ok(());
        }
        let oldest = if replaces { self.first_of(message.subject)? } else { None };
        match oldest {
            Some((_, oldest_size)) if oldest_size >= size => Ok(()),
            _ => Err(StoreError::MaxBytes),
        }
    }

    fn await_expiry(&mut self, seq: u64, message: &NewMessage<'_>) {
        if self.config.allow_msg_ttl
            && let Some(expires_ns) = ttl::expiry(message.time_ns, message.ttl)
        {
            self.deadlines.add(expires_ns, seq);
        }
        if self.config.max_age_ns > 0 {
            self.age_due_ns = self.age_due_ns.min(message.time_ns.saturating_add(self.config.max_age_ns));
        }
    }

    /// Removes the oldest messages of a subject until `most` are left.
    pub(super) fn enforce_subject(&mut self, subject: &[u8], most: u64) -> Result<(), StoreError> {
        while self.subjects.get(subject).is_some_and(|info| info.msgs > most) {
            let Some((first, _)) = self.first_of(subject)? else { return Ok(()) };
            self.take(first, RemovalCause::SubjectLimit, false)?;
        }
        Ok(())
    }

    /// Removes the oldest messages until messages and bytes are within the limits, where old ones make room.
    pub(super) fn enforce_totals(&mut self) -> Result<(), StoreError> {
        if self.config.discard != Discard::Old {
            return Ok(());
        }
        let (most_msgs, most_bytes) = (self.config.max_msgs, self.config.max_bytes);
        while self.state.msgs > 0
            && (most_msgs.is_some_and(|most| self.state.msgs > most)
                || most_bytes.is_some_and(|most| self.state.bytes > most))
        {
            if !self.take(self.state.first_seq, RemovalCause::Limit, false)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Finds the first message of a subject, and its size.
    pub(super) fn first_of(&mut self, subject: &[u8]) -> Result<Option<(u64, u64)>, StoreError> {
        let Some(info) = self.subjects.get(subject) else { return Ok(None) };
        let filter = SubjectFilter::one_literal(subject);
        let Some((seq, size)) = self.find(&filter, info.lower(), info.upper())? else { return Ok(None) };
        if info.first().is_none()
            && let Some(info) = self.subjects.get_mut(subject)
        {
            info.set_first(seq);
        }
        Ok(Some((seq, size)))
    }

    /// Finds the last message of a subject.
    pub(super) fn last_of(&mut self, subject: &[u8]) -> Result<Option<u64>, StoreError> {
        let Some(info) = self.subjects.get(subject) else { return Ok(None) };
        if let Some(last) = info.last() {
            return Ok(Some(last));
        }
        let filter = SubjectFilter::one_literal(subject);
        let Some(seq) = self.find_back(&filter, info.upper(), info.lower())? else { return Ok(None) };
        if let Some(info) = self.subjects.get_mut(subject) {
            info.set_last(seq);
        }
        Ok(Some(seq))
    }
}
