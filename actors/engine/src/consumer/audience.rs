//! Which consumers of a stream care for a message.
//!
//! Consumers with the same filters form a group. A message that arrives costs a match against the filters and a count
//! per group, however many consumers there are: idle ones catch up with the count when they are used.

use ahash::AHashMap;
use bytes::Bytes;

use crate::index::{Index, Matches, SubscriptionFacts};

/// A group of consumers with the same filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(u32);

/// A consumer, as its owner numbers it.
pub type Member = u32;

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    pattern: Bytes,
    group: u32,
}

impl SubscriptionFacts for Entry {
    fn id(&self) -> u64 {
        self.id
    }

    fn subject(&self) -> &[u8] {
        &self.pattern
    }

    fn queue(&self) -> Option<&[u8]> {
        None
    }
}

#[derive(Debug, Default)]
struct Group {
    filters: Vec<Bytes>,
    entries: Vec<Entry>,
    members: Vec<Member>,
    /// Members to wake at the next arrival.
    waiting: Vec<Member>,
    arrivals: u64,
    /// No member has anything to do with sequences below this.
    lowest_concern: u64,
    /// The last message counted: filters of one group may both match it.
    counted: u64,
}

/// The consumers of a stream, by what they want.
#[derive(Debug, Default)]
pub struct Audience {
    groups: Vec<Group>,
    free: Vec<u32>,
    by_filters: AHashMap<Vec<Bytes>, u32>,
    index: Index<Entry>,
    /// The group that wants everything.
    all: Option<u32>,
    matches: Matches<Entry>,
    next_entry: u64,
    num_messages: u64,
}

impl Audience {
    /// Adds a consumer with these filters, sorted and without doubles; none means all. It has to do with sequences from
    /// `lowest_concern` on.
    pub fn join(&mut self, filters: &[&str], member: Member, lowest_concern: u64) -> GroupId {
        let is_all = filters.is_empty() || filters == [">"];
        let wanted = if is_all { &[][..] } else { filters };
        let key: Vec<Bytes> = wanted.iter().map(|filter| Bytes::copy_from_slice(filter.as_bytes())).collect();
        let number = match self.by_filters.get(&key) {
            Some(number) => *number,
            None => self.add_group(key, is_all),
        };
        let group = &mut self.groups[number as usize];
        group.members.push(member);
        group.lowest_concern = group.lowest_concern.min(lowest_concern);
        GroupId(number)
    }

    fn add_group(&mut self, filters: Vec<Bytes>, is_all: bool) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            (self.groups.len() - 1) as u32
        });
        let mut entries = Vec::with_capacity(filters.len());
        for pattern in &filters {
            self.next_entry += 1;
            let entry = Entry { id: self.next_entry, pattern: pattern.clone(), group: number };
            self.index.insert(entry.clone());
            entries.push(entry);
        }
        if is_all {
            self.all = Some(number);
        }
        self.by_filters.insert(filters.clone(), number);
        self.groups[number as usize] = Group { filters, entries, lowest_concern: u64::MAX, ..Group::default() };
        number
    }

    /// Takes a consumer out.
    pub fn leave(&mut self, id: GroupId, member: Member) {
        let group = &mut self.groups[id.0 as usize];
        group.members.retain(|other| *other != member);
        group.waiting.retain(|other| *other != member);
        if !group.members.is_empty() {
            return;
        }
        let Group { filters, entries, .. } = std::mem::take(group);
        for entry in &entries {
            self.index.remove(entry);
        }
        if filters.is_empty() {
            self.all = None;
        }
        self.by_filters.remove(&filters);
        self.free.push(id.0);
    }

    /// Messages that arrived for a group since it came to be.
    #[must_use]
    pub fn arrivals(&self, id: GroupId) -> u64 {
        self.groups[id.0 as usize].arrivals
    }

    /// Wakes a consumer at the next arrival for its group.
    pub fn wait(&mut self, id: GroupId, member: Member) {
        let waiting = &mut self.groups[id.0 as usize].waiting;
        if waiting.last() != Some(&member) && !waiting.contains(&member) {
            waiting.push(member);
        }
    }

    /// Takes note that a consumer has to do with lower sequences than it had.
    pub fn lower(&mut self, id: GroupId, lowest_concern: u64) {
        let group = &mut self.groups[id.0 as usize];
        group.lowest_concern = group.lowest_concern.min(lowest_concern);
    }

    /// Counts a message, and moves those who wait for one like it to `woken`.
    pub fn arrived(&mut self, subject: &[u8], woken: &mut Vec<Member>) {
        self.num_messages += 1;
        let serial = self.num_messages;
        if let Some(number) = self.all {
            count(&mut self.groups[number as usize], serial, woken);
        }
        if self.index.is_empty() {
            return;
        }
        self.matches.clear();
        self.index.collect(subject, &mut self.matches);
        for entry in &self.matches.plain {
            count(&mut self.groups[entry.group as usize], serial, woken);
        }
    }

    /// Calls `visit` with every consumer that may have to do with a message that left the stream. It returns the lowest
    /// sequence the consumer has to do with from now on.
    pub fn left(&mut self, subject: &[u8], seq: u64, mut visit: impl FnMut(Member) -> u64) {
        if let Some(number) = self.all {
            tell(&mut self.groups[number as usize], seq, &mut visit);
        }
        if self.index.is_empty() {
            return;
        }
        self.matches.clear();
        self.index.collect(subject, &mut self.matches);
        self.num_messages += 1;
        for entry in &self.matches.plain {
            let group = &mut self.groups[entry.group as usize];
            if std::mem::replace(&mut group.counted, self.num_messages) != self.num_messages {
                tell(group, seq, &mut visit);
            }
        }
    }

    /// Whether nobody has filters: subjects make no difference.
    #[must_use]
    pub fn is_unfiltered(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether somebody wants messages of this subject.
    pub fn wants(&mut self, subject: &[u8]) -> bool {
        if self.all.is_some() {
            return true;
        }
        self.matches.clear();
        self.index.collect(subject, &mut self.matches);
        !self.matches.plain.is_empty()
    }

    /// Calls `visit` with everybody who wants messages of this subject, until it returns true; whether it did.
    pub fn any(&mut self, subject: &[u8], mut visit: impl FnMut(Member) -> bool) -> bool {
        let mut numbers: Vec<u32> = self.all.into_iter().collect();
        if !self.index.is_empty() {
            self.matches.clear();
            self.index.collect(subject, &mut self.matches);
            numbers.extend(self.matches.plain.iter().map(|entry| entry.group));
        }
        numbers.iter().any(|number| self.groups[*number as usize].members.iter().any(|member| visit(*member)))
    }
}

fn count(group: &mut Group, serial: u64, woken: &mut Vec<Member>) {
    if std::mem::replace(&mut group.counted, serial) == serial {
        return;
    }
    group.arrivals += 1;
    woken.append(&mut group.waiting);
}

fn tell(group: &mut Group, seq: u64, visit: &mut impl FnMut(Member) -> u64) {
    if seq < group.lowest_concern {
        return;
    }
    let concerns = group.members.iter().map(|member| visit(*member));
    group.lowest_concern = concerns.min().unwrap_or(u64::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(audience: &mut Audience, subject: &str) -> Vec<Member> {
        let mut woken = Vec::new();
        audience.arrived(subject.as_bytes(), &mut woken);
        woken.sort_unstable();
        woken
    }

    #[test]
    fn arrivals_are_counted_by_group() {
        let mut audience = Audience::default();
        let all = audience.join(&[], 1, 1);
        let orders = audience.join(&["orders.*", "*.new"], 2, 1);
        assert_eq!(audience.join(&["orders.*", "*.new"], 3, 1), orders);
        let other = audience.join(&["other"], 4, 1);
        for (id, member) in [(all, 1), (orders, 2), (orders, 3), (other, 4)] {
            audience.wait(id, member);
        }
        assert_eq!(arrive(&mut audience, "orders.new"), [1, 2, 3]);
        assert_eq!(arrive(&mut audience, "orders.new"), [] as [Member; 0]);
        assert_eq!((audience.arrivals(all), audience.arrivals(orders), audience.arrivals(other)), (2, 2, 0));
        audience.leave(orders, 2);
        audience.wait(orders, 3);
        assert_eq!(arrive(&mut audience, "orders.x"), [3]);
        audience.leave(orders, 3);
        assert!(audience.wants(b"anything"));
        audience.leave(all, 1);
        assert!(!audience.wants(b"orders.x") && audience.wants(b"other"));
        let again = audience.join(&[">"], 9, 1);
        assert_eq!(audience.arrivals(again), 0);
        assert_eq!(audience.groups.len(), 3, "places are used again");
    }

    #[test]
    fn only_those_concerned_hear_of_removals() {
        let mut audience = Audience::default();
        let all = audience.join(&[], 1, 10);
        audience.join(&["a"], 2, 5);
        let visited = |audience: &mut Audience, subject: &str, seq: u64, next: u64| {
            let mut seen = Vec::new();
            audience.left(subject.as_bytes(), seq, |member| {
                seen.push(member);
                next
            });
            seen
        };
        assert_eq!(visited(&mut audience, "a", 7, 8), [2]);
        assert_eq!(visited(&mut audience, "a", 7, 8), [] as [Member; 0]);
        assert_eq!(visited(&mut audience, "a", 12, 13), [1, 2]);
        audience.lower(all, 3);
        assert_eq!(visited(&mut audience, "b", 4, 5), [1]);
        assert!(audience.any(b"b", |member| member == 1) && !audience.any(b"b", |member| member == 2));
    }
}
