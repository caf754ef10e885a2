//! Asks other servers for tokens of accounts.

use std::collections::HashMap;
use std::fmt;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use troupe_engine::id::nuid;

use crate::queue::{Batch, Fenced, FullPolicy, Queue, QueueConsumer, QueueLimits};

/// Lookups that may wait to be sent.
const LIMITS: QueueLimits = QueueLimits { max_items: 4096, max_bytes: usize::MAX };

/// A lookup that is to be sent.
#[derive(Debug)]
pub(super) struct Lookup {
    /// The account.
    pub(super) account: String,
    /// Last token of the subject of answers.
    pub(super) id: Bytes,
}

/// A lookup whose answers are waited for.
struct Waiting {
    /// Servers that have not answered yet.
    num_open: usize,
    answer: oneshot::Sender<Option<String>>,
}

/// Lookups of one server.
pub(super) struct Lookups {
    queue: Queue<Lookup>,
    waiting: Mutex<HashMap<Bytes, Waiting>>,
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("num_waiting", &self.waiting.lock().len()).finish_non_exhaustive()
    }
}

/// A lookup's place among those that wait.
struct Place<'a> {
    lookups: &'a Lookups,
    id: Bytes,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lookups.waiting.lock().remove(&self.id);
    }
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self { queue: Queue::new(LIMITS, FullPolicy::Refuse), waiting: Mutex::default() }
    }

    /// What other servers know of an account, without end: the caller limits the time.
    pub(super) async fn look_up(&self, account: &str) -> Option<String> {
        let place = Place { lookups: self, id: Bytes::from(nuid()) };
        let (answer, found) = oneshot::channel();
        self.waiting.lock().insert(place.id.clone(), Waiting { num_open: usize::MAX, answer });
        self.queue.push(Lookup { account: account.to_owned(), id: place.id.clone() }, 0).ok()?;
        found.await.ok().flatten()
    }

    /// What is to be sent, by the instance that asks: from now on its predecessors get nothing.
    pub(super) fn consume(&self) -> QueueConsumer<Lookup> {
        self.queue.recover()
    }

    /// Forgets lookups that were sent.
    ///
    /// # Errors
    /// Another instance has taken over.
    pub(super) fn commit(&self, batch: Batch<Lookup>) -> Result<(), Fenced> {
        self.queue.commit(batch)
    }

    /// Notes to how many servers a lookup has gone.
    pub(super) fn sent(&self, id: &Bytes, num_servers: usize) {
        let mut waiting = self.waiting.lock();
        if num_servers > 0 {
            if let Some(waiting) = waiting.get_mut(id) {
                waiting.num_open = num_servers;
            }
        } else if let Some(waiting) = waiting.remove(id) {
            waiting.answer.send(None).ok();
        }
    }

    /// Takes an answer. Empty ones count only when all servers have given one.
    pub(super) fn take(&self, id: &[u8], token: &[u8]) {
        let mut all = self.waiting.lock();
        let Some(waiting) = all.get_mut(id) else { return };
        waiting.num_open -= 1;
        if token.is_empty() && waiting.num_open > 0 {
            return;
        }
        let found = (!token.is_empty()).then(|| String::from_utf8_lossy(token).into_owned());
        if let Some(waiting) = all.remove(id) {
            waiting.answer.send(found).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    /// A lookup that was sent to so many servers, and got these answers.
    async fn found(num_servers: usize, answers: &[&str]) -> Option<Option<String>> {
        let lookups = Lookups::new();
        let mut sent = lookups.consume();
        let answer = async {
            let batch = sent.next().await.expect("a lookup");
            let lookup = batch.iter().next().expect("a batch has something");
            lookups.sent(&lookup.id, num_servers);
            answers.iter().for_each(|answer| lookups.take(&lookup.id, answer.as_bytes()));
            std::future::pending::<()>().await;
        };
        let looking = tokio::time::timeout(std::time::Duration::from_millis(20), lookups.look_up("A"));
        let found = tokio::select! { found = looking => found.ok(), () = answer => None };
        assert_eq!(lookups.waiting.lock().len(), 0, "nothing stays");
        found
    }

    #[tokio::test]
    async fn the_first_token_counts_and_nothing_only_of_all() {
        assert_eq!(found(0, &[]).await, Some(None));
        assert_eq!(found(2, &["", "t"]).await, Some(Some("t".to_owned())));
        assert_eq!(found(2, &["t", "u"]).await, Some(Some("t".to_owned())));
        assert_eq!(found(2, &["", "", ""]).await, Some(None));
        assert_eq!(found(2, &[""]).await, None, "it waits for the second server");
    }
}
