//! A set of sequences, dense or sparse, and its encoding in `index.db`.

use std::collections::BTreeMap;

use super::varint::Cursor;

const MAGIC: u8 = 22;
const VERSION: u8 = 2;
const WORDS: usize = 32;
/// Sequences of one node.
const SPAN: u64 = WORDS as u64 * 64;

/// Sequences as bits, 2048 to a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet {
    nodes: BTreeMap<u64, Box<[u64; WORDS]>>,
    len: u64,
}

impl SequenceSet {
    /// Number of sequences.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells whether a sequence is in the set.
    #[must_use]
    pub fn contains(&self, seq: u64) -> bool {
        let Some(words) = (self.len > 0).then(|| self.nodes.get(&(seq / SPAN))).flatten() else { return false };
        let (word, bit) = place(seq);
        words[word] & bit != 0
    }

    /// Adds a sequence. Returns false if it was there.
    pub fn insert(&mut self, seq: u64) -> bool {
        let (word, bit) = place(seq);
        let words = self.nodes.entry(seq / SPAN).or_insert_with(|| Box::new([0; WORDS]));
        let is_new = words[word] & bit == 0;
        words[word] |= bit;
        self.len += u64::from(is_new);
        is_new
    }

    /// Takes a sequence out. Returns false if it was not there.
    pub fn remove(&mut self, seq: u64) -> bool {
        let (word, bit) = place(seq);
        let Some(words) = self.nodes.get_mut(&(seq / SPAN)) else { return false };
        let was_there = words[word] & bit != 0;
        words[word] &= !bit;
        self.len -= u64::from(was_there);
        if words.iter().all(|word| *word == 0) {
            self.nodes.remove(&(seq / SPAN));
        }
        was_there
    }

    /// Lists the sequences, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.nodes.iter().flat_map(|(node, words)| {
            let bits = move |number: usize, word: u64| {
                (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| node * SPAN + number as u64 * 64 + bit)
            };
            words.iter().enumerate().flat_map(move |(number, word)| bits(number, *word))
        })
    }

    /// Appends the encoding: nodes of a balanced tree, each before its left and its right branch.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[MAGIC, VERSION]);
        out.extend_from_slice(&(self.nodes.len() as u32).to_le_bytes());
        out.extend_from_slice(&(self.len as u32).to_le_bytes());
        let nodes: Vec<(u64, &[u64; WORDS])> = self.nodes.iter().map(|(node, words)| (*node, &**words)).collect();
        encode_tree(&nodes, out);
    }

    /// Decodes a set and returns how many bytes it took.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut cursor = Cursor::new(bytes);
        let (magic, version) = (cursor.byte()?, cursor.byte()?);
        let words = match (magic, version) {
            (MAGIC, VERSION) => WORDS,
            (MAGIC, 1) => 64,
            _ => return None,
        };
        let (num_nodes, len) = (cursor.u32()? as usize, u64::from(cursor.u32()?));
        if num_nodes > cursor.rest().len() / (8 + words * 8 + 2) {
            return None;
        }
        let mut set = Self::default();
        for _ in 0..num_nodes {
            let base = cursor.u64()?;
            for word in 0..words as u64 {
                let bits = cursor.u64()?;
                for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                    set.insert(base.checked_add(word * 64 + bit)?);
                }
            }
            cursor.u16()?;
        }
        (set.len == len).then(|| (set, bytes.len() - cursor.rest().len()))
    }
}

impl Extend<u64> for SequenceSet {
    fn extend<T: IntoIterator<Item = u64>>(&mut self, sequences: T) {
        for seq in sequences {
            self.insert(seq);
        }
    }
}

fn place(seq: u64) -> (usize, u64) {
    let inside = seq % SPAN;
    ((inside / 64) as usize, 1 << (inside % 64))
}

/// Writes sorted nodes as a tree: the middle one, what is before it, what is after it. Returns its height.
fn encode_tree(nodes: &[(u64, &[u64; WORDS])], out: &mut Vec<u8>) -> u16 {
    let middle = nodes.len() / 2;
    let Some((node, words)) = nodes.get(middle) else { return 0 };
    out.extend_from_slice(&(node * SPAN).to_le_bytes());
    for word in *words {
        out.extend_from_slice(&word.to_le_bytes());
    }
    let height_at = out.len();
    out.extend_from_slice(&[0, 0]);
    let left = encode_tree(&nodes[..middle], out);
    let right = encode_tree(&nodes[middle + 1..], out);
    let height = left.max(right) + 1;
    out[height_at..height_at + 2].copy_from_slice(&height.to_le_bytes());
    height
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(steps in prop::collection::vec((0..9000_u64, any::<bool>()), 0..300)) {
            let (mut set, mut model) = (SequenceSet::default(), BTreeSet::new());
            for (seq, is_removal) in steps {
                let same = if is_removal { set.remove(seq) == model.remove(&seq) } else { set.insert(seq) == model.insert(seq) };
                prop_assert!(same);
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            prop_assert!(set.iter().eq(model.iter().copied()));
            prop_assert!((0..9000).all(|seq| set.contains(seq) == model.contains(&seq)));
            let mut bytes = Vec::new();
            set.encode(&mut bytes);
            prop_assert_eq!(SequenceSet::decode(&bytes), Some((set, bytes.len())));
        }
    }
}
