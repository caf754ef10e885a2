//! Who the consumers of a stream are, and who is to be looked at when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ahash::AHashMap;
use troupe_engine::consumer::NEVER;
use troupe_engine::consumer::audience::Member;

use super::slot::Slot;

/// Time after which a changed state is written.
const SAVE_DELAY: i64 = 100_000_000;
/// Time until what could not be written is tried again.
const WRITE_RETRY: i64 = 100_000_000;

/// The consumers of a stream.
#[derive(Debug, Default)]
pub(super) struct Book {
    slots: Vec<Option<Box<Slot>>>,
    free: Vec<Member>,
    by_name: AHashMap<Arc<str>, Member>,
    /// Those among them that clients do not see.
    num_hidden: usize,
    /// Those that cannot be served, with the reason.
    pub(super) offline: BTreeMap<String, String>,
    /// Those that may have something to deliver.
    ready: VecDeque<Member>,
    /// When to look at whom.
    planned: BTreeSet<(i64, Member)>,
    /// Those that push: interest in their subjects is watched.
    pub(super) pushing: BTreeSet<Member>,
    /// Those that gave up messages: that is to be written at once.
    unwritten: BTreeSet<Member>,
    /// When that is tried again, after it could not be written.
    write_again_at: Option<i64>,
    /// Those whose state is to be written.
    pub(super) unsaved: Vec<Member>,
    /// When it is written.
    pub(super) save_at: Option<i64>,
}

impl Book {
    /// Number of consumers that are served.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Number of those among them that clients see.
    pub(super) fn num_shown(&self) -> usize {
        self.by_name.len() - self.num_hidden
    }

    /// The consumers from a number on, and the number to go on with.
    pub(super) fn page(&self, from: Member, most: usize) -> (Vec<Member>, Option<Member>) {
        let all = self.slots.iter().zip(0..).skip(from as usize);
        let mut rest = all.filter_map(|(slot, member)| slot.as_ref().map(|_| member));
        let page: Vec<Member> = rest.by_ref().take(most).collect();
        (page, rest.next())
    }

    pub(super) fn slot(&mut self, member: Member) -> Option<&mut Slot> {
        self.slots.get_mut(member as usize)?.as_deref_mut()
    }

    pub(super) fn peek(&self, member: Member) -> Option<&Slot> {
        self.slots.get(member as usize)?.as_deref()
    }

    pub(super) fn member(&self, name: &str) -> Option<Member> {
        self.by_name.get(name).copied()
    }

    /// All consumers that are served, by name.
    pub(super) fn members(&self) -> Vec<Member> {
        let mut all: Vec<(&Arc<str>, Member)> = self.by_name.iter().map(|(name, member)| (name, *member)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, member)| member).collect()
    }

    /// All consumers that are served, in no order.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// The number the next consumer has.
    pub(super) fn next_member(&self) -> Member {
        self.free.last().copied().unwrap_or(self.slots.len() as Member)
    }

    /// Adds a consumer under the number that [`Book::next_member`] told.
    pub(super) fn insert(&mut self, slot: Slot) -> Member {
        let member = self.next_member();
        self.by_name.insert(Arc::clone(&slot.name), member);
        self.num_hidden += usize::from(slot.is_hidden());
        if !slot.machine.is_pull() {
            self.pushing.insert(member);
        }
        match self.free.pop() {
            Some(_) => self.slots[member as usize] = Some(Box::new(slot)),
            None => self.slots.push(Some(Box::new(slot))),
        }
        self.plan(member);
        member
    }

    pub(super) fn remove(&mut self, member: Member) -> Option<Box<Slot>> {
        let slot = self.slots.get_mut(member as usize)?.take()?;
        self.by_name.remove(&slot.name);
        self.num_hidden -= usize::from(slot.is_hidden());
        self.planned.remove(&(slot.planned, member));
        self.pushing.remove(&member);
        self.free.push(member);
        Some(slot)
    }

    /// Lets a consumer have a turn.
    pub(super) fn make_ready(&mut self, member: Member) {
        if let Some(slot) = self.slots.get_mut(member as usize).and_then(Option::as_deref_mut)
            && !std::mem::replace(&mut slot.is_ready, true)
        {
            self.ready.push_back(member);
        }
    }

    /// Number of consumers that wait for their turn.
    pub(super) fn num_ready(&self) -> usize {
        self.ready.len()
    }

    /// The consumer whose turn it is.
    pub(super) fn next_ready(&mut self) -> Option<Member> {
        let member = self.ready.pop_front()?;
        if let Some(slot) = self.slot(member) {
            slot.is_ready = false;
        }
        Some(member)
    }

    /// Takes note when a consumer is to be looked at. A time that moves away is left alone: it is looked at early then.
    pub(super) fn plan(&mut self, member: Member) {
        let Some(slot) = self.slots.get_mut(member as usize).and_then(Option::as_deref_mut) else { return };
        let next = slot.machine.next_tick().min(slot.letters.due());
        if next >= slot.planned {
            return;
        }
        self.planned.remove(&(slot.planned, member));
        slot.planned = next;
        self.planned.insert((next, member));
    }

    /// A consumer that is to be looked at now, if there is one.
    pub(super) fn next_due(&mut self, now: i64) -> Option<Member> {
        let (at, member) = self.planned.first().copied().filter(|(at, _)| *at <= now)?;
        self.planned.remove(&(at, member));
        if let Some(slot) = self.slot(member) {
            slot.planned = NEVER;
        }
        Some(member)
    }

    /// When the next consumer is to be looked at, or states are to be written.
    pub(super) fn deadline(&self) -> Option<i64> {
        let planned = self.planned.first().map(|(at, _)| *at);
        planned.into_iter().chain(self.save_at).chain(self.write_again_at).min()
    }

    /// Takes note that a consumer gave up messages.
    pub(super) fn note_unwritten(&mut self, member: Member) {
        self.unwritten.insert(member);
    }

    /// As [`Book::note_unwritten`], after that could not be written: nothing more is tried for a while.
    pub(super) fn postpone_writing(&mut self, member: Member, now: i64) {
        self.unwritten.insert(member);
        self.write_again_at.get_or_insert(now.saturating_add(WRITE_RETRY));
    }

    /// Whether somebody gave up messages and that is not written.
    pub(super) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Those that gave up messages, if that may be written now.
    pub(super) fn take_unwritten(&mut self, now: i64) -> BTreeSet<Member> {
        if self.write_again_at.is_some_and(|at| at > now) {
            return BTreeSet::new();
        }
        self.write_again_at = None;
        std::mem::take(&mut self.unwritten)
    }

    /// Takes note that a consumer's state may have changed.
    pub(super) fn note_change(&mut self, member: Member, now: i64) {
        let Some(slot) = self.slots.get_mut(member as usize).and_then(Option::as_deref_mut) else { return };
        if slot.store.is_none() || slot.is_unsaved || !slot.machine.is_changed() {
            return;
        }
        slot.is_unsaved = true;
        self.unsaved.push(member);
        self.save_at.get_or_insert(now.saturating_add(SAVE_DELAY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_takes_nothing_is_left_alone_for_a_while() {
        let mut book = Book::default();
        book.note_unwritten(3);
        book.note_unwritten(3);
        assert_eq!(book.take_unwritten(1000), BTreeSet::from([3]));
        assert!(book.take_unwritten(1000).is_empty());
        book.postpone_writing(3, 1000);
        book.note_unwritten(5);
        book.postpone_writing(5, 2000);
        let again = 1000 + WRITE_RETRY;
        assert_eq!(book.deadline(), Some(again));
        assert!(book.take_unwritten(again - 1).is_empty(), "whoever has more to write meanwhile waits, too");
        assert_eq!(book.take_unwritten(again), BTreeSet::from([3, 5]));
        assert_eq!(book.deadline(), None);
    }
}
