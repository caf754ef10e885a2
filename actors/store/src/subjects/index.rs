//! The sorted map from subject to totals.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use troupe_codecs::subject;

use super::SubjectInfo;
use super::leaf::Leaf;
use super::seek::{Seek, after_mismatch, literal_prefix};
use crate::SubjectFilter;

/// Totals by subject.
#[derive(Debug, Default)]
pub(crate) struct SubjectIndex {
    /// By a bound: no subject of a leaf is smaller, none of an earlier leaf is as large. The first bound is empty.
    leaves: BTreeMap<Box<[u8]>, Leaf>,
    len: usize,
}

impl SubjectIndex {
    /// Leaves below this size join the one before.
    const FEW: usize = 24;

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn get(&self, subject: &[u8]) -> Option<SubjectInfo> {
        let (_, leaf) = self.leaves.range::<[u8], _>((Bound::Unbounded, Bound::Included(subject))).next_back()?;
        leaf.find(subject).ok().map(|at| *leaf.info(at))
    }

    pub(crate) fn get_mut(&mut self, subject: &[u8]) -> Option<&mut SubjectInfo> {
        let (_, leaf) = self.leaves.range_mut::<[u8], _>((Bound::Unbounded, Bound::Included(subject))).next_back()?;
        leaf.find(subject).ok().map(|at| leaf.info_mut(at))
    }

    /// Counts a message behind all others of its subject.
    pub(crate) fn add(&mut self, subject: &[u8], seq: u64) -> SubjectInfo {
        if let Some(info) = self.get_mut(subject) {
            info.add(seq);
            return *info;
        }
        self.insert(subject, SubjectInfo::new(seq));
        SubjectInfo::new(seq)
    }

    /// Takes off a message and returns how many of its subject are left.
    pub(crate) fn take(&mut self, subject: &[u8], seq: u64) -> u64 {
        match self.get_mut(subject) {
            Some(info) if info.msgs > 1 => {
                info.take(seq);
                info.msgs
            }
            Some(_) => {
                self.remove(subject);
                0
            }
            None => 0,
        }
    }

    /// Inserts a subject that is not there.
    pub(crate) fn insert(&mut self, subject: &[u8], info: SubjectInfo) {
        if self.leaves.is_empty() {
            self.leaves.insert(Box::default(), Leaf::default());
        }
        let bounds = (Bound::Unbounded, Bound::Included(subject));
        let Some((_, leaf)) = self.leaves.range_mut::<[u8], _>(bounds).next_back() else { return };
        let Err(at) = leaf.find(subject) else { return };
        self.len += 1;
        leaf.insert(at, subject, info);
        if !leaf.is_full() {
            return;
        }
        // Subjects that come in order leave full leaves behind.
        let split = if at + 1 == leaf.len() { at } else { leaf.len() / 2 };
        let right = leaf.split_off(split);
        let mut bound = Vec::new();
        right.read_subject(0, &mut bound);
        self.leaves.insert(bound.into(), right);
    }

    pub(crate) fn remove(&mut self, subject: &[u8]) {
        let bounds = (Bound::Unbounded, Bound::Included(subject));
        let Some((bound, leaf)) = self.leaves.range_mut::<[u8], _>(bounds).next_back() else { return };
        let Ok(at) = leaf.find(subject) else { return };
        leaf.remove(at);
        self.len -= 1;
        if leaf.len() >= Self::FEW || bound.is_empty() {
            return;
        }
        let bound = bound.clone();
        let Some(small) = self.leaves.remove(&bound) else { return };
        let before = (Bound::Unbounded, Bound::Excluded(&*bound));
        let Some((_, previous)) = self.leaves.range_mut::<[u8], _>(before).next_back() else { return };
        if previous.len() + small.len() <= 4 * Self::FEW {
            previous.append(&small);
        } else if small.len() > 0 {
            self.leaves.insert(bound, small);
        }
    }

    /// Visits the subjects that match `filter` and are behind `after`, each once; in byte order unless the filter is
    /// of several parts.
    pub(crate) fn walk(
        &self,
        filter: &SubjectFilter,
        after: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &SubjectInfo) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if filter.is_all() {
            return self.walk_pattern(b">", after, visit);
        }
        for literal in filter.literals() {
            let is_behind = after.is_none_or(|after| &**literal > after);
            if let (true, Some(info)) = (is_behind, self.get(literal)) {
                visit(literal, &info)?;
            }
        }
        for (number, pattern) in filter.patterns().iter().enumerate() {
            self.walk_pattern(pattern, after, &mut |subject, info| {
                let is_seen = filter.literals().iter().any(|literal| literal == subject)
                    || filter.patterns()[..number].iter().any(|earlier| subject::matches(subject, earlier));
                if is_seen { ControlFlow::Continue(()) } else { visit(subject, info) }
            })?;
        }
        ControlFlow::Continue(())
    }

    fn walk_pattern(
        &self,
        pattern: &[u8],
        after: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8], &SubjectInfo) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let is_full = pattern == b">";
        let prefix = literal_prefix(pattern);
        let mut from = prefix.to_vec();
        if let Some(after) = after.filter(|after| *after >= prefix) {
            from = [after, &[0]].concat();
        }
        let mut subject = Vec::new();
        'seek: loop {
            let start = self.leaves.range::<[u8], _>((Bound::Unbounded, Bound::Included(&*from))).next_back();
            let Some((bound, _)) = start else { return ControlFlow::Continue(()) };
            for (_, leaf) in self.leaves.range::<[u8], _>((Bound::Included(&**bound), Bound::Unbounded)) {
                let first = leaf.find(&from).unwrap_or_else(|at| at);
                for at in first..leaf.len() {
                    leaf.read_subject(at, &mut subject);
                    if is_full || subject::matches(&subject, pattern) {
                        visit(&subject, leaf.info(at))?;
                        continue;
                    }
                    if !subject.starts_with(prefix) {
                        return ControlFlow::Continue(());
                    }
                    match after_mismatch(pattern, &subject) {
                        Seek::Next => {}
                        Seek::End => return ControlFlow::Continue(()),
                        Seek::To(target) => {
                            from = target;
                            continue 'seek;
                        }
                    }
                }
            }
            return ControlFlow::Continue(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn names(index: &SubjectIndex, filter: &SubjectFilter) -> Vec<String> {
        let mut found = Vec::new();
        let _ = index.walk(filter, None, &mut |subject, _| {
            found.push(String::from_utf8_lossy(subject).into_owned());
            ControlFlow::Continue(())
        });
        found
    }

    fn subject() -> impl Strategy<Value = String> {
        prop::collection::vec("[ab/-]{1,2}", 1..4).prop_map(|tokens| tokens.join("."))
    }

    fn pattern() -> impl Strategy<Value = String> {
        let token = prop_oneof![Just("*".to_owned()), "[ab/-]{1,2}"];
        let end = prop_oneof![Just("*".to_owned()), Just(">".to_owned()), "[ab/-]{1,2}"];
        (prop::collection::vec(token, 0..3), end).prop_map(|(mut tokens, end)| {
            tokens.push(end);
            tokens.join(".")
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            steps in prop::collection::vec((subject(), any::<bool>()), 0..600),
            filters in prop::collection::vec(pattern(), 1..3),
        ) {
            let mut index = SubjectIndex::default();
            let mut model: BTreeMap<String, u64> = BTreeMap::new();
            for (seq, (name, is_removal)) in (1..).zip(steps) {
                if is_removal {
                    index.remove(name.as_bytes());
                    model.remove(&name);
                } else {
                    index.add(name.as_bytes(), seq);
                    *model.entry(name).or_default() += 1;
                }
            }
            prop_assert_eq!(index.len(), model.len());
            prop_assert_eq!(names(&index, &SubjectFilter::all()), model.keys().cloned().collect::<Vec<_>>());
            for (name, msgs) in &model {
                prop_assert_eq!(index.get(name.as_bytes()).map(|info| info.msgs), Some(*msgs));
            }
            let filter = SubjectFilter::new(&filters);
            let mut found = names(&index, &filter);
            found.sort_unstable();
            let expected: Vec<String> = model.keys().filter(|name| filter.matches(name.as_bytes())).cloned().collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn many_subjects_in_order() {
        let mut index = SubjectIndex::default();
        for number in 0..20_000_u32 {
            index.add(format!("sensor.{:05}.{}", number / 4, number % 4).as_bytes(), u64::from(number) + 1);
        }
        assert_eq!(names(&index, &SubjectFilter::one(b"sensor.*.3")).len(), 5_000);
        assert_eq!(names(&index, &SubjectFilter::one(b"sensor.00042.>")).len(), 4);
        for number in 0..20_000_u32 {
            index.remove(format!("sensor.{:05}.{}", number / 4, number % 4).as_bytes());
        }
        assert_eq!((index.len(), names(&index, &SubjectFilter::all()).len()), (0, 0));
    }
}
