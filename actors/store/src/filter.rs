//! Which subjects are meant.

use ahash::AHashSet;
use bytes::Bytes;
use troupe_codecs::subject;

/// A set of subjects: all, or those that match one of several filters. Build it once, use it often.
#[derive(Clone, Debug, Default)]
pub struct SubjectFilter {
    literals: Vec<Bytes>,
    /// Also holds the literals when they are many.
    literal_set: Option<AHashSet<Bytes>>,
    patterns: Vec<Bytes>,
    is_all: bool,
}

impl SubjectFilter {
    /// Number of literals from which a hash beats comparing.
    const FEW: usize = 8;

    /// Every subject.
    #[must_use]
    pub fn all() -> Self {
        Self { is_all: true, ..Self::default() }
    }

    /// The subjects that match one of `filters`; all when there is none, or one is empty or `>`.
    #[must_use]
    pub fn new<T: AsRef<[u8]>>(filters: &[T]) -> Self {
        let is_full = |filter: &T| matches!(filter.as_ref(), b"" | b">");
        if filters.is_empty() || filters.iter().any(is_full) {
            return Self::all();
        }
        let bytes = filters.iter().map(|filter| Bytes::copy_from_slice(filter.as_ref()));
        let (mut literals, patterns): (Vec<Bytes>, Vec<Bytes>) = bytes.partition(|filter| subject::is_literal(filter));
        literals.sort_unstable();
        literals.dedup();
        let literal_set = (literals.len() > Self::FEW).then(|| literals.iter().cloned().collect());
        Self { literals, literal_set, patterns, is_all: false }
    }

    /// One filter.
    #[must_use]
    pub fn one(filter: &[u8]) -> Self {
        Self::new(&[filter])
    }

    /// Tells whether every subject is meant.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.is_all
    }

    /// Returns the subject if exactly one is meant.
    #[must_use]
    pub fn literal(&self) -> Option<&Bytes> {
        match (self.literals.as_slice(), self.patterns.is_empty(), self.is_all) {
            ([literal], true, false) => Some(literal),
            _ => None,
        }
    }

    /// Tells whether `subject` is meant.
    #[must_use]
    pub fn matches(&self, subject: &[u8]) -> bool {
        if self.is_all {
            return true;
        }
        let is_literal = match &self.literal_set {
            Some(set) => set.contains(subject),
            None => self.literals.iter().any(|literal| literal == subject),
        };
        is_literal || self.patterns.iter().any(|pattern| subject::matches(subject, pattern))
    }

    /// One subject, wildcards in it taken as they are.
    pub(crate) fn one_literal(subject: &[u8]) -> Self {
        Self { literals: vec![Bytes::copy_from_slice(subject)], ..Self::default() }
    }

    pub(crate) fn literals(&self) -> &[Bytes] {
        &self.literals
    }

    pub(crate) fn patterns(&self) -> &[Bytes] {
        &self.patterns
    }
}
