//! A persistent hash trie: buckets of up to [`BUCKET_LIMIT`] entries under nodes of [`FAN_OUT`] children.
//!
//! Cloning is one reference count. A change copies what is shared with a clone: the nodes on the path, and the one bucket.
//! Both are small, because copying one touches everything it refers to. A bucket is one allocation of exactly its entries,
//! and an entry carries its hash, so a look-up touches what an entry refers to only when its hash fits.

use std::sync::Arc;

/// Entries of a bucket before it is split. Larger buckets cost more to copy and to scan, smaller ones more memory per entry.
const BUCKET_LIMIT: usize = 12;
const BITS: u32 = 2;
const FAN_OUT: usize = 1 << BITS;
/// Levels after which the 32 bits of the hash are used up; a bucket there grows without limit.
const MAX_DEPTH: u32 = 32 / BITS;

/// What a [`HashTrie`] holds.
pub trait Hashed {
    /// The hash the entry was inserted with.
    fn hash(&self) -> u32;
}

/// A key-less set of entries found by hash and a test.
#[derive(Debug)]
pub struct HashTrie<E> {
    root: Node<E>,
    len: usize,
}

#[derive(Debug)]
enum Node<E> {
    Bucket(Arc<[E]>),
    Inner(Arc<[Node<E>; FAN_OUT]>),
}

impl<E> Clone for Node<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Bucket(bucket) => Self::Bucket(Arc::clone(bucket)),
            Self::Inner(children) => Self::Inner(Arc::clone(children)),
        }
    }
}

impl<E> Clone for HashTrie<E> {
    fn clone(&self) -> Self {
        Self { root: self.root.clone(), len: self.len }
    }
}

impl<E> Default for HashTrie<E> {
    fn default() -> Self {
        Self { root: Node::Bucket(Arc::default()), len: 0 }
    }
}

fn slot(hash: u32, depth: u32) -> usize {
    (hash >> (depth * BITS)) as usize % FAN_OUT
}

impl<E> HashTrie<E> {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Calls `visit` with every entry, in no order.
    pub fn for_each(&self, visit: &mut impl FnMut(&E)) {
        fn walk<E>(node: &Node<E>, visit: &mut impl FnMut(&E)) {
            match node {
                Node::Bucket(bucket) => bucket.iter().for_each(visit),
                Node::Inner(children) => children.iter().for_each(|child| walk(child, visit)),
            }
        }
        walk(&self.root, visit);
    }
}

impl<E: Hashed> HashTrie<E> {
    /// The entry with this hash that passes the test.
    #[inline]
    pub fn get(&self, hash: u32, mut is_it: impl FnMut(&E) -> bool) -> Option<&E> {
        let mut node = &self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Bucket(bucket) => return bucket.iter().find(|entry| entry.hash() == hash && is_it(entry)),
                Node::Inner(children) => node = &children[slot(hash, depth)],
            }
            depth += 1;
        }
    }
}

/// What [`HashTrie::update`] does with an entry.
#[derive(Debug)]
pub enum Change<E> {
    /// Nothing more: it was changed in place, or there is none and none is wanted.
    Keep,
    /// Adds this entry. Only where there was none.
    Insert(E),
    /// Removes the entry.
    Remove,
}

impl<E: Clone + Hashed> HashTrie<E> {
    /// Gives the entry with this hash that passes the test to `change`, which says what becomes of it; a new entry is made
    /// by `change(None)` and must have this hash.
    pub fn update(
        &mut self,
        hash: u32,
        is_it: impl FnMut(&E) -> bool,
        change: impl FnOnce(Option<&mut E>) -> Change<E>,
    ) {
        let (node, depth) = self.bucket_mut(hash);
        let Some(position) = node.position(hash, is_it) else {
            if let Change::Insert(entry) = change(None) {
                node.insert(entry, depth);
                self.len += 1;
            }
            return;
        };
        let Node::Bucket(bucket) = node else { return };
        if let Change::Remove = change(Some(&mut Arc::make_mut(bucket)[position])) {
            remove_at(bucket, position);
            self.len -= 1;
        }
    }

    /// Removes the entry with this hash that passes the test; false when there is none. Copies less than a removal by
    /// [`HashTrie::update`].
    pub fn remove(&mut self, hash: u32, is_it: impl FnMut(&E) -> bool) -> bool {
        let (node, _) = self.bucket_mut(hash);
        let Some(position) = node.position(hash, is_it) else { return false };
        let Node::Bucket(bucket) = node else { return false };
        remove_at(bucket, position);
        self.len -= 1;
        true
    }

    /// The node of the bucket for `hash`, on a path of its own, and its depth.
    fn bucket_mut(&mut self, hash: u32) -> (&mut Node<E>, u32) {
        let mut node = &mut self.root;
        let mut depth = 0;
        while let Node::Inner(_) = node {
            let Node::Inner(children) = node else { break };
            node = &mut Arc::make_mut(children)[slot(hash, depth)];
            depth += 1;
        }
        (node, depth)
    }
}

impl<E: Clone + Hashed> Node<E> {
    /// Position of an entry where this is a bucket.
    fn position(&self, hash: u32, mut is_it: impl FnMut(&E) -> bool) -> Option<usize> {
        let Self::Bucket(bucket) = self else { return None };
        bucket.iter().position(|entry| entry.hash() == hash && is_it(entry))
    }

    /// Adds an entry at or below this node, which is at `depth`.
    fn insert(&mut self, entry: E, mut depth: u32) {
        let mut node = self;
        loop {
            if let Self::Bucket(bucket) = node {
                if bucket.len() < BUCKET_LIMIT || depth >= MAX_DEPTH {
                    *bucket = bucket.iter().cloned().chain([entry]).collect();
                    return;
                }
                *node = split(bucket, depth);
            }
            let Self::Inner(children) = node else { return };
            node = &mut Arc::make_mut(children)[slot(entry.hash(), depth)];
            depth += 1;
        }
    }
}

fn remove_at<E: Clone>(bucket: &mut Arc<[E]>, position: usize) {
    *bucket = bucket[..position].iter().chain(&bucket[position + 1..]).cloned().collect();
}

/// An inner node with the entries of a bucket at `depth`.
fn split<E: Clone + Hashed>(bucket: &[E], depth: u32) -> Node<E> {
    let child = |number| bucket.iter().filter(|entry| slot(entry.hash(), depth) == number).cloned().collect();
    Node::Inner(Arc::new(std::array::from_fn(|number| Node::Bucket(child(number)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn hash_of(key: u16) -> u32 {
        // Few distinct hashes: collisions and deep splits happen.
        u32::from(key % 97).wrapping_mul(0x9E37_79B1) & 0xFFF0
    }

    impl Hashed for (u16, u32) {
        fn hash(&self) -> u32 {
            hash_of(self.0)
        }
    }

    fn put(trie: &mut HashTrie<(u16, u32)>, key: u16, value: u32) {
        trie.update(
            hash_of(key),
            |entry| entry.0 == key,
            |found| match found {
                Some(entry) => {
                    entry.1 = value;
                    Change::Keep
                }
                None => Change::Insert((key, value)),
            },
        );
    }

    fn remove(trie: &mut HashTrie<(u16, u32)>, key: u16) {
        if key.is_multiple_of(2) {
            trie.remove(hash_of(key), |entry| entry.0 == key);
        } else {
            trie.update(hash_of(key), |entry| entry.0 == key, |found| found.map_or(Change::Keep, |_| Change::Remove));
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_map_and_snapshots_stay(
            steps in proptest::collection::vec((any::<bool>(), 0u16..400, any::<u32>(), 0u8..20), 0..600)
        ) {
            let mut trie = HashTrie::default();
            let mut model = BTreeMap::new();
            let mut snapshots = Vec::new();
            for (is_put, key, value, snapshot) in steps {
                if snapshot == 0 {
                    snapshots.push((trie.clone(), model.clone()));
                }
                if is_put {
                    put(&mut trie, key, value);
                    model.insert(key, value);
                } else {
                    remove(&mut trie, key);
                    model.remove(&key);
                }
            }
            snapshots.push((trie, model));
            for (trie, model) in snapshots {
                prop_assert_eq!(trie.len(), model.len());
                let mut seen = BTreeMap::new();
                trie.for_each(&mut |entry: &(u16, u32)| { seen.insert(entry.0, entry.1); });
                prop_assert_eq!(&seen, &model);
                for key in 0..400 {
                    prop_assert_eq!(trie.get(hash_of(key), |entry| entry.0 == key).map(|entry| entry.1), model.get(&key).copied());
                }
            }
        }
    }
}
