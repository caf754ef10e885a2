//! Matches by subject, of one arbiter.

use std::sync::Arc;

use troupe_engine::index::Matches;
use troupe_engine::index::snapshot::hash_bytes;

use super::Subscription;
use super::cache_stats::CacheFigures;
use super::remote::RemotePlan;
use super::view::AccountIndex;

/// Subjects remembered, in pairs of places.
const PLACES: usize = 4096;
/// Subscribers remembered over all subjects; beyond it everything but the newest subject is forgotten. Bounds the memory of few subjects with
/// very many subscribers.
const MAX_SUBSCRIBERS: usize = 1 << 20;

/// Who gets the messages on one subject.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Matches of the subject.
    pub(super) matches: Matches<Arc<Subscription>>,
    /// Who gets them on other servers.
    pub(super) remote: RemotePlan,
    /// `HMSG subject `, as a delivered message begins; without its first byte for one without headers.
    head: Vec<u8>,
    /// Two or more plain subscribers, all with the same subscription id: what they get is the same, byte for byte.
    pub(super) is_uniform: bool,
    /// Messages published with this plan in the batch at hand, not yet counted to the subscriptions.
    pub(super) hits: u64,
}

impl Plan {
    /// The subject it is for.
    pub(super) fn subject(&self) -> &[u8] {
        let text = self.head(false);
        &text[b"MSG ".len()..text.len() - 1]
    }

    /// How a delivered message begins, up to the subscription id.
    #[inline]
    pub(super) fn head(&self, has_headers: bool) -> &[u8] {
        &self.head[usize::from(!has_headers)..]
    }
}

/// One remembered subject.
#[derive(Debug, Default)]
struct Place {
    account: u32,
    generation: u64,
    hash: u32,
    subject: Vec<u8>,
    plan: Plan,
}

impl Place {
    fn is_current(&self, source: Source<'_>) -> bool {
        self.generation == source.generation && self.account == source.account
    }

    fn is_for(&self, account: u32, hash: u32, subject: &[u8]) -> bool {
        self.hash == hash && self.account == account && self.subject == subject
    }
}

/// The index a look-up falls back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) account: u32,
    /// Name of the account.
    pub(super) name: &'a str,
    /// Generation of `index`; never zero.
    pub(super) generation: u64,
    pub(super) index: &'a AccountIndex,
}

/// Two-way associative cache. A place is filled again in its own memory, so a miss allocates nothing in the long run.
#[derive(Debug, Default)]
pub(super) struct MatchCache {
    places: Vec<Place>,
    num_subscribers: usize,
    is_disabled: bool,
    /// The place found last: messages often come in rows on one subject.
    last: usize,
    /// What it has done so far.
    pub(super) figures: CacheFigures,
}

impl MatchCache {
    /// A cache; a disabled one looks every subject up in the index.
    pub(super) fn new(is_disabled: bool) -> Self {
        Self { is_disabled, ..Self::default() }
    }

    /// Its numbers.
    pub(super) fn figures(&self) -> CacheFigures {
        CacheFigures { subscribers: self.num_subscribers as u64, ..self.figures }
    }

    /// Forgets everything but one place.
    fn clear_but(&mut self, kept: usize) {
        for (number, place) in self.places.iter_mut().enumerate() {
            if number != kept {
                count_hits(&mut place.plan);
                *place = Place::default();
            }
        }
        self.num_subscribers = self.places[kept].plan.matches.len();
        self.figures.subjects = 1;
        self.figures.max_fanout = self.num_subscribers as u64;
    }

    /// Number of the place that holds the plan for `subject`.
    #[inline]
    pub(super) fn find(&mut self, source: Source<'_>, subject: &[u8]) -> usize {
        self.figures.lookups += 1;
        if let Some(place) = self.places.get(self.last)
            && place.is_current(source)
            && place.subject == subject
            && !self.is_disabled
        {
            return self.last;
        }
        self.last = self.find_by_hash(source, subject);
        self.last
    }

    fn find_by_hash(&mut self, source: Source<'_>, subject: &[u8]) -> usize {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        let hash = hash_bytes(subject);
        let first = hash as usize % PLACES;
        let number = [first, first ^ 1]
            .into_iter()
            .find(|number| self.places[*number].is_for(source.account, hash, subject))
            .unwrap_or_else(|| {
                if self.places[first].generation <= self.places[first ^ 1].generation { first } else { first ^ 1 }
            });
        let place = &mut self.places[number];
        if self.is_disabled || place.generation != source.generation || !place.is_for(source.account, hash, subject) {
            self.fill(number, source, hash, subject);
        }
        number
    }

    /// Whether a place holds the plan for `subject`, in the view of the batch that filled it.
    #[inline]
    pub(super) fn holds(&self, number: usize, subject: &[u8]) -> bool {
        self.places[number].subject == subject
    }

    /// The plan in a place.
    #[inline]
    pub(super) fn plan(&mut self, number: usize) -> &mut Plan {
        &mut self.places[number].plan
    }

    #[cold]
    fn fill(&mut self, number: usize, source: Source<'_>, hash: u32, subject: &[u8]) {
        let place = &mut self.places[number];
        self.figures.misses += 1;
        self.figures.subjects += u64::from(place.plan.head.is_empty());
        self.num_subscribers = self.num_subscribers.saturating_sub(place.plan.matches.len());
        count_hits(&mut place.plan);
        place.plan.matches.clear();
        // Set last: a plan cut off by a panic must not be taken for a whole one.
        place.generation = 0;
        place.account = source.account;
        place.hash = hash;
        place.subject.clear();
        place.subject.extend_from_slice(subject);
        place.plan.head.clear();
        for part in [b"HMSG ", subject, b" "] {
            place.plan.head.extend_from_slice(part);
        }
        source.index.collect(subject, &mut place.plan.matches);
        place.plan.remote.fill(source.name, subject, &mut place.plan.matches);
        place.plan.is_uniform = place.plan.remote.is_empty() && is_uniform(&place.plan.matches);
        place.generation = source.generation;
        let fanout = place.plan.matches.len();
        self.num_subscribers += fanout;
        self.figures.max_fanout = self.figures.max_fanout.max(fanout as u64);
        if self.num_subscribers > MAX_SUBSCRIBERS {
            self.clear_but(number);
        }
    }
}

fn is_uniform(matches: &Matches<Arc<Subscription>>) -> bool {
    let [first, others @ ..] = &matches.plain[..] else { return false };
    matches.groups.is_empty()
        && !others.is_empty()
        && others.iter().all(|other| other.sid() == first.sid())
        && matches.plain.iter().all(|receiver| receiver.client().is_some())
}

/// Counts the messages of a plan to its plain subscriptions.
pub(super) fn count_hits(plan: &mut Plan) {
    plan.remote.count();
    let hits = std::mem::take(&mut plan.hits);
    if hits > 0 {
        plan.matches.plain.iter().for_each(|subscription| subscription.add_delivered(hits));
    }
}
