//! What may change of a stream that exists.

use troupe_codecs::api::stream::{DiscardPolicy, RetentionPolicy};
use troupe_codecs::api::{ApiError, StreamConfig, errors};

use super::config::{ConfigContext, check, check_discard_new_per, invalid};

/// Checks a new configuration against the one in force and returns it with its defaults filled in.
///
/// # Errors
/// What nats-server says is wrong with it, the first fault in its order.
pub fn check_update(
    old: &StreamConfig,
    new: &StreamConfig,
    context: &ConfigContext<'_>,
) -> Result<StreamConfig, ApiError> {
    let mut config = check(new, context)?;
    if config.name != old.name {
        return Err(invalid("stream configuration name must match original"));
    }
    if config.replicas > 1 {
        return Err(errors::STREAM_REPLICAS_NOT_SUPPORTED.error());
    }
    check_permanent(old, &config)?;
    if config.mirror.is_some() && config.mirror != old.mirror {
        return Err(errors::STREAM_MIRROR_NOT_UPDATABLE.error());
    }
    check_discard_new_per(&config)?;
    check_features(old, &config)?;
    if config.sealed {
        config.max_age = 0;
        config.discard = DiscardPolicy::New;
        (config.deny_delete, config.deny_purge) = (true, true);
        config.allow_rollup = false;
    }
    Ok(config)
}

fn check_permanent(old: &StreamConfig, new: &StreamConfig) -> Result<(), ApiError> {
    let work_queue = RetentionPolicy::WorkQueue;
    let is_queue_changed = old.retention != new.retention && [old.retention, new.retention].contains(&work_queue);
    let refused = [
        (new.storage != old.storage, "stream configuration update can not change storage type"),
        (is_queue_changed, "stream configuration update can not change retention policy to/from workqueue"),
        (old.sealed && !new.sealed, "stream configuration update can not unseal a sealed stream"),
        (old.deny_delete && !new.deny_delete, "stream configuration update can not cancel deny message deletes"),
        (old.deny_purge && !new.deny_purge, "stream configuration update can not cancel deny purge"),
    ];
    refused.iter().find(|(is_refused, _)| *is_refused).map_or(Ok(()), |(_, text)| Err(invalid(text)))
}

fn check_features(old: &StreamConfig, new: &StreamConfig) -> Result<(), ApiError> {
    let refused = [
        (old.allow_msg_ttl && !new.allow_msg_ttl, "message TTL status can not be disabled"),
        (
            old.allow_msg_counter != new.allow_msg_counter,
            "stream configuration update can not change message counter setting",
        ),
        (old.allow_msg_schedules && !new.allow_msg_schedules, "message schedules can not be disabled"),
        (old.persist_mode != new.persist_mode, "stream configuration update can not change persist mode"),
    ];
    refused.iter().find(|(is_refused, _)| *is_refused).map_or(Ok(()), |(_, text)| Err(invalid(text)))
}
