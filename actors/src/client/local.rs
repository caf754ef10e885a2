//! What the connections of one arbiter share.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use super::ClientServices;
use crate::connection::BufferPool;
use crate::router::Publisher;
use crate::router::publish::PublisherSettings;

/// Buffers and the publish pipeline of one arbiter.
#[derive(Debug)]
pub struct ArbiterLocal {
    /// Arbiters that run connections.
    pub num_arbiters: usize,
    /// Free buffers.
    pub pool: Rc<BufferPool>,
    /// The publish pipeline. Borrowed for one batch, never over an await.
    pub publisher: RefCell<Publisher>,
}

thread_local! {
    /// An arbiter belongs to one server, so its thread needs one of these.
    static LOCAL: OnceCell<Rc<ArbiterLocal>> = const { OnceCell::new() };
}

/// The shared state of the calling arbiter, number `arbiter` of `num_arbiters`, made at the first call.
#[must_use]
pub fn arbiter_local(services: &ClientServices, arbiter: usize, num_arbiters: usize) -> Rc<ArbiterLocal> {
    LOCAL.with(|local| {
        let made = local.get_or_init(|| {
            let pool = Rc::new(BufferPool::default());
            let disable_cache = services.options().disable_sublist_cache;
            let settings = PublisherSettings { arbiter, disable_cache };
            let publisher = Publisher::new(settings, services.router.clone(), Rc::clone(&pool));
            Rc::new(ArbiterLocal { num_arbiters, pool, publisher: RefCell::new(publisher) })
        });
        Rc::clone(made)
    })
}
