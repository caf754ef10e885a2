//! What connections tell the manager. The queue outlives every instance of it.

use std::sync::Arc;

use troupe_codecs::peer::RouteInfo;

use super::Target;
use super::spread::Reloaded;
use crate::queue::{Batch, Fenced, FullPolicy, Queue, QueueConsumer, QueueLimits};

/// News beyond this many are dropped: a server that floods with gossip does not fill the memory.
const LIMITS: QueueLimits = QueueLimits { max_items: 64 * 1024, max_bytes: usize::MAX };

/// One piece of news.
#[derive(Clone, Debug)]
pub enum RouteEvent {
    /// The next connection of a pool is to be opened, or one again that has ended.
    Dial {
        /// Where to.
        target: Target,
        /// One has ended: not at once.
        is_reconnect: bool,
    },
    /// A server tells of another one.
    Gossip {
        /// INFO of the other one.
        info: Box<RouteInfo>,
        /// The connection that told it knows no pools, and so nothing of accounts with connections of their own.
        has_no_pool: bool,
    },
    /// Options changed.
    Reload(Arc<Reloaded>),
}

/// The queue.
#[derive(Clone, Debug)]
pub struct RouteEvents {
    queue: Queue<RouteEvent>,
}

impl Default for RouteEvents {
    fn default() -> Self {
        Self { queue: Queue::new(LIMITS, FullPolicy::Refuse) }
    }
}

impl RouteEvents {
    /// Queues news for the manager.
    pub fn tell(&self, event: RouteEvent) {
        if self.queue.push(event, 0).is_err() {
            tracing::error!("the manager of routes takes no more news");
        }
    }

    /// Makes the caller the consumer, with everything its predecessor did not finish.
    pub(super) fn consume(&self) -> QueueConsumer<RouteEvent> {
        self.queue.recover()
    }

    /// Forgets news that are dealt with.
    pub(super) fn commit(&self, batch: Batch<RouteEvent>) -> Result<(), Fenced> {
        self.queue.commit(batch)
    }
}
