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

use crate::log::Log;
use crate::subjects::SubjectIndex;
use crate::{Removals, SourcePosition, StoreConfig, StoreState};

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
}
