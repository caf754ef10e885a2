//! The interface of a store, answered by a ledger.

use std::ops::ControlFlow;

use bytes::Bytes;

use super::Ledger;
use crate::log::{Log, Summary};
use crate::{
    ConsumerStore, Durability, FilteredState, NewMessage, Purge, RemovalCause, Removals, Schedule, SourcePosition,
    StoreConfig, StoreError, StoreState, StoredMessage, StreamStore, SubjectCount, SubjectFilter,
};

impl<L: Log> StreamStore for Ledger<L> {
    fn config(&self) -> &StoreConfig {
        &self.config
    }

    fn update_config(&mut self, config: StoreConfig, _now_ns: i64) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.config, config);
        self.config.name = before.name;
        self.log.update_config(&self.config)?;
        if self.config.allow_msg_ttl && !before.allow_msg_ttl {
            self.find_deadlines(self.state.first_seq)?;
        } else if !self.config.allow_msg_ttl {
            self.deadlines.clear();
        }
        if !self.config.allow_schedules {
            self.schedules = super::Schedules::default();
        }
        self.look_at_ages_anew();
        let tightened = match (self.config.max_msgs_per_subject, before.max_msgs_per_subject) {
            (Some(most), before) => before.is_none_or(|before| most < before).then_some(most),
            (None, _) => None,
        };
        if let Some(most) = tightened {
            self.enforce_subjects(most)?;
        }
        self.enforce_totals()
    }

    fn state(&self) -> StoreState {
        let span = (self.state.last_seq + 1).saturating_sub(self.state.first_seq);
        let (lost_msgs, lost_bytes) = self.log.lost();
        StoreState {
            num_subjects: self.subjects.len() as u64,
            num_deleted: span.saturating_sub(self.state.msgs),
            lost_msgs,
            lost_bytes,
            ..self.state.clone()
        }
    }

    fn deleted(&self, limit: usize) -> Vec<u64> {
        if limit == 0 || self.state().num_deleted == 0 {
            return Vec::new();
        }
        self.log.gaps(self.state.first_seq, self.state.last_seq, limit)
    }

    fn append(&mut self, message: &NewMessage<'_>) -> Result<u64, StoreError> {
        self.add(message, true)
    }

    fn append_at(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError> {
        self.expect_next(seq)?;
        self.add(message, false).map(drop)
    }

    fn skip(&mut self, seq: u64, count: u64, now_ns: i64) -> Result<(), StoreError> {
        self.expect_next(seq)?;
        if count == 0 {
            return Ok(());
        }
        self.log.skip(seq, count, now_ns)?;
        self.state.last_seq = seq + count - 1;
        if count == 1 || self.state.last_time_ns == 0 {
            self.state.last_time_ns = now_ns;
        }
        if self.state.msgs == 0 {
            self.state.first_seq = self.state.last_seq + 1;
            self.state.first_time_ns = 0;
        }
        Ok(())
    }

    fn get(&mut self, seq: u64) -> Result<StoredMessage, StoreError> {
        let is_given = seq >= self.state.first_seq && seq <= self.state.last_seq;
        if !is_given {
            return Err(StoreError::NotFound);
        }
        self.reading(|ledger| ledger.log.read(seq))?.ok_or(StoreError::Deleted)
    }

    fn next(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<StoredMessage>, StoreError> {
        self.reading(|ledger| {
            // The usual question has the message at hand for an answer.
            if filter.is_all()
                && (ledger.state.first_seq..=ledger.state.last_seq).contains(&from)
                && let Some(found) = ledger.log.read(from)?
            {
                return Ok(Some(found));
            }
            let seq = ledger.next_seq(filter, from)?;
            ledger.read(seq)
        })
    }

    fn previous(&mut self, filter: &SubjectFilter, from: u64) -> Result<Option<StoredMessage>, StoreError> {
        self.reading(|ledger| {
            let seq = ledger.previous_seq(filter, from)?;
            ledger.read(seq)
        })
    }

    fn last_for(&mut self, subject: &[u8]) -> Result<Option<StoredMessage>, StoreError> {
        let filter = SubjectFilter::one(subject);
        self.reading(|ledger| {
            let seq = match filter.literal() {
                Some(literal) => ledger.last_of(literal)?,
                None => ledger.previous_seq(&filter, ledger.state.last_seq)?,
            };
            ledger.read(seq)
        })
    }

    fn last_at_hand(&mut self, subject: &[u8]) -> Option<StoredMessage> {
        let last = self.subjects.get(subject)?.last()?;
        self.log.read_at_hand(last)
    }

    fn last_per_subject(&mut self, filter: &SubjectFilter, max_seq: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.newest(filter, max_seq, limit)
    }

    fn seq_from_time(&mut self, time_ns: i64) -> Result<u64, StoreError> {
        self.first_since(time_ns)
    }

    fn subjects(&self, filter: &SubjectFilter, after: Option<&[u8]>, limit: usize) -> Vec<SubjectCount> {
        let is_ordered = filter.is_all() || filter.literals().len() + filter.patterns().len() == 1;
        let enough = if is_ordered { limit } else { usize::MAX };
        let mut found = Vec::new();
        let _ = self.subjects.walk(filter, after, &mut |subject, info| {
            if found.len() >= enough {
                return ControlFlow::Break(());
            }
            found.push(SubjectCount { subject: Bytes::copy_from_slice(subject), msgs: info.msgs });
            ControlFlow::Continue(())
        });
        if !is_ordered {
            found.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
            found.truncate(limit);
        }
        found
    }

    fn count_subjects(&self, filter: &SubjectFilter) -> (u64, u64) {
        self.count_matching(filter)
    }

    fn num_pending(&mut self, from: u64, filter: &SubjectFilter, last_per_subject: bool) -> Result<u64, StoreError> {
        if last_per_subject { self.count_last_from(filter, from) } else { self.count_from(filter, from) }
    }

    fn filtered_state(&mut self, filter: &SubjectFilter, from: u64) -> Result<FilteredState, StoreError> {
        self.totals_from(filter, from)
    }

    fn remove(&mut self, seq: u64, erase: bool) -> Result<bool, StoreError> {
        self.reading(|ledger| ledger.take(seq, RemovalCause::Request, erase))
    }

    fn purge(&mut self, purge: &Purge) -> Result<u64, StoreError> {
        self.reading(|ledger| ledger.purge_matching(purge))
    }

    fn compact(&mut self, seq: u64) -> Result<u64, StoreError> {
        let seq = if seq == 0 { self.state.last_seq + 1 } else { seq };
        self.drop_before(seq)
    }

    fn truncate(&mut self, seq: u64) -> Result<(), StoreError> {
        if seq == 0 { self.reset() } else { self.drop_after(seq) }
    }

    fn expire(&mut self, now_ns: i64) -> Result<usize, StoreError> {
        self.reading(|ledger| ledger.expire_due(now_ns))
    }

    fn next_deadline(&self) -> Option<i64> {
        self.deadline()
    }

    fn take_removals(&mut self) -> Removals {
        std::mem::take(&mut self.removals)
    }

    fn set_schedule(&mut self, schedule: Schedule) {
        self.schedules.through = self.schedules.through.max(schedule.seq);
        self.schedules.set(schedule);
    }

    fn remove_schedule(&mut self, subject: &[u8]) {
        self.schedules.remove(subject);
    }

    fn due_schedules(&self, now_ns: i64) -> Vec<Schedule> {
        self.schedules.due(now_ns)
    }

    fn next_schedule(&self) -> Option<i64> {
        self.schedules.next()
    }

    fn schedules_through(&self) -> u64 {
        self.schedules.through
    }

    fn set_source(&mut self, name: &str, position: SourcePosition) {
        self.sources_through = self.state.last_seq;
        self.sources.insert(name.to_owned(), position);
    }

    fn sources(&self) -> (Vec<(String, SourcePosition)>, u64) {
        let positions = self.sources.iter().map(|(name, position)| (name.clone(), position.clone()));
        (positions.collect(), self.sources_through)
    }

    fn commit(&mut self) -> Result<Durability, StoreError> {
        self.log.commit()
    }

    fn drop_contents(&mut self) {
        self.log.drop_contents();
    }

    fn wants_maintenance(&self) -> bool {
        self.log.wants_maintenance()
    }

    fn maintain(&mut self, now_ns: i64) -> Result<Option<i64>, StoreError> {
        let Self { log, state, subjects, deadlines, schedules, sources, sources_through, .. } = self;
        let sources_through = *sources_through;
        log.maintain(now_ns, &Summary { state, subjects, deadlines, schedules, sources, sources_through })
    }

    fn consumer(&mut self, name: &str, meta: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError> {
        self.log.consumer(name, meta)
    }

    fn consumers(&self) -> Vec<(String, Vec<u8>)> {
        self.log.consumers()
    }

    fn update_meta(&mut self, meta: &[u8]) -> Result<(), StoreError> {
        self.log.update_meta(meta)
    }

    fn utilization(&self) -> u64 {
        self.log.utilization()
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        let Self { log, state, subjects, deadlines, schedules, sources, sources_through, .. } = &mut *self;
        let sources_through = *sources_through;
        log.close(&Summary { state, subjects, deadlines, schedules, sources, sources_through })
    }

    fn destroy(mut self: Box<Self>) -> Result<(), StoreError> {
        self.log.destroy()
    }
}

impl<L: Log> Ledger<L> {
    fn expect_next(&self, seq: u64) -> Result<(), StoreError> {
        let expected = self.state.last_seq + 1;
        if seq == expected { Ok(()) } else { Err(StoreError::SequenceMismatch { expected }) }
    }

    /// Brings every subject down to `most` messages.
    pub(super) fn enforce_subjects(&mut self, most: u64) -> Result<(), StoreError> {
        let mut full = Vec::new();
        let _ = self.subjects.walk(&SubjectFilter::all(), None, &mut |subject, info| {
            if info.msgs > most {
                full.push(subject.to_vec());
            }
            ControlFlow::Continue(())
        });
        full.into_iter().try_for_each(|subject| self.enforce_subject(&subject, most))
    }
}
