//! What everything on one arbiter shares.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::publish::PublisherSettings;
use super::{Publisher, RouterHandle};
use crate::connection::BufferPool;

/// Which publisher of a server an arbiter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its number, from zero.
    pub number: usize,
    /// Number of publishers of the server.
    pub total: usize,
}

/// How the seats of a server are given out: to the arbiters of connections, to that of the server's own services, and to those
/// of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatPlan {
    num_connections: usize,
    num_streams: usize,
}

impl SeatPlan {
    /// Seats for as many arbiters of connections and of streams.
    #[must_use]
    pub fn new(num_connections: usize, num_streams: usize) -> Self {
        Self { num_connections, num_streams }
    }

    /// Seat of arbiter `number` of those that run connections.
    #[must_use]
    pub fn connection(self, number: usize) -> Seat {
        self.seat(number)
    }

    /// Seat of the arbiter that runs the server's own services.
    #[must_use]
    pub fn services(self) -> Seat {
        self.seat(self.num_connections)
    }

    /// Seat of arbiter `number` of those that run streams.
    #[must_use]
    pub fn stream(self, number: usize) -> Seat {
        self.seat(self.num_connections + 1 + number)
    }

    /// Number of arbiters that run streams.
    #[must_use]
    pub fn num_streams(self) -> usize {
        self.num_streams
    }

    fn seat(self, number: usize) -> Seat {
        Seat { number, total: self.num_connections + 1 + self.num_streams }
    }
}

/// Buffers and the publish pipeline of one arbiter.
#[derive(Debug)]
pub struct ArbiterLocal {
    /// Publishers of the server.
    pub num_publishers: usize,
    /// Free buffers.
    pub pool: Rc<BufferPool>,
    /// The publish pipeline. Borrowed for one batch, never over an await.
    pub publisher: RefCell<Publisher>,
    /// Batches until one is timed.
    until_sample: Cell<u32>,
}

/// Batches of which one is timed: two looks at the clock for each of them would be work for nothing.
const SAMPLED_OF: u32 = 64;

impl ArbiterLocal {
    /// Whether the batch that begins is one to be timed.
    #[must_use]
    pub fn takes_sample(&self) -> bool {
        let left = self.until_sample.get();
        self.until_sample.set(left.checked_sub(1).unwrap_or(SAMPLED_OF - 1));
        left == 0
    }
}

thread_local! {
    /// An arbiter belongs to one server, so its thread needs one of these.
    static LOCAL: OnceCell<Rc<ArbiterLocal>> = const { OnceCell::new() };
}

/// The shared state of the calling arbiter, where it has been made.
pub(super) fn current() -> Option<Rc<ArbiterLocal>> {
    LOCAL.with(|local| local.get().cloned())
}

/// The shared state of the calling arbiter, which has `seat`, made at the first call.
#[must_use]
pub fn arbiter_local(seat: Seat, router: &RouterHandle, disable_cache: bool) -> Rc<ArbiterLocal> {
    LOCAL.with(|local| {
        let made = local.get_or_init(|| {
            let pool = Rc::new(BufferPool::default());
            let settings = PublisherSettings { arbiter: seat.number, disable_cache };
            let publisher = Publisher::new(settings, router.clone(), Rc::clone(&pool));
            Rc::new(ArbiterLocal {
                num_publishers: seat.total,
                pool,
                publisher: RefCell::new(publisher),
                until_sample: Cell::new(0),
            })
        });
        Rc::clone(made)
    })
}
