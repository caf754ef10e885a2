//! A set of permission entries, matched against a subject and a queue group.

use ahash::AHashMap;
use troupe_codecs::subject;

/// What one entry position holds.
#[derive(Debug, Default)]
struct Entries {
    plain: bool,
    queues: Vec<Box<[u8]>>,
}

#[derive(Debug, Default)]
struct Node {
    children: AHashMap<Box<[u8]>, Node>,
    any: Option<Box<Node>>,
    here: Option<Entries>,
    tail: Option<Entries>,
}

/// What the entries that match a subject say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hits {
    /// An entry without queue group matched.
    pub(super) plain: bool,
    /// An entry with a queue group matched the subject.
    pub(super) any_queue: bool,
    /// One of those also matched the queue group asked for.
    pub(super) queue: bool,
}

/// Entries `subject` or `subject queue` in a tree of tokens: the cost of a look-up does not grow with the number
/// of literal entries.
///
/// Wildcards in the subject that is looked up are ordinary tokens, as in nats-server: the entry `foo.*`
/// matches the subscription `foo.*`, and also `foo.>` unless only subsets are asked for.
#[derive(Debug, Default)]
pub(super) struct SubjectSet {
    root: Node,
}

impl SubjectSet {
    /// Entries with white space before a second word are queue entries when `with_queues`.
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = &'a str>, with_queues: bool) -> Self {
        let mut set = Self::default();
        for entry in entries {
            let mut words = entry.split_ascii_whitespace();
            match (words.next(), words.next(), with_queues) {
                (Some(subject), queue, true) => set.insert(subject.as_bytes(), queue.map(str::as_bytes)),
                _ => set.insert(entry.as_bytes(), None),
            }
        }
        set
    }

    fn insert(&mut self, subject: &[u8], queue: Option<&[u8]>) {
        let mut node = &mut self.root;
        let mut tokens = subject::tokens(subject).peekable();
        let entries = loop {
            let Some(token) = tokens.next() else { break node.here.get_or_insert_default() };
            if token == b">" && tokens.peek().is_none() {
                break node.tail.get_or_insert_default();
            }
            node = match token {
                b"*" => node.any.get_or_insert_default(),
                literal => node.children.entry(literal.into()).or_default(),
            };
        };
        match queue {
            Some(queue) => entries.queues.push(queue.into()),
            None => entries.plain = true,
        }
    }

    /// What the entries that match `subject` say about `queue`.
    pub(super) fn look_up(&self, subject: &[u8], queue: Option<&[u8]>) -> Hits {
        self.find(subject, queue, false)
    }

    /// As [`SubjectSet::look_up`] for entries that take in all of `subject`: `foo.*` does not take in `foo.>`.
    pub(super) fn look_up_superset(&self, subject: &[u8], queue: Option<&[u8]>) -> Hits {
        self.find(subject, queue, true)
    }

    fn find(&self, subject: &[u8], queue: Option<&[u8]>, is_whole: bool) -> Hits {
        let mut search = Search { queue, is_whole, hits: Hits::default() };
        if !subject::has_empty_token(subject) {
            search.walk(&self.root, subject::tokens(subject));
        }
        search.hits
    }

    /// Whether an entry without queue group matches `subject`.
    pub(super) fn contains(&self, subject: &[u8]) -> bool {
        self.look_up(subject, None).plain
    }
}

/// One look-up on its way through the tree.
struct Search<'a> {
    queue: Option<&'a [u8]>,
    /// An entry must take in the whole subject: `*` does not stand for `>`.
    is_whole: bool,
    hits: Hits,
}

impl Search<'_> {
    fn walk(&mut self, node: &Node, mut tokens: subject::Tokens<'_>) {
        let Some(token) = tokens.next() else { return self.collect(node.here.as_ref()) };
        self.collect(node.tail.as_ref());
        if let Some(any) = node.any.as_ref().filter(|_| !self.is_whole || token != b">") {
            self.walk(any, tokens.clone());
        }
        if let Some(child) = node.children.get(token) {
            self.walk(child, tokens);
        }
    }

    fn collect(&mut self, entries: Option<&Entries>) {
        let Some(entries) = entries else { return };
        self.hits.plain |= entries.plain;
        let Some(queue) = self.queue else { return };
        let is_named = |pattern: &[u8]| *pattern == *queue || is_queue_in_pattern(queue, pattern);
        self.hits.any_queue |= !entries.queues.is_empty();
        self.hits.queue |= entries.queues.iter().any(|pattern| is_named(pattern));
    }
}

fn is_queue_in_pattern(queue: &[u8], pattern: &[u8]) -> bool {
    !subject::is_literal(pattern) && subject::is_subset(queue, pattern)
}
