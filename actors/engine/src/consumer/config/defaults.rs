//! What is filled in when a configuration does not say.

use troupe_codecs::api::consumer::{AckPolicy, PriorityPolicy};
use troupe_codecs::api::{ApiError, ConsumerConfig, SECOND, StreamConfig, errors};

use super::ConsumerBounds;

/// Time after which a message is delivered again.
const ACK_WAIT: i64 = 30 * SECOND;
/// Unacknowledged messages.
const MAX_ACK_PENDING: i64 = 1000;
/// Waiting pull requests.
const MAX_WAITING: i64 = 512;
/// Time without a request after which another client is pinned.
const PINNED_TTL: i64 = 120 * SECOND;
/// Heartbeat of consumers that feed other streams.
pub(super) const SOURCE_HEARTBEAT: i64 = SECOND;

/// Fills in what `config` does not say, and corrects what makes no sense.
///
/// # Errors
///
/// With `is_pedantic` nothing is corrected: the value is refused.
pub fn apply_defaults(
    config: &mut ConsumerConfig,
    stream: &StreamConfig,
    bounds: &ConsumerBounds,
    is_pedantic: bool,
) -> Result<(), ApiError> {
    correct_negatives(config, is_pedantic)?;
    let is_pull = config.deliver_subject.is_empty();
    if is_pull && config.max_waiting == 0 {
        config.max_waiting = MAX_WAITING;
    }
    if config.ack_wait == 0 && matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::All) {
        config.ack_wait = ACK_WAIT;
    }
    if let Some(first) = config.backoff.first().copied() {
        refuse(is_pedantic && config.ack_wait != first, "first backoff value has to equal batch AckWait")?;
        config.ack_wait = first;
    }
    apply_stream_limits(config, stream, is_pedantic)?;
    if config.max_ack_pending == 0 && config.ack_policy != AckPolicy::None {
        let limits = [bounds.server_max_ack_pending, bounds.account_max_ack_pending];
        config.max_ack_pending = limits.into_iter().filter(|limit| *limit > 0).fold(MAX_ACK_PENDING, i64::min);
    }
    if is_pull && config.max_request_batch == 0 && bounds.max_request_batch > 0 {
        refuse(is_pedantic, "max_request_batch must be set if it's JetStream limits are set")?;
        config.max_request_batch = bounds.max_request_batch;
    }
    if config.priority_policy == PriorityPolicy::PinnedClient && config.pinned_ttl == 0 {
        config.pinned_ttl = PINNED_TTL;
    }
    if config.ack_policy == AckPolicy::FlowControl && !is_pedantic {
        config.flow_control = true;
        config.heartbeat = SOURCE_HEARTBEAT;
    }
    Ok(())
}

fn refuse(condition: bool, why: &str) -> Result<(), ApiError> {
    if condition { Err(errors::PEDANTIC.with(why)) } else { Ok(()) }
}

fn correct_negatives(config: &mut ConsumerConfig, is_pedantic: bool) -> Result<(), ApiError> {
    let correct = |value: &mut i64, is_wrong: bool, right: i64, why: &str| {
        if is_wrong {
            refuse(is_pedantic, why)?;
            *value = right;
        }
        Ok::<_, ApiError>(())
    };
    if config.max_deliver == 0 {
        config.max_deliver = -1;
    }
    let is_below = config.max_deliver < -1;
    correct(&mut config.max_deliver, is_below, -1, "max_deliver must be set to -1")?;
    let is_negative = config.max_waiting < 0;
    correct(&mut config.max_waiting, is_negative, 0, "max_waiting must not be negative")?;
    let is_below = config.max_ack_pending < -1;
    correct(&mut config.max_ack_pending, is_below, -1, "max_ack_pending must be set to -1")?;
    for (value, why) in [
        (&mut config.max_request_batch, "max_batch must not be negative"),
        (&mut config.max_request_expires, "max_expires must not be negative"),
        (&mut config.max_request_max_bytes, "max_bytes must not be negative"),
        (&mut config.heartbeat, "idle_heartbeat must not be negative"),
        (&mut config.inactive_threshold, "inactive_threshold must not be negative"),
        (&mut config.pinned_ttl, "priority_timeout must not be negative"),
    ] {
        let is_negative = *value < 0;
        correct(value, is_negative, 0, why)?;
    }
    Ok(())
}

fn apply_stream_limits(config: &mut ConsumerConfig, stream: &StreamConfig, is_pedantic: bool) -> Result<(), ApiError> {
    let limits = &stream.consumer_limits;
    if config.max_ack_pending == 0 {
        let why = "max_ack_pending must be set if it's configured in stream limits";
        refuse(is_pedantic && limits.max_ack_pending > 0, why)?;
        config.max_ack_pending = limits.max_ack_pending;
    }
    if config.inactive_threshold == 0 {
        let why = "inactive_threshold must be set if it's configured in stream limits";
        refuse(is_pedantic && limits.inactive_threshold > 0, why)?;
        config.inactive_threshold = limits.inactive_threshold;
    }
    Ok(())
}

/// Records the level of the API that the configuration asks for, and drops what only answers carry.
pub fn set_required_level(config: &mut ConsumerConfig) {
    let has_pause = config.pause_until.is_some_and(|until| !until.is_zero());
    let has_groups =
        config.priority_policy != PriorityPolicy::None || config.pinned_ttl != 0 || !config.priority_groups.is_empty();
    let level = match config.ack_policy {
        AckPolicy::FlowControl => 4,
        _ => i32::from(has_pause || has_groups),
    };
    config.metadata.remove("_nats.ver");
    config.metadata.remove("_nats.level");
    config.metadata.insert("_nats.req.level".to_owned(), level.to_string());
}
