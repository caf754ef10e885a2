//! Checks a stream's configuration and fills in defaults, in the order of nats-server.

use std::collections::HashSet;
use std::sync::Arc;

use troupe_codecs::api::stream::{DiscardPolicy, PersistMode, Placement, RetentionPolicy, StorageType};
use troupe_codecs::api::{ApiError, MILLISECOND, SECOND, StreamConfig, errors};
use troupe_codecs::quote::quote;
use troupe_codecs::subject::{is_subset, is_valid_subscription, overlaps};

use super::sources::{check_cycles, check_sources};
use crate::subject::Transform;

/// Longest name of a stream or consumer.
pub const MAX_NAME_LEN: usize = 255;
/// Longest description.
pub const MAX_DESCRIPTION_LEN: usize = 4 * 1024;
/// Most bytes of metadata, keys and values.
pub const MAX_METADATA_LEN: usize = 128 * 1024;
/// Most copies.
pub const MAX_REPLICAS: i64 = 5;
/// Time in which a message id counts once, where nothing is said.
const DEFAULT_DUPLICATES: i64 = 120 * SECOND;

/// What is known beside the configuration itself.
pub struct ConfigContext<'a> {
    /// Finds another stream of the account.
    pub find: &'a dyn Fn(&str) -> Option<Arc<StreamConfig>>,
    /// The server's limit for the duplicate window; zero is none.
    pub max_duplicates: i64,
    /// The account wants a limit of bytes.
    pub max_bytes_required: bool,
    /// The account's limit of bytes of a stream of this storage; zero or less is none.
    pub max_stream_bytes: fn(&AccountBytes, StorageType) -> i64,
    /// What it looks at.
    pub account_bytes: AccountBytes,
    /// Whether the account has room for what a stream reserves.
    pub reserve: &'a dyn Fn(&StreamConfig) -> Result<(), ApiError>,
    /// Values are refused rather than corrected.
    pub is_pedantic: bool,
}

/// The account's limits of bytes of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccountBytes {
    /// In memory.
    pub memory: i64,
    /// In files.
    pub file: i64,
}

impl AccountBytes {
    /// The limit for a storage.
    #[must_use]
    pub fn of(&self, storage: StorageType) -> i64 {
        if storage == StorageType::Memory { self.memory } else { self.file }
    }
}

impl<'a> ConfigContext<'a> {
    /// Nothing but other streams.
    #[must_use]
    pub fn new(find: &'a dyn Fn(&str) -> Option<Arc<StreamConfig>>) -> Self {
        Self {
            find,
            max_duplicates: 0,
            max_bytes_required: false,
            max_stream_bytes: AccountBytes::of,
            account_bytes: AccountBytes::default(),
            reserve: &|_| Ok(()),
            is_pedantic: false,
        }
    }
}

/// Whether a stream or consumer can have this name.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '\t', '\r', '\n', '\x0c', '.', '*', '>', '\\', '/'])
}

/// Whether a subject, wildcards allowed, is well formed.
#[must_use]
pub fn is_valid_subject(subject: &str) -> bool {
    is_valid_subscription(subject.as_bytes())
}

/// Whether two subjects have messages in common.
#[must_use]
pub fn collide(a: &str, b: &str) -> bool {
    overlaps(a.as_bytes(), b.as_bytes())
}

/// The error for a configuration.
pub(super) fn invalid(text: impl std::fmt::Display) -> ApiError {
    errors::STREAM_INVALID_CONFIG.with(text)
}

/// Checks a configuration and returns it with its defaults filled in.
///
/// # Errors
/// What nats-server says is wrong with it, the first fault in its order.
pub fn check(config: &StreamConfig, context: &ConfigContext<'_>) -> Result<StreamConfig, ApiError> {
    check_texts(config)?;
    let mut config = config.clone();
    fill_numbers(&mut config, context.is_pedantic)?;
    check_times(&mut config, context)?;
    check_features(&mut config, context.is_pedantic)?;
    check_sources(&mut config, context)?;
    check_cycles(&config, context)?;
    check_subjects(&mut config)?;
    check_account(&config, context)?;
    check_transforms(&mut config, context.is_pedantic)?;
    if config.placement.as_ref().is_some_and(|placement| *placement == Placement::default()) {
        config.placement = None;
    }
    if config.placement.as_ref().is_some_and(|placement| !placement.preferred.is_empty()) {
        return Err(invalid("preferred server not permitted in placement"));
    }
    Ok(config)
}

fn check_texts(config: &StreamConfig) -> Result<(), ApiError> {
    if !is_valid_name(&config.name) {
        return Err(invalid("stream name is required and can not contain '.', '*', '>', '\\', '/'"));
    }
    if config.name.len() > MAX_NAME_LEN {
        return Err(invalid(format_args!("stream name is too long, maximum allowed is {MAX_NAME_LEN}")));
    }
    if config.description.len() > MAX_DESCRIPTION_LEN {
        return Err(invalid(format_args!("stream description is too long, maximum allowed is {MAX_DESCRIPTION_LEN}")));
    }
    if config.metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_METADATA_LEN {
        return Err(invalid(format_args!("stream metadata exceeds maximum size of {MAX_METADATA_LEN} bytes")));
    }
    Ok(())
}

fn fill_numbers(config: &mut StreamConfig, is_pedantic: bool) -> Result<(), ApiError> {
    if config.replicas == 0 {
        config.replicas = 1;
    }
    if config.replicas > MAX_REPLICAS {
        return Err(invalid(format_args!("maximum replicas is {MAX_REPLICAS}")));
    }
    if config.replicas < 0 {
        return Err(errors::REPLICAS_COUNT_CANNOT_BE_NEGATIVE.error());
    }
    let fill = |name: &str, value: &mut i64| {
        if *value < -1 && is_pedantic {
            return Err(errors::PEDANTIC.with(format_args!("{name} must be set to -1")));
        }
        if *value == 0 || *value < -1 {
            *value = -1;
        }
        Ok(())
    };
    fill("max_msgs", &mut config.max_msgs)?;
    fill("max_msgs_per_subject", &mut config.max_msgs_per)?;
    fill("max_bytes", &mut config.max_bytes)?;
    let mut max_msg_size = i64::from(config.max_msg_size);
    fill("max_msg_size", &mut max_msg_size)?;
    config.max_msg_size = i32::try_from(max_msg_size).unwrap_or(-1);
    fill("max_consumers", &mut config.max_consumers)
}

fn check_times(config: &mut StreamConfig, context: &ConfigContext<'_>) -> Result<(), ApiError> {
    if config.max_age < 0 {
        return Err(invalid("max age can not be negative"));
    }
    if config.max_age != 0 && config.max_age < 100 * MILLISECOND {
        return Err(invalid("max age needs to be >= 100ms"));
    }
    let limit = context.max_duplicates;
    if config.duplicates == 0 && config.mirror.is_none() && config.sources.is_empty() {
        let mut window = DEFAULT_DUPLICATES;
        if limit > 0 && window > limit {
            if context.is_pedantic {
                return Err(errors::PEDANTIC.with("duplicate window limits are higher than current limits"));
            }
            window = limit;
        }
        if config.max_age != 0 && config.max_age < window {
            if context.is_pedantic {
                return Err(errors::PEDANTIC.with("duplicate window cannot be bigger than max age"));
            }
            window = config.max_age;
        }
        config.duplicates = window;
    }
    if config.duplicates < 0 {
        return Err(invalid("duplicates window can not be negative"));
    }
    if config.max_age != 0 && config.duplicates > config.max_age {
        return Err(invalid("duplicates window can not be larger then max age"));
    }
    if limit > 0 && config.duplicates > limit {
        let limit = troupe_codecs::conf::format_duration(limit);
        return Err(invalid(format_args!("duplicates window can not be larger then server limit of {limit}")));
    }
    if config.duplicates > 0 && config.duplicates < 100 * MILLISECOND {
        return Err(invalid("duplicates window needs to be >= 100ms"));
    }
    Ok(())
}

fn check_features(config: &mut StreamConfig, is_pedantic: bool) -> Result<(), ApiError> {
    if config.deny_purge && config.allow_rollup {
        return Err(invalid("roll-ups require the purge permission"));
    }
    if config.allow_msg_counter {
        check_counter(config)?;
    }
    check_discard_new_per(config)?;
    check_markers(config, is_pedantic)?;
    if config.allow_msg_schedules {
        if config.discard == DiscardPolicy::New {
            return Err(invalid("message scheduling cannot use discard new"));
        }
        if !config.allow_rollup {
            if is_pedantic {
                return Err(invalid("message scheduling cannot be set if roll-ups are disabled"));
            }
            (config.allow_rollup, config.deny_purge) = (true, false);
        }
    }
    if config.persist_mode == PersistMode::Async {
        if config.storage != StorageType::File {
            return Err(invalid("async persist mode is only supported on file storage"));
        }
        if config.replicas > 1 {
            return Err(invalid("async persist mode is not supported on replicated streams"));
        }
        if config.allow_atomic_publish {
            return Err(invalid("async persist mode is not supported with atomic batch publish"));
        }
    }
    Ok(())
}

fn check_counter(config: &StreamConfig) -> Result<(), ApiError> {
    if config.discard == DiscardPolicy::New {
        return Err(invalid("counter stream cannot use discard new"));
    }
    if config.allow_msg_ttl {
        return Err(invalid("counter stream cannot use message TTLs"));
    }
    if config.allow_msg_schedules {
        return Err(invalid("counter stream cannot use message schedules"));
    }
    if config.retention != RetentionPolicy::Limits {
        return Err(invalid("counter stream can only use limits retention"));
    }
    Ok(())
}

/// What a full subject that refuses messages needs.
pub(super) fn check_discard_new_per(config: &StreamConfig) -> Result<(), ApiError> {
    if !config.discard_new_per {
        return Ok(());
    }
    if config.discard != DiscardPolicy::New {
        return Err(invalid("discard new per subject requires discard new policy to be set"));
    }
    if config.max_msgs_per <= 0 {
        return Err(invalid("discard new per subject requires max msgs per subject > 0"));
    }
    Ok(())
}

fn check_markers(config: &mut StreamConfig, is_pedantic: bool) -> Result<(), ApiError> {
    let ttl = config.subject_delete_marker_ttl;
    if ttl < 0 {
        return Err(invalid("subject delete marker TTL must not be negative"));
    }
    if ttl == 0 {
        return Ok(());
    }
    if ttl < SECOND {
        return Err(invalid("subject delete marker TTL must be at least 1 second"));
    }
    if !config.allow_msg_ttl {
        if is_pedantic {
            return Err(invalid("subject delete marker cannot be set if message TTLs are disabled"));
        }
        config.allow_msg_ttl = true;
    }
    if !config.allow_rollup {
        if is_pedantic {
            return Err(invalid("subject delete marker cannot be set if roll-ups are disabled"));
        }
        (config.allow_rollup, config.deny_purge) = (true, false);
    }
    Ok(())
}

fn check_subjects(config: &mut StreamConfig) -> Result<(), ApiError> {
    if config.subjects.is_empty() {
        if config.mirror.is_none() && config.sources.is_empty() {
            config.subjects.push(config.name.clone());
        }
        return Ok(());
    }
    if config.mirror.is_some() {
        return Err(errors::MIRROR_WITH_SUBJECTS.error());
    }
    let mut seen = HashSet::with_capacity(config.subjects.len());
    for (number, subject) in config.subjects.iter().enumerate() {
        if !is_valid_subject(subject) {
            return Err(invalid("invalid subject"));
        }
        if !seen.insert(subject.as_str()) {
            return Err(invalid("duplicate subjects detected"));
        }
        check_reserved(config, subject)?;
        if let Some(other) = config.subjects[number + 1..].iter().find(|other| collide(other, subject)) {
            let (subject, other) = (quote(subject.as_bytes()), quote(other.as_bytes()));
            return Err(invalid(format_args!("subject {subject} overlaps with {other}")));
        }
    }
    Ok(())
}

fn check_reserved(config: &StreamConfig, subject: &str) -> Result<(), ApiError> {
    if subject == ">" {
        if !config.no_ack {
            return Err(invalid("capturing all subjects requires no-ack to be true"));
        }
        if config.replicas != 1 {
            return Err(invalid("capturing all subjects requires replicas of 1"));
        }
    }
    if config.no_ack {
        return Ok(());
    }
    let is_below = |pattern: &str| is_subset(subject.as_bytes(), pattern.as_bytes());
    let is_api = ["$JS.>", "$JSC.>", "$NRG.>"].iter().any(|space| collide(subject, space));
    if is_api && !is_below("$JS.EVENT.>") {
        return Err(invalid("subjects that overlap with jetstream api require no-ack to be true"));
    }
    if collide(subject, "$SYS.>") && !is_below("$SYS.ACCOUNT.>") {
        return Err(invalid("subjects that overlap with system api require no-ack to be true"));
    }
    Ok(())
}

fn check_account(config: &StreamConfig, context: &ConfigContext<'_>) -> Result<(), ApiError> {
    if context.max_bytes_required && config.max_bytes <= 0 {
        return Err(errors::STREAM_MAX_BYTES_REQUIRED.error());
    }
    (context.reserve)(config)?;
    let limit = (context.max_stream_bytes)(&context.account_bytes, config.storage);
    if limit > 0 && config.max_bytes > limit {
        return Err(errors::STREAM_MAX_STREAM_BYTES_EXCEEDED.error());
    }
    Ok(())
}

fn check_transforms(config: &mut StreamConfig, is_pedantic: bool) -> Result<(), ApiError> {
    if let Some(transform) = &config.subject_transform {
        if !transform.src.is_empty() && !is_valid_subject(&transform.src) {
            let text = format_args!("invalid subject {}", transform.src).to_string();
            return Err(errors::STREAM_TRANSFORM_INVALID_SOURCE.with(text));
        }
        // Without a destination nothing is changed.
        if !transform.dest.is_empty() {
            Transform::validate_mapping(&transform.src, &transform.dest)
                .map_err(|cause| errors::STREAM_TRANSFORM_INVALID_DESTINATION.with(cause))?;
        }
    }
    let Some(mut republish) = config.republish.take() else { return Ok(()) };
    if republish.src.is_empty() {
        if is_pedantic {
            return Err(errors::PEDANTIC.with("republish source can not be empty"));
        }
        republish.src = ">".to_owned();
    }
    if let (">", ">", Some(transform), [subject]) =
        (republish.dest.as_str(), republish.src.as_str(), &config.subject_transform, config.subjects.as_slice())
        && transform.src == *subject
    {
        if is_pedantic {
            return Err(errors::PEDANTIC.with("implicit republish based on subject transform"));
        }
        (republish.src, republish.dest) = (transform.dest.clone(), transform.dest.clone());
    }
    if config.subjects.iter().any(|subject| collide(&republish.dest, subject)) {
        return Err(invalid("stream configuration for republish destination forms a cycle"));
    }
    if Transform::new(&republish.src, &republish.dest).is_err() {
        let (from, to) = (&republish.src, &republish.dest);
        return Err(invalid(format_args!(
            "stream configuration for republish with transform from '{from}' to '{to}' not valid"
        )));
    }
    config.republish = Some(republish);
    Ok(())
}
