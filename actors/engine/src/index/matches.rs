//! What a match yields.

use std::cmp::Ordering;

use super::{Subscriber, SubscriberSet};

/// Everybody interested in one subject. Reused from match to match: clear it first.
#[derive(Debug)]
pub struct Matches<T> {
    /// Each gets a copy.
    pub plain: Vec<T>,
    /// One member of each gets a copy. Members of a group of the same name on different patterns stand together.
    pub groups: Vec<Vec<T>>,
}

impl<T> Default for Matches<T> {
    fn default() -> Self {
        Self { plain: Vec::new(), groups: Vec::new() }
    }
}

impl<T: Subscriber> Matches<T> {
    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.plain.clear();
        self.groups.clear();
    }

    /// Whether nobody is interested.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.groups.is_empty()
    }

    /// Number of subscribers, members of groups included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plain.len() + self.groups.iter().map(Vec::len).sum::<usize>()
    }

    /// Adds one subscriber.
    pub fn add(&mut self, subscriber: &T) {
        match subscriber.queue() {
            None => self.plain.push(subscriber.clone()),
            Some(queue) => self.add_members(queue, std::iter::once(subscriber)),
        }
    }

    /// Adds the subscribers of one pattern.
    pub fn add_set(&mut self, set: &SubscriberSet<T>) {
        self.plain.extend(set.plain.iter().cloned());
        for (name, members) in &set.groups {
            self.add_members(name, members.iter());
        }
    }

    /// Groups are kept in order of their names: a client may make a hundred thousand of them.
    fn add_members<'a>(&mut self, queue: &[u8], members: impl Iterator<Item = &'a T>)
    where
        T: 'a,
    {
        let name_of = |group: &Vec<T>| group.first().and_then(|member| member.queue().map(|name| name.cmp(queue)));
        match self.groups.binary_search_by(|group| name_of(group).unwrap_or(Ordering::Less)) {
            Ok(place) => self.groups[place].extend(members.cloned()),
            Err(place) => self.groups.insert(place, members.cloned().collect()),
        }
    }
}
