//! One consumer, and what its stream keeps beside its state machine.

use std::sync::Arc;

use troupe_codecs::api::Timestamp;
use troupe_engine::consumer::Consumer;
use troupe_engine::consumer::audience::GroupId;
use troupe_store::{ConsumerStore, SubjectFilter};

use super::dead_letters::Letters;

/// One consumer of a stream.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) machine: Consumer,
    pub(super) created: Timestamp,
    pub(super) filter: SubjectFilter,
    /// Consumers of the same filters.
    pub(super) group: GroupId,
    /// Where its state is kept; nowhere for those that only feed other streams.
    pub(super) store: Option<Box<dyn ConsumerStore>>,
    /// What it gave up and nobody has yet.
    pub(super) letters: Letters,
    /// It is among those that may deliver.
    pub(super) is_ready: bool,
    /// Unacknowledged messages keep it from delivering.
    pub(super) is_blocked: bool,
    /// It is among those whose state is to be written.
    pub(super) is_unsaved: bool,
    /// When it is planned to be looked at: not later than it has to be.
    pub(super) planned: i64,
}

impl Slot {
    /// Whether it feeds another stream.
    pub(super) fn is_feeder(&self) -> bool {
        let config = self.machine.config();
        config.direct || config.sourcing
    }

    /// Whether clients do not see it in lists.
    pub(super) fn is_hidden(&self) -> bool {
        self.machine.config().direct
    }
}
