//! What happens to clients, for those who tell of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use crate::connection::Traffic;
use crate::net::tls::PeerCertificate;
use crate::queue::{Batch, Fenced, FullPolicy, Queue, QueueConsumer, QueueLimits};
use crate::router::ClientSink;

/// Events that may wait. Beyond it they are dropped and counted: a storm of connections must not fill the memory.
const LIMITS: QueueLimits = QueueLimits { max_items: 1 << 16, max_bytes: usize::MAX };

/// Something that happened.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// A client was let in.
    Connected {
        /// The client.
        sink: Arc<ClientSink>,
        /// Its account.
        account: Arc<str>,
    },
    /// A client that was let in has gone.
    Disconnected {
        /// The client.
        sink: Arc<ClientSink>,
        /// Its account.
        account: Arc<str>,
        /// What it moved.
        traffic: Traffic,
        /// Why it went.
        reason: &'static str,
        /// When.
        at: SystemTime,
    },
    /// A client was not let in.
    Refused {
        /// The client.
        sink: Arc<ClientSink>,
        /// Who it said it was.
        user: String,
        /// An account that is told, and what.
        told: Option<(Arc<str>, String)>,
        /// What it moved.
        traffic: Traffic,
        /// Why.
        reason: &'static str,
        /// When.
        at: SystemTime,
    },
    /// A client was not let in for its certificates.
    CertificateRefused {
        /// Its own.
        peer: PeerCertificate,
        /// Why.
        reason: String,
    },
    /// A certificate that a client showed is not good.
    CertificateInvalid {
        /// Its own.
        peer: PeerCertificate,
        /// The one that is not good.
        link: PeerCertificate,
        /// Why.
        reason: String,
    },
    /// The server takes no new clients.
    LameDuck,
    /// The server ends.
    Shutdown,
}

/// Events on their way to the system account's services.
#[derive(Debug)]
pub struct ClientEvents {
    queue: Queue<ClientEvent>,
    is_wanted: AtomicBool,
    num_dropped: AtomicU64,
}

impl Default for ClientEvents {
    fn default() -> Self {
        Self {
            queue: Queue::new(LIMITS, FullPolicy::Refuse),
            is_wanted: AtomicBool::new(false),
            num_dropped: AtomicU64::new(0),
        }
    }
}

impl ClientEvents {
    /// Tells of an event, where there is somebody to tell.
    pub fn tell(&self, event: impl FnOnce() -> ClientEvent) {
        if self.is_wanted.load(Ordering::Relaxed) && self.queue.push(event(), 0).is_err() {
            self.num_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events there was no room for.
    #[must_use]
    pub fn num_dropped(&self) -> u64 {
        self.num_dropped.load(Ordering::Relaxed)
    }

    /// Whether everything told was heard.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let depth = self.queue.depth();
        depth.num_pending + depth.num_in_flight == 0
    }

    /// Makes the caller the one who is told.
    #[must_use]
    pub fn consume(&self) -> QueueConsumer<ClientEvent> {
        self.is_wanted.store(true, Ordering::Relaxed);
        self.queue.recover()
    }

    /// Forgets events that were told on.
    ///
    /// # Errors
    /// Another consumer has taken over: the caller must stop.
    pub fn commit(&self, batch: Batch<ClientEvent>) -> Result<(), Fenced> {
        self.queue.commit(batch)
    }
}
