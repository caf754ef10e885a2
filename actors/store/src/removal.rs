//! What left a store, so that consumers and retention can follow.

use bytes::Bytes;

/// Why a message left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalCause {
    /// The stream's limit of messages or bytes.
    Limit,
    /// The limit of messages per subject.
    SubjectLimit,
    /// The stream's age limit.
    Age,
    /// Its own time to live.
    Ttl,
    /// Somebody removed it: a deletion, an acknowledgement under interest or work queue retention.
    Request,
    /// One of several that left with a purge.
    Purge,
}

/// One message that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its sequence.
    pub seq: u64,
    /// Its subject.
    pub subject: Bytes,
    /// What it counted for in the store's bytes.
    pub bytes: u64,
    /// Why it left.
    pub cause: RemovalCause,
    /// No message of the subject is left, and this one was no delete marker. Only told for [`RemovalCause::Age`] and
    /// [`RemovalCause::Ttl`] of a store with subject delete markers; the owner then appends the marker.
    pub wants_marker: bool,
}

/// What left since the last question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removals {
    /// Messages that left one by one, in the order they left.
    pub messages: Vec<Removal>,
    /// Many left at once (purge, compaction, truncation, or more than is worth listing): whoever counts must count
    /// again. The messages listed are then only those that want a marker.
    pub many: bool,
    /// Not only a purge is behind that: who was told of the purge has not heard of all.
    pub many_others: bool,
}

impl Removals {
    /// Most removals listed one by one between two questions.
    const LISTED: usize = 65_536;

    /// Tells whether nothing left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && !self.many
    }

    /// Adds one.
    pub fn push(&mut self, removal: Removal) {
        if self.messages.len() >= Self::LISTED && !self.many {
            self.push_many();
        }
        self.many_others |= self.many && removal.cause != RemovalCause::Purge;
        if !self.many || removal.wants_marker {
            self.messages.push(removal);
        }
    }

    /// Notes that many left at once, with a purge.
    pub fn push_many(&mut self) {
        self.many = true;
        self.many_others |= self.messages.iter().any(|removal| removal.cause != RemovalCause::Purge);
        self.messages.retain(|removal| removal.wants_marker);
    }

    /// Notes that many left at once, and not with a purge.
    pub fn push_many_others(&mut self) {
        self.push_many();
        self.many_others = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(cause: RemovalCause) -> Removal {
        Removal { seq: 1, subject: Bytes::new(), bytes: 9, cause, wants_marker: false }
    }

    /// A name, what leaves, and whether others are among it.
    type Case = (&'static str, fn(&mut Removals), bool);

    #[test]
    fn what_left_beside_a_purge_is_told() {
        let cases: [Case; 5] = [
            ("a purge", Removals::push_many, false),
            (
                "one of a purge, and more",
                |removals| {
                    removals.push(removal(RemovalCause::Purge));
                    removals.push_many();
                },
                false,
            ),
            (
                "a limit before",
                |removals| {
                    removals.push(removal(RemovalCause::Limit));
                    removals.push_many();
                },
                true,
            ),
            (
                "a limit behind",
                |removals| {
                    removals.push_many();
                    removals.push(removal(RemovalCause::Age));
                },
                true,
            ),
            (
                "more than are listed",
                |removals| {
                    (0..=Removals::LISTED).for_each(|_| removals.push(removal(RemovalCause::SubjectLimit)));
                },
                true,
            ),
        ];
        for (name, change, expected) in cases {
            let mut removals = Removals::default();
            change(&mut removals);
            assert_eq!((removals.many, removals.many_others), (true, expected), "{name}");
        }
    }
}
