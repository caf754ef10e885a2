//! A persistent trie over the tokens of patterns with wildcards.

use std::sync::Arc;

use troupe_codecs::subject::tokens;

use super::hash_trie::{Change, HashTrie};
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
    token: Box<[u8]>,
    node: Arc<PatternNode<T>>,
}

impl<T> Default for PatternNode<T> {
    fn default() -> Self {
        Self { literals: HashTrie::default(), star: None, here: None, rest: None }
    }
}

impl<T: Subscriber> PatternNode<T> {
    /// Adds a subscriber; false when it is there already.
    pub fn insert(&mut self, subscriber: T) -> bool {
        let holder = subscriber.clone();
        self.insert_at(tokens(holder.subject()).peekable(), subscriber)
    }

    fn insert_at<'a>(&mut self, mut rest: std::iter::Peekable<impl Iterator<Item = &'a [u8]>>, subscriber: T) -> bool {
        let Some(token) = rest.next() else {
            return Arc::make_mut(self.here.get_or_insert_default()).insert(subscriber);
        };
        match token {
            b">" if rest.peek().is_none() => Arc::make_mut(self.rest.get_or_insert_default()).insert(subscriber),
            b"*" => Arc::make_mut(self.star.get_or_insert_default()).insert_boxed(Box::new(rest), subscriber),
            literal => {
                let mut is_new = false;
                self.literals.update(hash_bytes(literal), |child| *child.token == *literal, |found| match found {
                    Some(child) => {
                        is_new = Arc::make_mut(&mut child.node).insert_boxed(Box::new(rest), subscriber);
                        Change::Keep
                    }
                    None => {
                        let mut node = Self::default();
                        is_new = node.insert_boxed(Box::new(rest), subscriber);
                        Change::Insert(Child { token: literal.into(), node: Arc::new(node) })
                    }
                });
                is_new
            }
        }
    }

    /// The recursion goes through a boxed iterator: a generic one would nest a type per level.
    fn insert_boxed<'a>(&mut self, rest: Box<dyn Iterator<Item = &'a [u8]> + 'a>, subscriber: T) -> bool {
        self.insert_at(rest.peekable(), subscriber)
    }
}
