//! A persistent trie over the tokens of patterns with wildcards.

use std::sync::Arc;

use super::hash_trie::{Change, HashTrie, Hashed};
use super::snapshot::hash_bytes;
use super::{Matches, Subscriber, SubscriberSet};

/// One level: what may follow the tokens read so far.
#[derive(Clone, Debug)]
pub struct PatternNode<T> {
    literals: HashTrie<Child<T>>,
    star: Option<Arc<PatternNode<T>>>,
    /// Subscribers of the pattern that ends here.
    here: Option<Arc<SubscriberSet<T>>>,
    /// Subscribers of the pattern that ends with `>` here.
    rest: Option<Arc<SubscriberSet<T>>>,
}

#[derive(Clone, Debug)]
struct Child<T> {
    hash: u32,
    token: Box<[u8]>,
    node: Arc<PatternNode<T>>,
}

impl<T> Hashed for Child<T> {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }
}

impl<T> Default for PatternNode<T> {
    fn default() -> Self {
        Self { literals: HashTrie::default(), star: None, here: None, rest: None }
    }
}

/// The first token and what is behind its dot.
#[inline]
fn split_token(subject: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'.', subject) {
        Some(dot) => (&subject[..dot], Some(&subject[dot + 1..])),
        None => (subject, None),
    }
}

impl<T: Subscriber> PatternNode<T> {
    /// Adds a subscriber under `pattern`, the part of its subject below this node; false when it is there already.
    pub fn insert(&mut self, pattern: Option<&[u8]>, subscriber: T) -> bool {
        let Some(pattern) = pattern else {
            return Arc::make_mut(self.here.get_or_insert_default()).insert(subscriber);
        };
        match split_token(pattern) {
            (b">", None) => Arc::make_mut(self.rest.get_or_insert_default()).insert(subscriber),
            (b"*", below) => Arc::make_mut(self.star.get_or_insert_default()).insert(below, subscriber),
            (token, below) => self.insert_literal(token, below, subscriber),
        }
    }

    fn insert_literal(&mut self, token: &[u8], below: Option<&[u8]>, subscriber: T) -> bool {
        let mut is_new = false;
        let hash = hash_bytes(token);
        self.literals.update(
            hash,
            |child| *child.token == *token,
            |found| match found {
                Some(child) => {
                    is_new = Arc::make_mut(&mut child.node).insert(below, subscriber);
                    Change::Keep
                }
                None => {
                    let mut node = Self::default();
                    is_new = node.insert(below, subscriber);
                    Change::Insert(Child { hash, token: token.into(), node: Arc::new(node) })
                }
            },
        );
        is_new
    }

    /// Removes a subscriber from under `pattern`; false when it is not there. Empty nodes go too.
    pub fn remove(&mut self, pattern: Option<&[u8]>, subscriber: &T) -> bool {
        let Some(pattern) = pattern else {
            return remove_from(&mut self.here, subscriber);
        };
        match split_token(pattern) {
            (b">", None) => remove_from(&mut self.rest, subscriber),
            (b"*", below) => {
                let Some(star) = &mut self.star else { return false };
                let node = Arc::make_mut(star);
                let was_there = node.remove(below, subscriber);
                if node.is_empty() {
                    self.star = None;
                }
                was_there
            }
            (token, below) => self.remove_literal(token, below, subscriber),
        }
    }

    fn remove_literal(&mut self, token: &[u8], below: Option<&[u8]>, subscriber: &T) -> bool {
        let mut was_there = false;
        self.literals.update(
            hash_bytes(token),
            |child| *child.token == *token,
            |found| {
                let Some(child) = found else { return Change::Keep };
                let node = Arc::make_mut(&mut child.node);
                was_there = node.remove(below, subscriber);
                if node.is_empty() { Change::Remove } else { Change::Keep }
            },
        );
        was_there
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.star.is_none() && self.here.is_none() && self.rest.is_none()
    }

    /// Adds everybody whose pattern matches `subject`, the part of the subject below this node, to `matches`.
    pub fn collect(&self, subject: Option<&[u8]>, matches: &mut Matches<T>) {
        let Some(subject) = subject else {
            if let Some(set) = &self.here {
                matches.add_set(set);
            }
            return;
        };
        if let Some(set) = &self.rest {
            matches.add_set(set);
        }
        let (token, below) = split_token(subject);
        if let Some(star) = &self.star {
            star.collect(below, matches);
        }
        if self.literals.is_empty() {
            return;
        }
        if let Some(child) = self.literals.get(hash_bytes(token), |child| *child.token == *token) {
            child.node.collect(below, matches);
        }
    }

    /// Calls `visit` with every subscriber.
    pub fn for_each(&self, visit: &mut impl FnMut(&T)) {
        for set in [&self.here, &self.rest].into_iter().flatten() {
            set.iter().for_each(&mut *visit);
        }
        if let Some(star) = &self.star {
            star.for_each(visit);
        }
        // A list first: a closure that calls this function again would nest a type per level.
        let mut children = Vec::with_capacity(self.literals.len());
        self.literals.for_each(&mut |child: &Child<T>| children.push(Arc::clone(&child.node)));
        children.iter().for_each(|child| child.for_each(visit));
    }
}

fn remove_from<T: Subscriber>(place: &mut Option<Arc<SubscriberSet<T>>>, subscriber: &T) -> bool {
    let Some(set) = place else { return false };
    let set = Arc::make_mut(set);
    let was_there = set.remove(subscriber);
    if set.is_empty() {
        *place = None;
    }
    was_there
}
