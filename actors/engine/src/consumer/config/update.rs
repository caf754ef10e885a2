//! What may change.

use troupe_codecs::api::{ApiError, ConsumerConfig, errors};

use super::check::collides;
use crate::consumer::filters_of;

const LEVEL_KEY: &str = "_nats.req.level";

/// Checks a change of configuration, defaults filled in. `has_interest` tells whether somebody listens to a subject.
///
/// # Errors
///
/// What cannot change.
pub fn check_update(
    old: &ConsumerConfig,
    new: &ConsumerConfig,
    has_interest: impl FnOnce(&str) -> bool,
) -> Result<(), ApiError> {
    if old == new {
        return Ok(());
    }
    let start_time = |config: &ConsumerConfig| config.opt_start_time.map(|time| time.nanos());
    for (differs, what) in [
        (old.deliver_policy != new.deliver_policy, "deliver policy"),
        (old.memory_storage != new.memory_storage, "storage type"),
        (old.direct != new.direct, "direct"),
        (old.sourcing != new.sourcing, "sourcing"),
        (old.opt_start_seq != new.opt_start_seq, "start sequence"),
        (start_time(old) != start_time(new), "start time"),
        (old.ack_policy != new.ack_policy, "ack policy"),
        (old.replay_policy != new.replay_policy, "replay policy"),
        (old.heartbeat != new.heartbeat, "heart beats"),
        (old.flow_control != new.flow_control, "flow control"),
    ] {
        if differs {
            return Err(errors::CONSUMER_CREATE.with(format!("{what} can not be updated")));
        }
    }
    if old.deliver_subject != new.deliver_subject {
        if old.deliver_subject.is_empty() {
            return Err(errors::CONSUMER_CREATE.with("can not update pull consumer to push based"));
        }
        if new.deliver_subject.is_empty() {
            return Err(errors::CONSUMER_CREATE.with("can not update push consumer to pull based"));
        }
        if has_interest(&old.deliver_subject) {
            return Err(errors::CONSUMER_NAME_EXIST.error());
        }
    }
    if old.max_waiting != new.max_waiting {
        return Err(errors::CONSUMER_CREATE.with("max waiting can not be updated"));
    }
    let num_backoffs = i64::try_from(new.backoff.len()).unwrap_or(i64::MAX);
    if num_backoffs > 0 && new.max_deliver != -1 && num_backoffs > new.max_deliver {
        return Err(errors::CONSUMER_MAX_DELIVER_BACKOFF.error());
    }
    Ok(())
}

/// Whether a configuration asks for what is there already; the recorded level of the API does not count.
#[must_use]
pub fn is_same(old: &ConsumerConfig, new: &ConsumerConfig) -> bool {
    let mut new = new.clone();
    keep_required_level(old, &mut new);
    *old == new
}

/// Takes over the level of the API that was recorded.
pub fn keep_required_level(old: &ConsumerConfig, new: &mut ConsumerConfig) {
    new.metadata.remove("_nats.ver");
    new.metadata.remove("_nats.level");
    match old.metadata.get(LEVEL_KEY) {
        Some(level) => new.metadata.insert(LEVEL_KEY.to_owned(), level.clone()),
        None => new.metadata.remove(LEVEL_KEY),
    };
}

/// Whether changed filters of a work queue's consumer can mean what another's do.
#[must_use]
pub fn collides_with_others<'a>(config: &ConsumerConfig, mut others: impl Iterator<Item = Vec<&'a str>>) -> bool {
    let filters = filters_of(config);
    others.any(|other| collides(&filters, &other))
}
