//! What consumers need to send.

use std::rc::Rc;
use std::sync::Arc;

use super::interest::Interest;
use super::outlet::Outlet;
use crate::jetstream::stream::StreamCore;
use crate::router::{AccountView, ArbiterLocal};

/// What the consumers of a stream need to send.
#[derive(Debug)]
pub(super) struct Sending {
    local: Rc<ArbiterLocal>,
    account: Arc<AccountView>,
    pub(super) interest: Interest,
    stream: Arc<str>,
    domain: Arc<str>,
}

impl Sending {
    pub(super) fn new(core: &StreamCore) -> Self {
        let account = Arc::clone(core.account.view());
        Self {
            local: Rc::clone(&core.local),
            interest: Interest::new(&account),
            account,
            stream: Arc::clone(core.entry.name()),
            domain: core.server.domain().into(),
        }
    }

    /// Opens an outlet. Nothing else may send from this thread until it is closed.
    pub(super) fn open(&mut self, now: i64) -> Outlet<'_> {
        Outlet::new(
            self.local.server_batch(&self.account),
            &mut self.interest,
            (Arc::clone(&self.stream), Arc::clone(&self.domain)),
            now,
        )
    }
}
