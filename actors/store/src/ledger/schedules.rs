//! When scheduled messages are due.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::Schedule;

/// Schedules by subject, and in the order they are due.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    by_subject: BTreeMap<Bytes, (i64, u64)>,
    by_time: BTreeSet<(i64, Bytes)>,
    /// Messages after this sequence were not looked at.
    pub(crate) through: u64,
}

impl Schedules {
    pub(crate) fn set(&mut self, schedule: Schedule) {
        self.remove(&schedule.subject);
        self.by_time.insert((schedule.due_ns, schedule.subject.clone()));
        self.by_subject.insert(schedule.subject, (schedule.due_ns, schedule.seq));
    }

    pub(crate) fn remove(&mut self, subject: &[u8]) {
        if let Some((subject, (due_ns, _))) = self.by_subject.remove_entry(subject) {
            self.by_time.remove(&(due_ns, subject));
        }
    }

    /// Forgets the schedule of a message that left.
    pub(crate) fn message_left(&mut self, subject: &[u8], seq: u64) {
        if !self.by_subject.is_empty() && self.by_subject.get(subject).is_some_and(|known| known.1 == seq) {
            self.remove(subject);
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        let gone = self.by_subject.iter().filter(|(_, known)| !keep(known.1));
        for subject in gone.map(|(subject, _)| subject.clone()).collect::<Vec<_>>() {
            self.remove(&subject);
        }
    }

    pub(crate) fn next(&self) -> Option<i64> {
        self.by_time.first().map(|(due_ns, _)| *due_ns)
    }

    pub(crate) fn due(&self, now_ns: i64) -> Vec<Schedule> {
        let due = self.by_time.iter().take_while(|(due_ns, _)| *due_ns <= now_ns);
        let with_seq = due.filter_map(|(due_ns, subject)| {
            let (_, seq) = self.by_subject.get(subject)?;
            Some(Schedule { seq: *seq, subject: subject.clone(), due_ns: *due_ns })
        });
        with_seq.collect()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&Bytes, i64, u64)> {
        self.by_subject.iter().map(|(subject, (due_ns, seq))| (subject, *due_ns, *seq))
    }
}
