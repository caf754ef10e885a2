//! A persistent hash trie: buckets of up to [`BUCKET_LIMIT`] entries under nodes of [`FAN_OUT`] children.
//!
//! Cloning is one reference count. A change copies what is shared with a clone and changes the rest in place, so a batch of
//! changes between two clones copies each bucket once. Buckets keep the hashes apart from the entries: a look-up reads one
//! or two cache lines of hashes and touches an entry only when its hash fits.

use std::sync::Arc;

/// Entries of a bucket before it is split. Larger buckets make look-ups scan longer and changes copy more, smaller ones cost
/// memory per entry; a split must leave the children well filled, or half of the memory is their frames.
const BUCKET_LIMIT: usize = 32;
const BITS: u32 = 3;
/// Room of a bucket fresh from a split.
const FIRST_ROOM: usize = BUCKET_LIMIT / (1 << BITS);
const FAN_OUT: usize = 1 << BITS;
/// Levels after which the 32 bits of the hash are used up; a bucket there grows without limit.
const MAX_DEPTH: u32 = 32 / BITS;

/// A key-less set of entries found by hash and a test.
#[derive(Debug)]
pub struct HashTrie<E> {
    root: Node<E>,
    len: usize,
}

#[derive(Debug)]
enum Node<E> {
    Bucket(Arc<Bucket<E>>),
    Inner(Arc<[Node<E>; FAN_OUT]>),
}

#[derive(Clone, Debug)]
struct Bucket<E> {
    hashes: Vec<u32>,
    entries: Vec<E>,
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
        Self { root: Node::empty(), len: 0 }
    }
}

impl<E> Node<E> {
    fn empty() -> Self {
        Self::Bucket(Arc::new(Bucket { hashes: Vec::new(), entries: Vec::new() }))
    }
}

fn slot(hash: u32, depth: u32) -> usize {
    (hash >> (depth * BITS)) as usize % FAN_OUT
}

impl<E> Bucket<E> {
    #[inline]
    fn position(&self, hash: u32, mut is_it: impl FnMut(&E) -> bool) -> Option<usize> {
        (0..self.hashes.len()).find(|position| self.hashes[*position] == hash && is_it(&self.entries[*position]))
    }
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

    /// The entry with this hash that passes the test.
    #[inline]
    pub fn get(&self, hash: u32, is_it: impl FnMut(&E) -> bool) -> Option<&E> {
        let mut node = &self.root;
        let mut depth = 0;
        loop {
            match node {
                Node::Bucket(bucket) => return bucket.position(hash, is_it).map(|position| &bucket.entries[position]),
                Node::Inner(children) => node = &children[slot(hash, depth)],
            }
            depth += 1;
        }
    }

    /// Calls `visit` with every entry, in no order.
    pub fn for_each(&self, visit: &mut impl FnMut(&E)) {
        fn walk<E>(node: &Node<E>, visit: &mut impl FnMut(&E)) {
            match node {
                Node::Bucket(bucket) => bucket.entries.iter().for_each(visit),
                Node::Inner(children) => children.iter().for_each(|child| walk(child, visit)),
            }
        }
        walk(&self.root, visit);
    }
}

impl<E: Clone> HashTrie<E> {
    /// Gives the entry with this hash that passes the test to `change`, which says what becomes of it; a new entry is made
    /// by `change(None)`. Returning `None` removes the entry or adds none.
    pub fn update(
        &mut self,
        hash: u32,
        is_it: impl FnMut(&E) -> bool,
        change: impl FnOnce(Option<&mut E>) -> Change<E>,
    ) {
        let mut node = &mut self.root;
        let mut depth = 0;
        loop {
            split_if_full(node, depth);
            match node {
                Node::Inner(children) => node = &mut Arc::make_mut(children)[slot(hash, depth)],
                Node::Bucket(bucket) => {
                    let bucket = Arc::make_mut(bucket);
                    self.len = self.len.wrapping_add_signed(change_bucket(bucket, hash, is_it, change));
                    return;
                }
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

/// Applies `change` and returns by how much the number of entries changed.
fn change_bucket<E>(
    bucket: &mut Bucket<E>,
    hash: u32,
    is_it: impl FnMut(&E) -> bool,
    change: impl FnOnce(Option<&mut E>) -> Change<E>,
) -> isize {
    let position = bucket.position(hash, is_it);
    match (change(position.map(|position| &mut bucket.entries[position])), position) {
        (Change::Insert(entry), _) => {
            bucket.hashes.reserve_exact(growth(bucket.hashes.len(), bucket.hashes.capacity()));
            bucket.entries.reserve_exact(growth(bucket.entries.len(), bucket.entries.capacity()));
            bucket.hashes.push(hash);
            bucket.entries.push(entry);
            1
        }
        (Change::Remove, Some(position)) => {
            bucket.hashes.swap_remove(position);
            bucket.entries.swap_remove(position);
            -1
        }
        (Change::Remove | Change::Keep, _) => 0,
    }
}

/// Room to add when full: small steps, because most of the memory of the index is in its buckets.
fn growth(len: usize, capacity: usize) -> usize {
    if len < capacity { 0 } else { 2.max(len / 8) }
}

fn split_if_full<E: Clone>(node: &mut Node<E>, depth: u32) {
    let Node::Bucket(bucket) = node else { return };
    if bucket.entries.len() < BUCKET_LIMIT || depth >= MAX_DEPTH {
        return;
    }
    let mut children: [Bucket<E>; FAN_OUT] = std::array::from_fn(|_| Bucket {
        hashes: Vec::with_capacity(FIRST_ROOM),
        entries: Vec::with_capacity(FIRST_ROOM),
    });
    for (hash, entry) in bucket.hashes.iter().zip(&bucket.entries) {
        let child = &mut children[slot(*hash, depth)];
        child.hashes.push(*hash);
        child.entries.push(entry.clone());
    }
    *node = Node::Inner(Arc::new(children.map(|child| Node::Bucket(Arc::new(child)))));
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
        trie.update(hash_of(key), |entry| entry.0 == key, |found| found.map_or(Change::Keep, |_| Change::Remove));
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
