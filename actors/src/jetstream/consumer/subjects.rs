//! Subjects on which clients talk to the consumers of a stream.

use std::sync::Arc;

use troupe_engine::stream::sources::short_hash;

use super::dead_letters::RECEIPT_PREFIX;
use crate::jetstream::entry::StreamEntry;
use crate::jetstream::stream::StreamCore;
use crate::jetstream::stream::core::TAG_CONSUMERS;
use crate::router::Subscription;

/// Acknowledgements.
pub(super) const TAG_ACK: u32 = TAG_CONSUMERS;
/// Pull requests.
pub(super) const TAG_NEXT: u32 = TAG_CONSUMERS + 1;
/// Answers to flow control.
pub(super) const TAG_FLOW: u32 = TAG_CONSUMERS + 2;

/// Answers to dead letters.
pub(super) const TAG_RECEIPT: u32 = TAG_CONSUMERS + 3;

/// What the consumers of a stream listen to. The next instance of the stream's actor goes on with it.
#[derive(Debug)]
pub(super) struct Listening {
    entry: Arc<StreamEntry>,
    subscriptions: Vec<Arc<Subscription>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.entry.park(&mut self.subscriptions);
    }
}

impl Listening {
    /// Listens to nothing.
    pub(super) fn none(core: &StreamCore) -> Self {
        Self { entry: Arc::clone(&core.entry), subscriptions: Vec::new() }
    }

    /// Listens for what clients say.
    pub(super) fn start(core: &mut StreamCore) -> Self {
        let mut listening = Self::none(core);
        listening.subscriptions = core.take_parked_of_consumers();
        if !listening.subscriptions.is_empty() {
            return listening;
        }
        let stream = core.entry.name();
        let domain = Some(core.server.domain()).filter(|domain| !domain.is_empty()).unwrap_or("_");
        let account = short_hash(core.account.name());
        let subjects = [
            (format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"), TAG_NEXT),
            (format!("$JS.ACK.{stream}.>"), TAG_ACK),
            (format!("$JS.ACK.{domain}.{account}.{stream}.>"), TAG_ACK),
            (format!("$JS.FC.{stream}.>"), TAG_FLOW),
            (format!("$JS.FC.{domain}.{account}.{stream}.>"), TAG_FLOW),
        ];
        let inbox = core.entry.inbox();
        let made = subjects
            .iter()
            .map(|(subject, tag)| Arc::new(Subscription::inside(Arc::clone(inbox), subject.as_bytes(), b"", *tag)));
        listening.subscriptions = made.collect();
        core.change_subscriptions(listening.subscriptions.clone(), Vec::new());
        listening
    }

    /// Listens for answers to dead letters, too.
    pub(super) fn start_receipts(&mut self, core: &StreamCore) {
        if self.subscriptions.iter().any(|known| known.tag() == TAG_RECEIPT) {
            return;
        }
        let subject = format!("{RECEIPT_PREFIX}.{}.>", core.entry.name());
        let inbox = Arc::clone(core.entry.inbox());
        let made = Arc::new(Subscription::inside(inbox, subject.as_bytes(), b"", TAG_RECEIPT));
        self.subscriptions.push(Arc::clone(&made));
        core.change_subscriptions(vec![made], Vec::new());
    }

    /// Listens no more.
    pub(super) fn stop(&mut self, core: &StreamCore) {
        core.change_subscriptions(Vec::new(), std::mem::take(&mut self.subscriptions));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_nats_server() {
        assert_eq!(short_hash("$G").len(), 8);
        assert!(short_hash("ACC").bytes().all(|letter| letter.is_ascii_alphanumeric()));
    }
}
