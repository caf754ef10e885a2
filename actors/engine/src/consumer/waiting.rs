//! Pull requests that wait for messages.

use std::collections::VecDeque;

use bytes::Bytes;

use super::request::{GroupRequest, PullRequest};

/// A pull request that waits for messages. Times are nanoseconds since 1970, zero means never.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Tells requests of one consumer apart.
    pub id: u64,
    /// Where its messages go.
    pub reply: Bytes,
    /// Messages it still wants.
    pub num_wanted: i64,
    /// Messages it was given.
    pub num_given: u64,
    /// Bytes it still takes; zero for any number.
    pub max_bytes: i64,
    /// It does not wait for messages to come.
    pub no_wait: bool,
    /// When it was received.
    pub received: i64,
    /// When it is given up.
    pub expires: i64,
    /// Time between signs of life.
    pub heartbeat: i64,
    /// When the next sign of life is due.
    pub heartbeat_at: i64,
    /// What it says of priority groups.
    pub group: Option<Box<GroupRequest>>,
}

impl Waiting {
    /// A request received now.
    #[must_use]
    pub fn new(id: u64, reply: Bytes, request: PullRequest, now: i64) -> Self {
        let after = |span: i64| if span > 0 { now.saturating_add(span) } else { 0 };
        // A negative time to expiry is over at once, as in the oracle, where only zero means never.
        let expires = if request.expires < 0 { now } else { after(request.expires) };
        Self {
            id,
            reply,
            num_wanted: request.batch,
            num_given: 0,
            max_bytes: request.max_bytes,
            no_wait: request.no_wait,
            received: now,
            expires,
            heartbeat: request.heartbeat,
            heartbeat_at: after(request.heartbeat),
            group: request.group,
        }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires != 0 && now >= self.expires
    }

    /// The identity of a pinned client, empty without one.
    #[must_use]
    pub fn pin_id(&self) -> &str {
        self.group.as_ref().map_or("", |group| &group.id)
    }

    fn priority(&self) -> i64 {
        self.group.as_ref().map_or(i64::MAX, |group| group.priority)
    }
}

/// Requests in the order they are served.
#[derive(Debug, Default)]
pub struct WaitQueue {
    requests: VecDeque<Waiting>,
    next_id: u64,
}

impl WaitQueue {
    /// Number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The request that is served next.
    #[must_use]
    pub fn front(&self) -> Option<&Waiting> {
        self.requests.front()
    }

    /// The same, to change it.
    pub fn front_mut(&mut self) -> Option<&mut Waiting> {
        self.requests.front_mut()
    }

    /// All requests in order.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.requests.iter()
    }

    /// Gives the next request an identity.
    pub fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Adds a request behind the others.
    pub fn push(&mut self, waiting: Waiting) {
        self.requests.push_back(waiting);
    }

    /// Adds a request behind those of its priority and of lower numbers.
    pub fn push_by_priority(&mut self, waiting: Waiting) {
        let priority = waiting.priority();
        let at = self.requests.iter().position(|other| other.priority() > priority).unwrap_or(self.requests.len());
        self.requests.insert(at, waiting);
    }

    /// Takes the first request out.
    pub fn pop(&mut self) -> Option<Waiting> {
        self.requests.pop_front()
    }

    /// Moves the first request behind the others.
    pub fn rotate(&mut self) {
        if let Some(waiting) = self.requests.pop_front() {
            self.requests.push_back(waiting);
        }
    }

    /// Counts a message given to the first request, and lets the next one be served: one that is done leaves and is
    /// returned, else it goes behind the others, or those of its priority.
    pub fn give(&mut self, by_priority: bool) -> Option<Waiting> {
        let front = self.requests.front_mut()?;
        front.num_given += 1;
        front.num_wanted -= 1;
        if front.num_wanted <= 0 {
            return self.requests.pop_front();
        }
        if self.requests.len() > 1 {
            match (self.requests.pop_front(), by_priority) {
                (Some(waiting), true) => self.push_by_priority(waiting),
                (Some(waiting), false) => self.push(waiting),
                (None, _) => {}
            }
        }
        None
    }

    /// Looks at every request in order; those for which `keep` says no leave.
    pub fn retain(&mut self, keep: impl FnMut(&mut Waiting) -> bool) {
        self.requests.retain_mut(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(queue: &mut WaitQueue, batch: i64, priority: i64) -> Waiting {
        let group = Some(Box::new(GroupRequest { priority, ..GroupRequest::default() }));
        let id = queue.next_id();
        Waiting::new(id, Bytes::new(), PullRequest { batch, group, ..PullRequest::default() }, 5)
    }

    fn ids(queue: &WaitQueue) -> Vec<u64> {
        queue.iter().map(|waiting| waiting.id).collect()
    }

    #[test]
    fn requests_take_turns() {
        let mut queue = WaitQueue::default();
        for batch in [2, 1, 2] {
            let waiting = request(&mut queue, batch, 0);
            queue.push(waiting);
        }
        let mut served = Vec::new();
        while let Some(front) = queue.front() {
            served.push(front.id);
            queue.give(false);
        }
        assert_eq!(served, [1, 2, 3, 1, 3]);
    }

    #[test]
    fn lower_numbers_go_first() {
        let mut queue = WaitQueue::default();
        for priority in [3, 0, 3, 1, 0] {
            let waiting = request(&mut queue, 2, priority);
            queue.push_by_priority(waiting);
        }
        assert_eq!(ids(&queue), [2, 5, 4, 1, 3]);
        assert!(queue.give(true).is_none());
        assert_eq!(ids(&queue), [5, 2, 4, 1, 3]);
        queue.give(true);
        assert_eq!(queue.give(true).map(|done| done.id), Some(2));
    }

    #[test]
    fn a_batch_of_nothing_is_one() {
        let mut queue = WaitQueue::default();
        let waiting = request(&mut queue, 0, 0);
        queue.push(waiting);
        assert_eq!(queue.give(false).map(|done| done.num_wanted), Some(-1));
        assert!(queue.is_empty());
    }

    #[test]
    fn times_end() {
        let request = PullRequest { expires: 10, heartbeat: 3, ..PullRequest::default() };
        let waiting = Waiting::new(1, Bytes::new(), request, 100);
        assert_eq!((waiting.expires, waiting.heartbeat_at), (110, 103));
        assert!(!waiting.is_expired(109) && waiting.is_expired(110));
        let never = Waiting::new(2, Bytes::new(), PullRequest::default(), 100);
        assert!(!never.is_expired(i64::MAX));
        let over = Waiting::new(3, Bytes::new(), PullRequest { expires: -1, ..PullRequest::default() }, 100);
        assert!(over.is_expired(100));
    }
}
