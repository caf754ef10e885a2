//! Events of JetStream, made only where somebody listens.

use serde::Serialize;
use troupe_codecs::api::Timestamp;
use troupe_codecs::api::advisory::{ADVISORY_PREFIX, Event};
use troupe_codecs::api::json::encode;
use troupe_engine::id::nuid;

use super::clock;
use crate::router::{AccountView, ArbiterLocal, ServerMessage};

/// Publishes an event of a type below `$JS.EVENT.ADVISORY`, if somebody listens there.
pub fn publish<T: Serialize>(
    local: &ArbiterLocal,
    account: &std::sync::Arc<AccountView>,
    subject: &str,
    kind: &str,
    body: impl FnOnce() -> T,
) {
    let subject = format!("{ADVISORY_PREFIX}.{subject}");
    if !account.has_interest(subject.as_bytes()) {
        return;
    }
    let event = Event::advisory(kind, nuid(), Timestamp::from_nanos(clock::now()), body());
    let mut batch = local.server_batch(account);
    batch.publish(&ServerMessage::plain(subject.as_bytes(), &encode(&event)));
    batch.finish();
}
