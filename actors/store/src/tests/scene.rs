//! A store and its model, going through the same steps.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::model::Model;
use crate::{NewMessage, Purge, StoreConfig, StoreError, StreamStore, SubjectFilter, Ttl};

const SECOND_NS: i64 = 1_000_000_000;
/// Subjects that steps choose from.
pub(super) const SUBJECTS: [&str; 6] = ["a", "a.b", "a.c", "b.b.x", "b.c.x", "c"];
/// Filters that questions choose from.
pub(super) const FILTERS: [&[&str]; 7] =
    [&[">"], &["a"], &["a.*"], &["*.*.x"], &["b.>"], &["a", "c"], &["a.*", "b.c.x"]];

/// One thing that happens to a store.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Append { subject: usize, size: usize, ttl: Option<u64> },
    Remove { nth: usize, erase: bool },
    Purge { filter: usize, before: Option<u64>, keep: u64 },
    Compact(u64),
    Truncate(u64),
    Skip(u64),
    Wait(i64),
    Commit,
    Maintain,
    Reopen,
    Kill,
}

/// Steps, mostly messages.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let append = (0..SUBJECTS.len(), 0..200_usize, prop::option::weighted(0.2, 1..6_u64))
        .prop_map(|(subject, size, ttl)| Step::Append { subject, size, ttl });
    let step = prop_oneof![
        12 => append,
        4 => (0..40_usize, prop::bool::weighted(0.2)).prop_map(|(nth, erase)| Step::Remove { nth, erase }),
        1 => (0..FILTERS.len(), prop::option::of(0..60_u64), 0..3_u64)
            .prop_map(|(filter, before, keep)| Step::Purge { filter, before, keep }),
        1 => (0..40_u64).prop_map(Step::Compact),
        1 => (0..40_u64).prop_map(Step::Truncate),
        1 => (1..5_u64).prop_map(Step::Skip),
        2 => (0..3_i64).prop_map(Step::Wait),
        2 => Just(Step::Commit),
        3 => Just(Step::Maintain),
        2 => Just(Step::Reopen),
        2 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..90)
}

/// Configurations with small limits.
pub(super) fn config() -> impl Strategy<Value = StoreConfig> {
    let limits = (prop::option::of(1..20_u64), prop::option::of(200..3000_u64), prop::option::of(1..4_u64));
    (limits, any::<[bool; 4]>(), prop::sample::select(vec![0, 5, 900_u64]), prop::sample::select(vec![0, 4_i64]))
        .prop_map(|(limits, [is_new, is_per_subject, has_ttl, is_packed], first_seq, max_age)| StoreConfig {
            name: "S".to_owned(),
            max_msgs: limits.0,
            max_bytes: limits.1,
            max_msgs_per_subject: limits.2,
            discard: if is_new { crate::Discard::New } else { crate::Discard::Old },
            discard_new_per_subject: is_per_subject,
            allow_msg_ttl: has_ttl,
            compression: if is_packed { crate::Compression::S2 } else { crate::Compression::None },
            first_seq,
            max_age_ns: max_age * SECOND_NS,
            ..StoreConfig::default()
        })
}

/// A store and its model.
pub(super) struct Scene<R> {
    pub(super) store: Box<dyn StreamStore>,
    pub(super) model: Model,
    now_ns: i64,
    /// The time of the last maintenance, which goes on faster.
    maintained_ns: i64,
    /// Opens the store again, after closing it or not.
    reopen: R,
}

impl<R: FnMut(Box<dyn StreamStore>, bool, &StoreConfig) -> Box<dyn StreamStore>> Scene<R> {
    pub(super) fn new(store: Box<dyn StreamStore>, model: Model, reopen: R) -> Self {
        Self { store, model, now_ns: 1_700_000_000 * SECOND_NS, maintained_ns: 1_700_000_000 * SECOND_NS, reopen }
    }

    pub(super) fn take(mut self, step: &Step) -> Result<Self, TestCaseError> {
        match *step {
            Step::Append { subject, size, ttl } => self.append(SUBJECTS[subject], size, ttl)?,
            Step::Remove { nth, erase } => {
                let seq = self.model.first_seq + nth as u64;
                let is_there = self.model.messages.contains_key(&seq);
                prop_assert_eq!(self.store.remove(seq, erase).unwrap(), is_there);
                self.model.remove_all(&[seq]);
            }
            Step::Purge { filter, before, keep } => {
                let filter = SubjectFilter::new(FILTERS[filter]);
                let before_seq = before.map_or(0, |before| self.model.first_seq + before);
                let keep = if before_seq > 0 { 0 } else { keep };
                let had = self.model.messages.len();
                let purged = self.store.purge(&Purge { filter: filter.clone(), before_seq, keep }).unwrap();
                self.model.purge(&filter, before_seq, keep);
                prop_assert_eq!(purged as usize, had - self.model.messages.len(), "{:?}", step);
            }
            Step::Compact(ahead) => {
                let seq = self.model.first_seq + ahead;
                self.store.compact(seq).unwrap();
                self.model.compact(seq);
            }
            Step::Truncate(back) => {
                let seq = self.model.last_seq.saturating_sub(back);
                if seq >= self.model.first_seq.max(1) {
                    self.store.truncate(seq).unwrap();
                    self.model.truncate(seq);
                }
            }
            Step::Skip(count) => {
                self.store.skip(self.model.last_seq + 1, count, self.now_ns).unwrap();
                self.model.last_seq += count;
                self.model.settle();
            }
            Step::Wait(seconds) => {
                self.now_ns += seconds * SECOND_NS;
                self.expire();
            }
            Step::Commit => self.store.commit().unwrap().wait().unwrap(),
            Step::Maintain => {
                self.maintained_ns += 45 * SECOND_NS;
                self.store.maintain(self.maintained_ns).unwrap();
            }
            Step::Reopen | Step::Kill => {
                self.store.commit().unwrap().wait().unwrap();
                // After a crash messages that left by a limit are back until limits are enforced again, as in
                // nats-server: which are left depends on what was removed meanwhile.
                let config = &self.model.config;
                let has_limits = config.max_msgs.is_some() || config.max_bytes.is_some();
                let is_clean = matches!(step, Step::Reopen) || has_limits || config.max_msgs_per_subject.is_some();
                self.store = (self.reopen)(self.store, is_clean, &self.model.config);
                self.expire();
            }
        }
        self.compare()?;
        Ok(self)
    }

    fn expire(&mut self) {
        self.store.expire(self.now_ns).unwrap();
        self.model.expire(self.now_ns);
    }

    fn append(&mut self, subject: &str, size: usize, ttl: Option<u64>) -> TestCaseResult {
        self.now_ns += 1;
        let headers = ttl.map_or(String::new(), |ttl| format!("NATS/1.0\r\nNats-TTL: {ttl}\r\n\r\n"));
        let payload = vec![b'x'; size];
        let message = NewMessage {
            subject: subject.as_bytes(),
            headers: if self.model.config.allow_msg_ttl { headers.as_bytes() } else { b"" },
            payload: &payload,
            time_ns: self.now_ns,
            ttl: ttl.map_or(Ttl::Limits, Ttl::Seconds),
        };
        let expected = self.model.append_with_headers(&message);
        match self.store.append(&message) {
            Ok(seq) => prop_assert!(expected && (seq == self.model.last_seq), "appended {}", seq),
            Err(StoreError::MaxMessages | StoreError::MaxBytes | StoreError::MaxMessagesPerSubject) => {
                prop_assert!(!expected, "refused");
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
        Ok(())
    }

    fn compare(&mut self) -> TestCaseResult {
        let (state, model) = (self.store.state(), &self.model);
        prop_assert_eq!((state.first_seq, state.last_seq), (model.first_seq, model.last_seq));
        prop_assert_eq!((state.msgs, state.bytes), (model.messages.len() as u64, model.bytes()));
        let span = model.last_seq + 1 - model.first_seq;
        prop_assert_eq!(state.num_deleted, span - state.msgs);
        let gaps: Vec<u64> =
            (model.first_seq..=model.last_seq).filter(|seq| !model.messages.contains_key(seq)).collect();
        prop_assert_eq!(self.store.deleted(usize::MAX), gaps);
        for (seq, kept) in &model.messages {
            let message = self.store.get(*seq).unwrap();
            prop_assert_eq!((message.subject(), message.time_ns), (kept.subject.as_bytes(), kept.time_ns));
            prop_assert_eq!(message.payload(), &kept.payload[..]);
        }
        for filters in FILTERS {
            self.ask(&SubjectFilter::new(filters))?;
        }
        Ok(())
    }

    fn ask(&mut self, filter: &SubjectFilter) -> TestCaseResult {
        let (model, store) = (&self.model, &mut self.store);
        let matching = model.matching(filter);
        let middle = model.first_seq + (model.last_seq + 1 - model.first_seq) / 2;
        for from in [0, model.first_seq, middle, model.last_seq, model.last_seq + 1] {
            let next = store.next(filter, from).unwrap().map(|message| message.seq);
            prop_assert_eq!(next, matching.iter().find(|seq| **seq >= from).copied(), "next from {}", from);
            let previous = store.previous(filter, from).unwrap().map(|message| message.seq);
            prop_assert_eq!(previous, matching.iter().rev().find(|seq| **seq <= from).copied(), "before {}", from);
            let pending = matching.iter().filter(|seq| **seq >= from).count() as u64;
            prop_assert_eq!(store.num_pending(from, filter, false).unwrap(), pending, "pending from {}", from);
        }
        let mut newest = Vec::new();
        for subject in SUBJECTS.iter().filter(|subject| filter.matches(subject.as_bytes())) {
            let last = model.of_subject(subject).last().copied();
            let found = store.last_for(subject.as_bytes()).unwrap();
            prop_assert_eq!(found.as_ref().map(|message| message.seq), last);
            // What was read just now is in memory.
            prop_assert_eq!(store.last_at_hand(subject.as_bytes()), found, "at hand for {}", subject);
            newest.extend(last);
        }
        newest.sort_unstable();
        prop_assert_eq!(store.last_per_subject(filter, 0, 0).unwrap(), newest.clone());
        let pending = newest.iter().filter(|seq| **seq >= middle).count() as u64;
        prop_assert_eq!(store.num_pending(middle, filter, true).unwrap(), pending);
        let counts = store.subjects(filter, None, usize::MAX);
        prop_assert_eq!(counts.iter().map(|count| count.msgs).sum::<u64>(), matching.len() as u64);
        prop_assert_eq!(counts.len(), newest.len());
        Ok(())
    }
}

/// Runs all steps.
pub(super) fn play<R>(scene: Scene<R>, steps: &[Step]) -> TestCaseResult
where
    R: FnMut(Box<dyn StreamStore>, bool, &StoreConfig) -> Box<dyn StreamStore>,
{
    let mut scene = Some(scene);
    let flow = steps.iter().try_for_each(|step| match scene.take().map(|scene| scene.take(step)) {
        Some(Ok(next)) => {
            scene = Some(next);
            ControlFlow::Continue(())
        }
        Some(Err(error)) => ControlFlow::Break(error),
        None => ControlFlow::Continue(()),
    });
    match flow {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}
