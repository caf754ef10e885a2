//! Checks what a stream is fed from: its mirror and its sources.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use troupe_codecs::api::stream::{ConsumerSource, StreamSource, SubjectTransform};
use troupe_codecs::api::{ApiError, StreamConfig, errors};
use troupe_codecs::quote::quote;
use troupe_codecs::subject::{is_subset, is_valid_publish};

use super::config::{ConfigContext, collide, invalid, is_valid_name, is_valid_subject};
use crate::subject::Transform;

/// Prefixes and subjects met on the way.
#[derive(Default)]
struct Met {
    subjects: Vec<String>,
    deliver_prefixes: Vec<String>,
    api_prefixes: Vec<String>,
}

impl Met {
    fn note_external(&mut self, source: &StreamSource) {
        let Some(external) = &source.external else { return };
        self.deliver_prefixes.extend((!external.deliver.is_empty()).then(|| external.deliver.clone()));
        self.api_prefixes.extend((!external.api.is_empty()).then(|| external.api.clone()));
    }
}

/// Checks mirror and sources, and takes over whether the mirrored stream may be read directly.
pub(super) fn check_sources(config: &mut StreamConfig, context: &ConfigContext<'_>) -> Result<(), ApiError> {
    let mut met = Met::default();
    if let Some(mirror) = config.mirror.clone() {
        check_mirror(config, &mirror, context, &mut met)?;
    }
    if !config.sources.is_empty() && config.allow_msg_schedules {
        return Err(errors::SOURCE_WITH_MSG_SCHEDULES.error());
    }
    let (mut names, mut consumers) = (HashSet::new(), HashSet::new());
    for source in &config.sources {
        if !is_valid_name(&source.name) {
            return Err(errors::SOURCE_INVALID_STREAM_NAME.error());
        }
        if !names.insert(index_name(source)) {
            return Err(errors::SOURCE_DUPLICATE_DETECTED.error());
        }
        check_source(config, source, context, &mut met)?;
        if source.consumer.is_some() && !consumers.insert(consumer_name(source)) {
            return Err(errors::SOURCE_DURABLE_CONSUMER_DUPLICATE_DETECTED.error());
        }
    }
    check_prefixes(&met)
}

fn check_mirror(
    config: &mut StreamConfig,
    mirror: &StreamSource,
    context: &ConfigContext<'_>,
    met: &mut Met,
) -> Result<(), ApiError> {
    check_mirror_features(config)?;
    if let Some(consumer) = &mirror.consumer
        && !is_usable_consumer(consumer, mirror)
    {
        return Err(errors::MIRROR_DURABLE_CONSUMER_CFG_INVALID.error());
    }
    if !mirror.filter_subject.is_empty() && !mirror.subject_transforms.is_empty() {
        return Err(errors::MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    if config.subject_delete_marker_ttl > 0 {
        return Err(invalid("subject delete markers forbidden on mirrors"));
    }
    for (number, transform) in mirror.subject_transforms.iter().enumerate() {
        check_transform(
            transform,
            errors::MIRROR_INVALID_SUBJECT_FILTER,
            errors::MIRROR_INVALID_TRANSFORM_DESTINATION,
        )?;
        let mut others = mirror.subject_transforms.iter().enumerate().filter(|(other, _)| *other != number);
        if others.any(|(_, other)| collide(&transform.src, &other.src)) {
            return Err(errors::MIRROR_OVERLAPPING_SUBJECT_FILTERS.error());
        }
    }
    if mirror.external.is_some() {
        met.note_external(mirror);
        return Ok(());
    }
    if !is_valid_name(&mirror.name) {
        return Err(errors::MIRROR_INVALID_STREAM_NAME.error());
    }
    if let Some(origin) = (context.find)(&mirror.name) {
        met.subjects.extend(origin.subjects.iter().cloned());
        if is_smaller(config, &origin) {
            return Err(errors::MIRROR_MAX_MESSAGE_SIZE_TOO_BIG.error());
        }
        if context.is_pedantic && config.mirror_direct != origin.allow_direct {
            return Err(errors::PEDANTIC.with("origin stream has direct get set, mirror has it disabled"));
        }
        config.mirror_direct = origin.allow_direct;
    }
    Ok(())
}

fn check_mirror_features(config: &StreamConfig) -> Result<(), ApiError> {
    let refused = [
        (config.first_seq > 0, errors::MIRROR_WITH_FIRST_SEQ),
        (!config.subjects.is_empty(), errors::MIRROR_WITH_SUBJECTS),
        (!config.sources.is_empty(), errors::MIRROR_WITH_SOURCES),
        (config.allow_msg_counter, errors::MIRROR_WITH_COUNTERS),
        (config.allow_atomic_publish, errors::MIRROR_WITH_ATOMIC_PUBLISH),
        (config.allow_batch_publish, errors::MIRROR_WITH_BATCH_PUBLISH),
        (config.allow_msg_schedules, errors::MIRROR_WITH_MSG_SCHEDULES),
    ];
    refused.iter().find(|(is_set, _)| *is_set).map_or(Ok(()), |(_, error)| Err(error.error()))
}

fn check_source(
    config: &StreamConfig,
    source: &StreamSource,
    context: &ConfigContext<'_>,
    met: &mut Met,
) -> Result<(), ApiError> {
    if !source.filter_subject.is_empty() && !source.subject_transforms.is_empty() {
        return Err(errors::SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED.error());
    }
    for transform in &source.subject_transforms {
        check_transform(
            transform,
            errors::SOURCE_INVALID_SUBJECT_FILTER,
            errors::SOURCE_INVALID_TRANSFORM_DESTINATION,
        )?;
    }
    for (number, transform) in source.subject_transforms.iter().enumerate() {
        let mut others = source.subject_transforms.iter().enumerate().filter(|(other, _)| *other != number);
        if others.any(|(_, other)| is_subset(transform.src.as_bytes(), other.src.as_bytes())) {
            return Err(errors::SOURCE_OVERLAPPING_SUBJECT_FILTERS.error());
        }
    }
    if let Some(consumer) = &source.consumer
        && !is_usable_consumer(consumer, source)
    {
        return Err(errors::SOURCE_DURABLE_CONSUMER_CFG_INVALID.error());
    }
    if source.external.is_some() {
        met.note_external(source);
    } else if let Some(origin) = (context.find)(&source.name) {
        met.subjects.extend(origin.subjects.iter().cloned());
        if is_smaller(config, &origin) {
            return Err(errors::SOURCE_MAX_MESSAGE_SIZE_TOO_BIG.error());
        }
    }
    Ok(())
}

fn is_smaller(config: &StreamConfig, origin: &StreamConfig) -> bool {
    config.max_msg_size > 0 && origin.max_msg_size > 0 && config.max_msg_size < origin.max_msg_size
}

fn is_usable_consumer(consumer: &ConsumerSource, source: &StreamSource) -> bool {
    is_valid_name(&consumer.name)
        && is_valid_publish(consumer.deliver_subject.as_bytes())
        && source.opt_start_seq == 0
        && source.opt_start_time.is_none()
        && source.filter_subject.is_empty()
}

fn check_transform(
    transform: &SubjectTransform,
    bad_source: troupe_codecs::api::ErrorSpec,
    bad_destination: troupe_codecs::api::ErrorSpec,
) -> Result<(), ApiError> {
    if !transform.src.is_empty() && !is_valid_subject(&transform.src) {
        return Err(bad_source.with(format!("invalid subject {}", transform.src)));
    }
    if transform.dest.is_empty() {
        return Ok(());
    }
    Transform::validate_mapping(&transform.src, &transform.dest).map_err(|cause| bad_destination.with(cause))
}

fn check_prefixes(met: &Met) -> Result<(), ApiError> {
    for prefix in &met.deliver_prefixes {
        if !is_valid_publish(prefix.as_bytes()) {
            return Err(errors::STREAM_INVALID_EXTERNAL_DELIVERY_SUBJ.with(prefix));
        }
        if let Some(subject) = met.subjects.iter().find(|subject| collide(subject, &format!("{prefix}.{subject}"))) {
            return Err(errors::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS.with_all(&[prefix, subject]));
        }
    }
    for prefix in &met.api_prefixes {
        if !is_valid_publish(prefix.as_bytes()) {
            let prefix = quote(prefix.as_bytes());
            return Err(invalid(format_args!(
                "stream external api prefix {prefix} must be a valid subject without wildcards"
            )));
        }
        if collide(prefix, "$JS.API") {
            return Err(errors::STREAM_EXTERNAL_API_OVERLAP.with_all(&[prefix, &"$JS.API"]));
        }
    }
    Ok(())
}

/// Refuses streams that feed each other in a circle.
pub(super) fn check_cycles(config: &StreamConfig, context: &ConfigContext<'_>) -> Result<(), ApiError> {
    let mut visited = HashSet::new();
    let mut to_visit = VecDeque::from([Arc::new(config.clone())]);
    while let Some(config) = to_visit.pop_front() {
        visited.insert(config.name.clone());
        for source in config.sources.iter().filter(|source| source.external.is_none()) {
            if visited.contains(&source.name) {
                let filter = &source.filter_subject;
                if filter.is_empty() || config.subjects.iter().any(|subject| collide(subject, filter)) {
                    return Err(invalid("detected cycle"));
                }
            } else {
                to_visit.extend((context.find)(&source.name));
            }
        }
        if let Some(mirror) = config.mirror.as_ref().filter(|mirror| mirror.external.is_none()) {
            if visited.contains(&mirror.name) {
                return Err(invalid("detected cycle"));
            }
            to_visit.extend((context.find)(&mirror.name));
        }
    }
    Ok(())
}

/// What tells the sources of a stream apart, also in the header of what came from them.
#[must_use]
pub fn index_name(source: &StreamSource) -> String {
    let or_all = |subject: &str| if subject.is_empty() { ">".to_owned() } else { subject.to_owned() };
    let (sources, destinations) = if source.subject_transforms.is_empty() {
        (or_all(&source.filter_subject), ">".to_owned())
    } else {
        let part = |part: fn(&SubjectTransform) -> &String| {
            let parts: Vec<String> = source.subject_transforms.iter().map(|each| or_all(part(each))).collect();
            parts.join("\x0c")
        };
        (part(|transform| &transform.src), part(|transform| &transform.dest))
    };
    let mut name = stream_name(source);
    if let Some(consumer) = &source.consumer {
        name = format!("{name}:C={}", short_hash(&consumer.name));
    }
    [name, sources, destinations].join(" ")
}

fn consumer_name(source: &StreamSource) -> String {
    let consumer = source.consumer.as_ref().map_or("", |consumer| &consumer.name);
    format!("{} {consumer}", stream_name(source))
}

fn stream_name(source: &StreamSource) -> String {
    match &source.external {
        Some(external) => format!("{}:{}", source.name, short_hash(&external.api)),
        None => source.name.clone(),
    }
}

/// The eight letters nats-server makes of a text where a short name is needed.
#[must_use]
pub fn short_hash(text: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    use sha2::Digest;
    let digest = sha2::Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
