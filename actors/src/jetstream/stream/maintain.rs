//! What is done for the store of a stream now and then.

use troupe_store::StoreState;

use super::core::StreamCore;
use crate::jetstream::clock;

/// How long after a change the store is looked after.
const EVERY: i64 = 10_000_000_000;
/// How long a failed attempt is not made again.
const PAUSE: i64 = 30_000_000_000;

impl StreamCore {
    /// Plans to look after the store, if it will have anything to do.
    pub(super) fn plan_maintenance(&mut self) {
        if self.maintenance_due.is_none() && self.store.wants_maintenance() {
            self.maintenance_due = Some(clock::now() + EVERY);
        }
    }

    /// Looks after the store, if that is due: index files are written, blocks compacted, idle memory and files given back.
    pub(super) fn maintain(&mut self, now: i64) {
        if self.maintenance_due.is_none_or(|due| due > now) {
            return;
        }
        self.maintenance_due = self.store.maintain(now).unwrap_or_else(|cause| {
            let (account, name) = (self.account.name(), self.entry.name());
            tracing::error!("stream '{account} > {name}' cannot be looked after: {cause}");
            Some(now + PAUSE)
        });
    }

    /// Says that messages were found damaged.
    pub(super) fn tell_lost(&self, state: &StoreState) {
        let (account, name, lost) = (self.account.name(), self.entry.name(), state.lost_msgs);
        tracing::error!(
            "stream '{account} > {name}' has lost {lost} messages to damage, which is kept in its directory 'lost'"
        );
    }
}
