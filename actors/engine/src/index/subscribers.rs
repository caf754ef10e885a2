//! The subscribers of one subject.

use std::sync::Arc;

use super::Subscriber;

/// Subscribers of a chunk. A change copies one chunk, so this bounds what a change of a large set costs.
const CHUNK: usize = 256;

/// Subscribers in order of their ids.
#[derive(Clone, Debug)]
pub struct SubscriberList<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

impl<T> Default for SubscriberList<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Subscriber> SubscriberList<T> {
    /// Adds a subscriber; false when it is there already.
    pub fn insert(&mut self, subscriber: T) -> bool {
        let id = subscriber.id();
        let place = self.chunk_of(id);
        let Some(chunk) = self.chunks.get_mut(place) else {
            self.chunks.push(Arc::new(vec![subscriber]));
            return true;
        };
        let chunk = Arc::make_mut(chunk);
        let Err(position) = chunk.binary_search_by_key(&id, T::id) else { return false };
        if chunk.len() < CHUNK {
            chunk.insert(position, subscriber);
            return true;
        }
        // Behind a full last chunk a new one is begun; elsewhere the chunk is halved.
        let mut upper = if position == CHUNK { Vec::new() } else { chunk.split_off(CHUNK / 2) };
        match position.checked_sub(chunk.len()) {
            Some(position) => upper.insert(position, subscriber),
            None => chunk.insert(position, subscriber),
        }
        self.chunks.insert(place + 1, Arc::new(upper));
        true
    }

    /// Removes the subscriber with this id; false when it is not there.
    pub fn remove(&mut self, id: u64) -> bool {
        let place = self.chunk_of(id);
        let Some(chunk) = self.chunks.get_mut(place) else { return false };
        let Ok(position) = chunk.binary_search_by_key(&id, T::id) else { return false };
        let chunk = Arc::make_mut(chunk);
        chunk.remove(position);
        if chunk.is_empty() {
            self.chunks.remove(place);
        }
        true
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Number of subscribers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The chunk that holds or would take this id.
    fn chunk_of(&self, id: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk[0].id() <= id).saturating_sub(1)
    }
}

/// Plain subscribers and queue groups of one subject.
#[derive(Clone, Debug)]
pub struct SubscriberSet<T> {
    /// Each gets a copy.
    pub plain: SubscriberList<T>,
    /// One member of each gets a copy. Ordered by name.
    pub groups: Vec<(Arc<[u8]>, SubscriberList<T>)>,
}

impl<T> Default for SubscriberSet<T> {
    fn default() -> Self {
        Self { plain: SubscriberList::default(), groups: Vec::new() }
    }
}

impl<T: Subscriber> SubscriberSet<T> {
    /// Adds a subscriber; false when it is there already.
    pub fn insert(&mut self, subscriber: T) -> bool {
        let Some(queue) = subscriber.queue() else { return self.plain.insert(subscriber) };
        let place = match self.groups.binary_search_by(|(name, _)| (**name).cmp(queue)) {
            Ok(place) => place,
            Err(place) => {
                self.groups.insert(place, (Arc::from(queue), SubscriberList::default()));
                place
            }
        };
        self.groups[place].1.insert(subscriber)
    }

    /// Removes a subscriber; false when it is not there.
    pub fn remove(&mut self, subscriber: &T) -> bool {
        let Some(queue) = subscriber.queue() else { return self.plain.remove(subscriber.id()) };
        let Ok(place) = self.groups.binary_search_by(|(name, _)| (**name).cmp(queue)) else { return false };
        let was_there = self.groups[place].1.remove(subscriber.id());
        if self.groups[place].1.is_empty() {
            self.groups.remove(place);
        }
        was_there
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.groups.is_empty()
    }

    /// Plain subscribers, then the members of all groups.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.plain.iter().chain(self.groups.iter().flat_map(|(_, members)| members.iter()))
    }
}
