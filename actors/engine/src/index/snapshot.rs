//! The index of one account.

use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};

use troupe_codecs::subject::{is_literal, tokens};

use super::hash_trie::{Change, HashTrie, Hashed};
use super::pattern_trie::PatternNode;
use super::{Matches, Subscriber, SubscriberSet, SubscriptionFacts};

/// Most tokens of a pattern with wildcards. Each token is one level of the trie, and one level of recursion.
pub const MAX_PATTERN_TOKENS: usize = 1024;

/// Hash of a subject or token. Keyed at random per process, so that clients cannot choose colliding subjects.
#[must_use]
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u32 {
    static STATE: OnceLock<ahash::RandomState> = OnceLock::new();
    let mut hasher = STATE.get_or_init(ahash::RandomState::new).build_hasher();
    hasher.write(bytes);
    hasher.finish() as u32
}

/// Subscribers of one literal subject, behind the subject's hash. Most subjects have one subscriber, which then needs no
/// set.
#[derive(Clone, Debug)]
enum Literal<T> {
    One(u32, T),
    Many(u32, Arc<SubscriberSet<T>>),
}

impl<T> Hashed for Literal<T> {
    #[inline]
    fn hash(&self) -> u32 {
        match self {
            Self::One(hash, _) | Self::Many(hash, _) => *hash,
        }
    }
}

impl<T: Subscriber> Literal<T> {
    fn subject(&self) -> &[u8] {
        match self {
            Self::One(_, subscriber) => subscriber.subject(),
            Self::Many(_, set) => set.iter().next().map_or(&[], SubscriptionFacts::subject),
        }
    }
}

/// Who is interested in which subject, in one account.
#[derive(Clone, Debug)]
pub struct Index<T> {
    literals: HashTrie<Literal<T>>,
    patterns: Arc<PatternNode<T>>,
    num_patterns: usize,
    len: usize,
    churn: Churn,
}

/// What happened to an index so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Subscriptions added.
    pub inserts: u64,
    /// Subscriptions removed.
    pub removes: u64,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            literals: HashTrie::default(),
            patterns: Arc::default(),
            num_patterns: 0,
            len: 0,
            churn: Churn::default(),
        }
    }
}

impl<T: Subscriber> Index<T> {
    /// Number of subscriptions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Subscriptions that came and went so far.
    #[must_use]
    pub fn churn(&self) -> Churn {
        self.churn
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a subscription. Adding the same one again changes nothing and yields false.
    pub fn insert(&mut self, subscriber: T) -> bool {
        let handle = subscriber.clone();
        let subject = handle.subject();
        let is_new = if is_literal(subject) {
            self.insert_literal(subject, subscriber)
        } else {
            let is_new = Arc::make_mut(&mut self.patterns).insert(Some(subject), subscriber);
            self.num_patterns += usize::from(is_new);
            is_new
        };
        self.len += usize::from(is_new);
        self.churn.inserts += u64::from(is_new);
        is_new
    }

    fn insert_literal(&mut self, subject: &[u8], subscriber: T) -> bool {
        let mut is_new = true;
        let hash = hash_bytes(subject);
        self.literals.update(
            hash,
            |entry| entry.subject() == subject,
            |found| match found {
                None => Change::Insert(Literal::One(hash, subscriber)),
                Some(Literal::Many(_, set)) => {
                    is_new = Arc::make_mut(set).insert(subscriber);
                    Change::Keep
                }
                Some(one) => {
                    let Literal::One(_, first) = &*one else { return Change::Keep };
                    is_new = first.id() != subscriber.id();
                    if is_new {
                        let mut set = SubscriberSet::default();
                        set.insert(first.clone());
                        set.insert(subscriber);
                        *one = Literal::Many(hash, Arc::new(set));
                    }
                    Change::Keep
                }
            },
        );
        is_new
    }

    /// Removes a subscription. Removing one that is not there changes nothing and yields false.
    pub fn remove(&mut self, subscriber: &T) -> bool {
        let subject = subscriber.subject();
        let was_there = if is_literal(subject) {
            self.remove_literal(subject, subscriber)
        } else {
            let was_there = Arc::make_mut(&mut self.patterns).remove(Some(subject), subscriber);
            self.num_patterns -= usize::from(was_there);
            was_there
        };
        self.len -= usize::from(was_there);
        self.churn.removes += u64::from(was_there);
        was_there
    }

    fn remove_literal(&mut self, subject: &[u8], subscriber: &T) -> bool {
        let hash = hash_bytes(subject);
        let is_only = |entry: &Literal<T>| matches!(entry, Literal::One(_, only) if only.id() == subscriber.id());
        if self.literals.remove(hash, is_only) {
            return true;
        }
        let mut was_there = false;
        self.literals.update(
            hash,
            |entry| entry.subject() == subject,
            |found| {
                let Some(Literal::Many(_, set)) = found else { return Change::Keep };
                let set = Arc::make_mut(set);
                was_there = set.remove(subscriber);
                if set.is_empty() { Change::Remove } else { Change::Keep }
            },
        );
        was_there
    }

    /// Adds everybody interested in the literal `subject` to `matches`. Wildcard tokens in `subject` are plain text; a
    /// subject with an empty token interests nobody.
    pub fn collect(&self, subject: &[u8], matches: &mut Matches<T>) {
        if tokens(subject).any(<[u8]>::is_empty) {
            return;
        }
        match self.literals.get(hash_bytes(subject), |entry| entry.subject() == subject) {
            Some(Literal::One(_, subscriber)) => matches.add(subscriber),
            Some(Literal::Many(_, set)) => matches.add_set(set),
            None => {}
        }
        if self.num_patterns > 0 {
            self.patterns.collect(Some(subject), matches);
        }
    }

    /// Calls `visit` with every subscription, in no order.
    pub fn for_each(&self, visit: &mut impl FnMut(&T)) {
        self.literals.for_each(&mut |entry: &Literal<T>| match entry {
            Literal::One(_, subscriber) => visit(subscriber),
            Literal::Many(_, set) => set.iter().for_each(&mut *visit),
        });
        self.patterns.for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use troupe_codecs::subject::matches as subject_matches;

    #[derive(Clone, Debug, PartialEq)]
    struct Sub(u64, Arc<[u8]>, Option<Arc<[u8]>>);

    impl SubscriptionFacts for Sub {
        fn id(&self) -> u64 {
            self.0
        }
        fn subject(&self) -> &[u8] {
            &self.1
        }
        fn queue(&self) -> Option<&[u8]> {
            self.2.as_deref()
        }
    }

    fn ids(matches: &Matches<Sub>) -> (Vec<u64>, Vec<Vec<u64>>) {
        let sorted = |subs: &[Sub]| {
            let mut ids: Vec<u64> = subs.iter().map(Sub::id).collect();
            ids.sort_unstable();
            ids
        };
        let mut groups: Vec<Vec<u64>> = matches.groups.iter().map(|group| sorted(group)).collect();
        groups.sort();
        (sorted(&matches.plain), groups)
    }

    /// The obviously correct matcher: every subscription, one by one.
    fn expected(subs: &[Sub], subject: &[u8]) -> (Vec<u64>, Vec<Vec<u64>>) {
        let mut found = Matches::default();
        subs.iter().filter(|sub| subject_matches(subject, &sub.1)).for_each(|sub| found.add(sub));
        ids(&found)
    }

    fn subject() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c"), Just("*")], 1..4)
            .prop_flat_map(|tokens| (Just(tokens), any::<bool>()))
            .prop_map(|(mut tokens, rest)| {
                if rest {
                    tokens.push(">");
                }
                tokens.join(".").into_bytes()
            })
    }

    fn literal() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..5)
            .prop_map(|tokens| tokens.join(".").into_bytes())
    }

    proptest! {
        #[test]
        fn matches_like_the_obvious_matcher(
            steps in proptest::collection::vec((subject(), proptest::option::of(0u8..3), any::<proptest::sample::Index>(), 0u8..4), 1..120),
            probes in proptest::collection::vec(literal(), 1..20)
        ) {
            let mut index = Index::default();
            let mut subs: Vec<Sub> = Vec::new();
            let mut snapshots = Vec::new();
            for (id, (subject, queue, pick, what)) in steps.into_iter().enumerate() {
                if what == 0 && !subs.is_empty() {
                    let gone = subs.remove(pick.index(subs.len()));
                    prop_assert!(index.remove(&gone));
                    prop_assert!(!index.remove(&gone));
                } else {
                    let sub = Sub(id as u64, subject.into(), queue.map(|queue| Arc::from(vec![b'q', queue])));
                    prop_assert!(index.insert(sub.clone()));
                    prop_assert!(!index.insert(sub.clone()));
                    subs.push(sub);
                }
                if what == 1 {
                    snapshots.push((index.clone(), subs.clone()));
                }
            }
            snapshots.push((index, subs));
            for (index, subs) in snapshots {
                prop_assert_eq!(index.len(), subs.len());
                let mut count = 0;
                index.for_each(&mut |_| count += 1);
                prop_assert_eq!(count, subs.len());
                for probe in &probes {
                    let mut found = Matches::default();
                    index.collect(probe, &mut found);
                    prop_assert_eq!(ids(&found), expected(&subs, probe));
                }
            }
        }
    }

    #[test]
    fn a_large_set_keeps_its_order_and_its_snapshots() {
        let mut index = Index::default();
        for id in 0..2000 {
            index.insert(Sub(id, Arc::from(&b"a.b"[..]), None));
        }
        let before = index.clone();
        for id in (0..2000).filter(|id| id % 3 != 0) {
            assert!(index.remove(&Sub(id, Arc::from(&b"a.b"[..]), None)));
        }
        let plain = |index: &Index<Sub>| {
            let mut found = Matches::default();
            index.collect(b"a.b", &mut found);
            found.plain.iter().map(Sub::id).collect::<Vec<_>>()
        };
        assert_eq!(plain(&before), (0..2000).collect::<Vec<_>>());
        assert_eq!(plain(&index), (0..2000).filter(|id| id % 3 == 0).collect::<Vec<_>>());
    }
}
