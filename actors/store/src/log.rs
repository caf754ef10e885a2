//! Where messages lie: what a memory of pages and a directory of blocks have in common.

use std::fmt::Debug;
use std::ops::ControlFlow;

use bytes::Bytes;

use crate::subjects::SubjectIndex;
use crate::{ConsumerStore, Durability, NewMessage, SourcePosition, StoreConfig, StoreError, StoredMessage};
use crate::{StoreState, SubjectFilter};

/// A message without its content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) seq: u64,
    pub(crate) time_ns: i64,
    /// What it counts for in the store's bytes.
    pub(crate) size: u64,
    pub(crate) subject: &'a [u8],
    pub(crate) headers: &'a [u8],
}

/// What a scan does with a message.
pub(crate) type Visitor<'a> = dyn FnMut(Head<'_>) -> ControlFlow<()> + 'a;

/// A message that was taken out.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) time_ns: i64,
    pub(crate) size: u64,
    pub(crate) subject: Bytes,
    /// Only whether it is a delete marker; its content is gone.
    pub(crate) is_marker: bool,
}

/// How a message is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By a limit of the whole stream: it will be taken out again when limits are enforced after a restart.
    Limit,
    /// By a limit of its subject: after a restart it may not be seen that the limit was reached.
    SubjectLimit,
    /// On request: a restart must not bring it back.
    Request,
    /// On request, and nothing of it may stay on the medium.
    Erase,
}

/// What a log's owner must write into its index files.
pub(crate) struct Summary<'a> {
    pub(crate) state: &'a StoreState,
    pub(crate) subjects: &'a crate::subjects::SubjectIndex,
    pub(crate) deadlines: &'a crate::ledger::Deadlines,
    pub(crate) schedules: &'a crate::ledger::Schedules,
    pub(crate) sources: &'a std::collections::BTreeMap<String, SourcePosition>,
    pub(crate) sources_through: u64,
}

/// Messages by sequence. Sequences only grow; the owner keeps totals, subjects and limits.
pub(crate) trait Log: Send + Debug {
    /// What a message counts for in the store's bytes.
    fn size_of(&self, message: &NewMessage<'_>) -> u64;

    /// Adds a message behind all others.
    fn push(&mut self, seq: u64, message: &NewMessage<'_>) -> Result<(), StoreError>;

    /// Uses up sequences behind all others.
    fn skip(&mut self, seq: u64, count: u64, time_ns: i64) -> Result<(), StoreError>;

    /// Reads a message.
    fn read(&mut self, seq: u64) -> Result<Option<StoredMessage>, StoreError>;

    /// Reads a message that is in memory; none where it is not, or is damaged.
    fn read_at_hand(&mut self, seq: u64) -> Option<StoredMessage>;

    /// Visits the messages from `from` to `to` whose subjects `filter` means, ascending.
    fn scan(&mut self, from: u64, to: u64, filter: &SubjectFilter, visit: &mut Visitor<'_>) -> Result<(), StoreError>;

    /// Visits the messages from `from` down to `to` whose subjects `filter` means.
    fn scan_back(
        &mut self,
        from: u64,
        to: u64,
        filter: &SubjectFilter,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;

    /// Counts messages before a sequence.
    fn count_before(&mut self, seq: u64) -> u64;

    /// Takes a message out.
    fn take(&mut self, seq: u64, manner: Manner) -> Result<Option<Taken>, StoreError>;

    /// Takes out all messages before `seq`, which may lie behind the last; the next to push is `next_seq`.
    fn drop_before(&mut self, seq: u64, next_seq: u64, time_ns: i64) -> Result<(), StoreError>;

    /// Takes out all messages after `seq`, as if they had never been pushed.
    fn drop_after(&mut self, seq: u64, time_ns: i64) -> Result<(), StoreError>;

    /// Lists the first `limit` sequences in `first..=last` without a message.
    fn gaps(&self, first: u64, last: u64, limit: usize) -> Vec<u64>;

    fn update_config(&mut self, _config: &StoreConfig) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(&mut self) -> Result<Durability, StoreError> {
        Ok(Durability::Reached)
    }

    fn wants_maintenance(&self) -> bool {
        false
    }

    fn maintain(&mut self, _now_ns: i64, _summary: &Summary<'_>) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn consumer(&mut self, name: &str, meta: &[u8]) -> Result<Box<dyn ConsumerStore>, StoreError>;

    fn consumers(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    fn update_meta(&mut self, _meta: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn utilization(&self) -> u64;

    /// Reads everything again, after something was found damaged: that is put aside, and counts as lost. None if there
    /// is nothing to be read.
    fn read_again(&mut self) -> Result<Option<(StoreState, SubjectIndex)>, StoreError> {
        Ok(None)
    }

    /// Gives back the memory of what was read, until it is read again.
    fn drop_contents(&mut self) {}

    fn lost(&self) -> (u64, u64) {
        (0, 0)
    }

    fn close(&mut self, _summary: &Summary<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A log found in files, with what they say about it.
#[derive(Debug)]
pub(crate) struct Recovered<L> {
    pub(crate) log: L,
    pub(crate) state: StoreState,
    pub(crate) subjects: crate::subjects::SubjectIndex,
    pub(crate) deadlines: crate::ledger::Deadlines,
    /// Messages from here on may have deadlines that are not known.
    pub(crate) deadlines_from: u64,
    pub(crate) schedules: crate::ledger::Schedules,
    pub(crate) sources: std::collections::BTreeMap<String, SourcePosition>,
    pub(crate) sources_through: u64,
}

impl<L> Recovered<L> {
    /// A log of which nothing is known.
    pub(crate) fn empty(log: L) -> Self {
        Self {
            log,
            state: StoreState::default(),
            subjects: crate::subjects::SubjectIndex::default(),
            deadlines: crate::ledger::Deadlines::default(),
            deadlines_from: 0,
            schedules: crate::ledger::Schedules::default(),
            sources: std::collections::BTreeMap::new(),
            sources_through: 0,
        }
    }
}
