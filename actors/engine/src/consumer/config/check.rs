//! What is refused. The order of the checks is that of nats-server, for the first fault found is the one told.

use troupe_codecs::api::consumer::{AckPolicy, DeliverPolicy, PriorityPolicy};
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_codecs::api::{ApiError, ConsumerConfig, MILLISECOND, StreamConfig, errors};
use troupe_codecs::subject;

use super::ConsumerBounds;
use super::defaults::SOURCE_HEARTBEAT;
use crate::consumer::filters_of;
use crate::consumer::sampling::Sampler;

const MAX_DESCRIPTION: usize = 4 << 10;
const MAX_METADATA: usize = 128 << 10;
const MIN_HEARTBEAT: i64 = 100 * MILLISECOND;

/// Whether a name can be that of a stream or a consumer.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '\t', '\r', '\n', '\x0c', '.', '*', '>', '\\', '/'])
}

/// Checks a configuration with its defaults filled in. A consumer that is `recovering` was let in once.
///
/// # Errors
///
/// The first fault.
pub fn check(
    config: &ConsumerConfig,
    stream: &StreamConfig,
    bounds: &ConsumerBounds,
    recovering: bool,
) -> Result<(), ApiError> {
    check_names(config)?;
    check_replicas(config, stream, recovering)?;
    check_times(config)?;
    if config.ack_policy == AckPolicy::FlowControl {
        check_flow_control_acks(config)?;
    }
    let num_backoffs = i64::try_from(config.backoff.len()).unwrap_or(i64::MAX);
    if num_backoffs > 0 && config.max_deliver != -1 && num_backoffs > config.max_deliver {
        return Err(errors::CONSUMER_MAX_DELIVER_BACKOFF.error());
    }
    if config.description.len() > MAX_DESCRIPTION {
        return Err(errors::CONSUMER_DESCRIPTION_TOO_LONG.with(MAX_DESCRIPTION));
    }
    if config.deliver_subject.is_empty() {
        check_pull(config, stream, bounds)?;
    } else {
        check_push(config, stream)?;
    }
    check_bounds(config, stream, bounds)?;
    if config.direct {
        refuse(config.deliver_subject.is_empty(), errors::CONSUMER_DIRECT_REQUIRES_PUSH)?;
        refuse(!config.durable.is_empty(), errors::CONSUMER_DIRECT_REQUIRES_EPHEMERAL)?;
    }
    check_filters(config)?;
    check_start(config)?;
    if !config.sample_frequency.is_empty() {
        Sampler::parse(&config.sample_frequency).map_err(|why| errors::CONSUMER_INVALID_SAMPLING.with(why))?;
    }
    refuse(config.flow_control && config.heartbeat == 0, errors::CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS)?;
    let has_two_names = !config.durable.is_empty() && !config.name.is_empty() && config.name != config.durable;
    refuse(has_two_names, errors::CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH)?;
    let metadata: usize = config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    if metadata > MAX_METADATA {
        return Err(errors::CONSUMER_METADATA_LENGTH.with(format!("{}KB", MAX_METADATA / 1024)));
    }
    check_groups(config)?;
    let is_preferring = stream.placement.as_ref().is_some_and(|placement| !placement.preferred.is_empty());
    if is_preferring {
        return Err(errors::STREAM_INVALID_CONFIG.with("preferred server not permitted in placement"));
    }
    Ok(())
}

fn refuse(condition: bool, error: troupe_codecs::api::ErrorSpec) -> Result<(), ApiError> {
    if condition { Err(error.error()) } else { Ok(()) }
}

fn check_names(config: &ConsumerConfig) -> Result<(), ApiError> {
    for (name, what) in [(&config.name, "name"), (&config.durable, "durable name")] {
        if !name.is_empty() && !is_valid_name(name) {
            let why = format!("consumer {what} can not contain '.', '*', '>', '\\', '/'");
            return Err(errors::STREAM_INVALID_CONFIG.with(why));
        }
    }
    Ok(())
}

fn check_replicas(config: &ConsumerConfig, stream: &StreamConfig, recovering: bool) -> Result<(), ApiError> {
    let replicas = config.replicas;
    refuse(replicas > 0 && replicas > stream.replicas, errors::CONSUMER_REPLICAS_EXCEEDS_STREAM)?;
    refuse(replicas < 0, errors::REPLICAS_COUNT_CANNOT_BE_NEGATIVE)?;
    let differs = stream.retention != RetentionPolicy::Limits && replicas != 0 && replicas != stream.replicas;
    refuse(!recovering && differs, errors::CONSUMER_REPLICAS_SHOULD_MATCH_STREAM)
}

fn check_times(config: &ConsumerConfig) -> Result<(), ApiError> {
    refuse(config.backoff.iter().any(|backoff| *backoff < 0), errors::CONSUMER_BACK_OFF_NEGATIVE)?;
    refuse(config.ack_wait < 0, errors::CONSUMER_ACK_WAIT_NEGATIVE)
}

fn check_flow_control_acks(config: &ConsumerConfig) -> Result<(), ApiError> {
    refuse(config.deliver_subject.is_empty(), errors::CONSUMER_ACK_FC_REQUIRES_PUSH)?;
    refuse(!config.flow_control, errors::CONSUMER_ACK_FC_REQUIRES_FC)?;
    if config.heartbeat != SOURCE_HEARTBEAT {
        return Err(errors::STREAM_INVALID_CONFIG.with("flow control ack policy heartbeat needs to be 1s"));
    }
    refuse(config.max_ack_pending <= 0, errors::CONSUMER_ACK_FC_REQUIRES_MAX_ACK_PENDING)?;
    refuse(config.ack_wait != 0 || !config.backoff.is_empty(), errors::CONSUMER_ACK_FC_REQUIRES_NO_ACK_WAIT)?;
    refuse(config.max_deliver > 0, errors::CONSUMER_ACK_FC_REQUIRES_NO_MAX_DELIVER)
}

fn check_push(config: &ConsumerConfig, stream: &StreamConfig) -> Result<(), ApiError> {
    let deliver = config.deliver_subject.as_bytes();
    refuse(!subject::is_literal(deliver), errors::CONSUMER_DELIVER_TO_WILDCARDS)?;
    refuse(!subject::is_valid_subscription(deliver), errors::CONSUMER_INVALID_DELIVER_SUBJECT)?;
    let is_cycle = stream.subjects.iter().any(|own| subject::is_subset(deliver, own.as_bytes()));
    refuse(is_cycle, errors::CONSUMER_DELIVER_CYCLE)?;
    refuse(config.max_waiting != 0, errors::CONSUMER_PUSH_MAX_WAITING)?;
    let awaits_none = config.max_ack_pending > 0 && config.ack_policy == AckPolicy::None;
    refuse(awaits_none, errors::CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED)?;
    refuse(config.heartbeat > 0 && config.heartbeat < MIN_HEARTBEAT, errors::CONSUMER_SMALL_HEARTBEAT)
}

fn check_pull(config: &ConsumerConfig, stream: &StreamConfig, bounds: &ConsumerBounds) -> Result<(), ApiError> {
    let takes_work_unacked = config.ack_policy == AckPolicy::None && stream.retention == RetentionPolicy::WorkQueue;
    refuse(takes_work_unacked, errors::CONSUMER_PULL_REQUIRES_ACK)?;
    refuse(config.rate_limit > 0, errors::CONSUMER_PULL_WITH_RATE_LIMIT)?;
    refuse(config.max_waiting < 0, errors::CONSUMER_MAX_WAITING_NEGATIVE)?;
    refuse(config.heartbeat > 0, errors::CONSUMER_HB_REQUIRES_PUSH)?;
    refuse(config.flow_control, errors::CONSUMER_FC_REQUIRES_PUSH)?;
    refuse(config.max_request_batch < 0, errors::CONSUMER_MAX_REQUEST_BATCH_NEGATIVE)?;
    let expires = config.max_request_expires;
    refuse(expires != 0 && expires < MILLISECOND, errors::CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL)?;
    let limit = bounds.max_request_batch;
    if limit > 0 && config.max_request_batch > limit {
        return Err(errors::CONSUMER_MAX_REQUEST_BATCH_EXCEEDED.with(limit));
    }
    Ok(())
}

fn check_bounds(config: &ConsumerConfig, stream: &StreamConfig, bounds: &ConsumerBounds) -> Result<(), ApiError> {
    let of_stream = &stream.consumer_limits;
    for limit in [bounds.server_max_ack_pending, bounds.account_max_ack_pending, of_stream.max_ack_pending] {
        if limit > 0 && config.max_ack_pending > limit {
            return Err(errors::CONSUMER_MAX_PENDING_ACK_EXCESS.with(limit));
        }
    }
    let threshold = of_stream.inactive_threshold;
    if threshold > 0 && config.inactive_threshold > threshold {
        let limit = troupe_codecs::conf::format_duration(threshold);
        return Err(errors::CONSUMER_INACTIVE_THRESHOLD_EXCESS.with(limit));
    }
    Ok(())
}

fn check_filters(config: &ConsumerConfig) -> Result<(), ApiError> {
    let has_both = !config.filter_subject.is_empty() && !config.filter_subjects.is_empty();
    refuse(has_both, errors::CONSUMER_DUPLICATE_FILTER_SUBJECTS)?;
    refuse(config.filter_subjects.iter().any(String::is_empty), errors::CONSUMER_EMPTY_FILTER)?;
    let one = Some(&config.filter_subject).filter(|filter| !filter.is_empty());
    let filters: Vec<&String> = config.filter_subjects.iter().chain(one).collect();
    for (at, filter) in filters.iter().enumerate() {
        if !subject::is_valid_subscription(filter.as_bytes()) {
            return Err(errors::STREAM_INVALID_CONFIG.with("invalid subject"));
        }
        let contained = filters
            .iter()
            .enumerate()
            .any(|(other_at, other)| at != other_at && subject::is_subset(filter.as_bytes(), other.as_bytes()));
        refuse(contained, errors::CONSUMER_OVERLAPPING_SUBJECT_FILTERS)?;
    }
    Ok(())
}

fn check_start(config: &ConsumerConfig) -> Result<(), ApiError> {
    let (has_seq, has_time) = (config.opt_start_seq > 0, config.opt_start_time.is_some());
    let also_set = |policy: &str, start: &str| {
        let why = format!("consumer delivery policy is deliver {policy}, but optional start {start} is also set");
        Err(errors::CONSUMER_INVALID_POLICY.with(why))
    };
    let not_set = |policy: &str, what: &str| {
        let why = format!("consumer delivery policy is deliver {policy}, but optional {what} is not set");
        Err(errors::CONSUMER_INVALID_POLICY.with(why))
    };
    let policy = match config.deliver_policy {
        DeliverPolicy::All => "all",
        DeliverPolicy::Last => "last",
        DeliverPolicy::LastPerSubject => "last per subject",
        DeliverPolicy::New => "new",
        DeliverPolicy::ByStartSequence if !has_seq => return not_set("by start sequence", "start sequence"),
        DeliverPolicy::ByStartSequence if has_time => return also_set("by start sequence", "time"),
        DeliverPolicy::ByStartTime if !has_time => return not_set("by start time", "start time"),
        DeliverPolicy::ByStartTime if has_seq => return also_set("by start time", "start sequence"),
        DeliverPolicy::ByStartSequence | DeliverPolicy::ByStartTime => return Ok(()),
    };
    if has_seq {
        return also_set(policy, "sequence");
    }
    if has_time {
        return also_set(policy, "time");
    }
    let wants_filter = config.deliver_policy == DeliverPolicy::LastPerSubject && filters_of(config).is_empty();
    if wants_filter { not_set(policy, "filter subject") } else { Ok(()) }
}

fn check_groups(config: &ConsumerConfig) -> Result<(), ApiError> {
    if config.priority_policy == PriorityPolicy::None {
        refuse(!config.priority_groups.is_empty(), errors::CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE)?;
        return refuse(config.pinned_ttl > 0, errors::CONSUMER_PINNED_TTL_WITHOUT_PRIORITY_POLICY_NONE);
    }
    refuse(!config.deliver_subject.is_empty(), errors::CONSUMER_PUSH_WITH_PRIORITY_GROUP)?;
    refuse(config.priority_groups.is_empty(), errors::CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP)?;
    for group in &config.priority_groups {
        refuse(group.is_empty(), errors::CONSUMER_EMPTY_GROUP_NAME)?;
        refuse(!is_valid_group(group), errors::CONSUMER_INVALID_GROUP_NAME)?;
    }
    Ok(())
}

/// Whether a name can be that of a priority group.
#[must_use]
pub fn is_valid_group(name: &str) -> bool {
    let is_valid = |letter: u8| letter.is_ascii_alphanumeric() || b"/_=-".contains(&letter);
    (1..=16).contains(&name.len()) && name.bytes().all(is_valid)
}

/// Checks a new consumer of a work queue against those it has, each given by its filters.
///
/// # Errors
///
/// Two consumers would get the same message, or it does not acknowledge each.
pub fn check_against_others<'a>(
    config: &ConsumerConfig,
    others: impl Iterator<Item = Vec<&'a str>>,
) -> Result<(), ApiError> {
    if config.direct || config.sourcing {
        return Ok(());
    }
    let acks_each = matches!(config.ack_policy, AckPolicy::Explicit | AckPolicy::FlowControl);
    refuse(!acks_each, errors::CONSUMER_WQ_REQUIRES_EXPLICIT_ACK)?;
    refuse(config.deliver_policy != DeliverPolicy::All, errors::CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL)?;
    let filters = filters_of(config);
    for other in others {
        refuse(filters.is_empty(), errors::CONSUMER_WQ_MULTIPLE_UNFILTERED)?;
        refuse(collides(&filters, &other), errors::CONSUMER_WQ_CONSUMER_NOT_UNIQUE)?;
    }
    Ok(())
}

/// Whether two lists of filters can mean the same message; an empty list means all.
pub(super) fn collides(filters: &[&str], others: &[&str]) -> bool {
    let overlaps = |filter: &&str| {
        others.is_empty() || others.iter().any(|other| subject::overlaps(filter.as_bytes(), other.as_bytes()))
    };
    filters.iter().any(overlaps)
}
