//! What all stores of streams do alike: totals, subjects, limits, expiry, questions. The messages lie in a log.

mod append;
mod deadlines;
mod expire;
mod query;
mod remove;
mod schedules;
mod store;

use std::collections::BTreeMap;

pub(crate) use deadlines::Deadlines;
pub(crate) use schedules::Schedules;

use crate::log::{Log, Recovered};
use crate::subjects::SubjectIndex;
use crate::{Removals, SourcePosition, StoreConfig, StoreError, StoreState};

/// A stream's messages, as a log, and everything known about them.
#[derive(Debug)]
pub(crate) struct Ledger<L> {
    log: L,
    config: StoreConfig,
    state: StoreState,
    subjects: SubjectIndex,
    removals: Removals,
    deadlines: Deadlines,
    schedules: Schedules,
    sources: BTreeMap<String, SourcePosition>,
    /// Through which sequence `sources` is known.
    sources_through: u64,
    /// Messages before this one never grow too old.
    age_cursor: u64,
    /// Not before then does a message grow too old.
    age_due_ns: i64,
}

impl<L: Log> Ledger<L> {
    /// Starts with an empty log.
    pub(crate) fn new(log: L, config: StoreConfig) -> Self {
        let first_seq = config.first_seq.max(1);
        let state = StoreState { first_seq, last_seq: first_seq - 1, ..StoreState::default() };
        Self {
            log,
            config,
            state,
            subjects: SubjectIndex::default(),
            removals: Removals::default(),
            deadlines: Deadlines::default(),
            schedules: Schedules::default(),
            sources: BTreeMap::new(),
            sources_through: 0,
            age_cursor: 0,
            age_due_ns: i64::MAX,
        }
    }

    /// Takes over a log found in files, and enforces the limits of the configuration, except age: the first
    /// [`expire`](crate::StreamStore::expire) does that.
    pub(crate) fn recovered(found: Recovered<L>, config: StoreConfig) -> Result<Self, StoreError> {
        let is_empty = found.state == StoreState::default();
        let mut ledger = Self::new(found.log, config);
        if !is_empty {
            ledger.state = found.state;
        }
        ledger.subjects = found.subjects;
        ledger.deadlines = found.deadlines;
        ledger.schedules = found.schedules;
        ledger.sources = found.sources;
        ledger.sources_through = found.sources_through;
        if ledger.config.allow_msg_ttl {
            ledger.find_deadlines(found.deadlines_from.max(ledger.state.first_seq))?;
        }
        ledger.look_at_ages_anew();
        if let Some(most) = ledger.config.max_msgs_per_subject {
            ledger.enforce_subjects(most)?;
        }
        ledger.enforce_totals()?;
        ledger.removals = Removals::default();
        Ok(ledger)
    }

    /// Does something that reads. If it meets damage, that is put aside, and it is done once more.
    fn reading<T>(&mut self, mut work: impl FnMut(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match work(self) {
            Err(StoreError::Corrupt { .. }) if self.read_again()? => work(self),
            outcome => outcome,
        }
    }

    fn read_again(&mut self) -> Result<bool, StoreError> {
        let Some((state, subjects)) = self.log.read_again()? else { return Ok(false) };
        (self.state, self.subjects) = (state, subjects);
        self.removals.push_many_others();
        // What left by a limit may be back.
        self.look_at_ages_anew();
        if let Some(most) = self.config.max_msgs_per_subject {
            self.enforce_subjects(most)?;
        }
        self.enforce_totals()?;
        Ok(true)
    }
}
