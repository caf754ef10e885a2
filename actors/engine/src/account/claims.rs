//! Accounts as their tokens describe them.

use std::time::Duration;

use troupe_codecs::api::account::AccountLimits as JetStreamAccountLimits;
use troupe_codecs::jwt::claims::{ExportClaims, ImportClaims, PermissionClaims, SigningKey, SubjectLists};
use troupe_codecs::jwt::limits::{AccountLimitClaims, TierClaims};
use troupe_codecs::jwt::{AccountClaims, Claims};
use troupe_codecs::subject::{is_literal, is_valid_publish};

use crate::options::{
    AccountJetStream, AccountLimits, AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions,
    LatencyOptions, Permissions, RateOptions, ResponsePermission, ResponseType, Sampling, SubjectPermission,
    TraceOptions,
};
use crate::subject::{Destination, Mapping, Mappings};

/// The account a token describes.
#[must_use]
pub fn account_options(claims: &Claims<AccountClaims>) -> AccountOptions {
    let nats = &claims.nats;
    let limit = |number: i64| u64::try_from(number).ok();
    AccountOptions {
        name: claims.sub.clone(),
        nkey: Some(claims.sub.clone()),
        signing_keys: std::iter::once(claims.sub.as_str())
            .chain(nats.signing_keys.iter().map(SigningKey::key))
            .map(str::to_owned)
            .collect(),
        limits: AccountLimits {
            max_connections: limit(nats.limits.conn),
            max_subscriptions: limit(nats.limits.subs),
            max_payload: limit(nats.limits.payload).map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
            max_leafnodes: limit(nats.limits.leaf),
            rate: RateOptions::default(),
        },
        default_permissions: permissions(&nats.default_permissions),
        exports: nats.exports.iter().filter_map(export).collect(),
        imports: nats.imports.iter().filter_map(import).collect(),
        mappings: mappings(nats),
        trace: trace(nats),
        jetstream: jetstream(&nats.limits),
    }
}

/// A destination that is no subject is none, as in nats-server.
fn trace(claims: &AccountClaims) -> Option<TraceOptions> {
    let trace = claims.trace.as_ref().filter(|trace| is_valid_publish(trace.dest.as_bytes()))?;
    let sampling = if (1..=100).contains(&trace.sampling) { trace.sampling } else { 100 };
    Some(TraceOptions { destination: trace.dest.clone(), sampling })
}

/// What makes an account's token unfit to be kept, in nats-server's words.
#[must_use]
pub fn account_fault(claims: &Claims<AccountClaims>) -> Option<String> {
    let nats = &claims.nats;
    let limits = &nats.limits;
    let mut faults = Vec::new();
    let exceeds = |count: usize, limit: i64| i64::try_from(count).is_ok_and(|count| count > limit);
    if limits.imports != -1 && exceeds(nats.imports.len(), limits.imports) {
        let fault = "the account contains more imports than allowed by the operator";
        // It is looked at twice there.
        faults.extend(std::iter::repeat_n(fault, if limits.imports >= 0 { 2 } else { 1 }));
    }
    if limits.exports != -1 {
        if exceeds(nats.exports.len(), limits.exports) {
            faults.push("the account contains more exports than allowed by the operator");
        }
        let has_wildcards = |export: &&ExportClaims| !is_literal(export.subject.as_bytes());
        let count = nats.exports.iter().filter(has_wildcards).count();
        if !limits.wildcards {
            let fault = "the account contains wildcard exports that are not allowed by the operator";
            faults.extend(std::iter::repeat_n(fault, count));
        }
    }
    (!faults.is_empty()).then(|| format!("validation errors: [{}]", faults.join(" ")))
}

/// Rights; `None` when nothing is said of them.
#[must_use]
pub fn permissions(claims: &PermissionClaims) -> Option<Permissions> {
    let lists = |lists: &SubjectLists| {
        let is_said = !lists.allow.is_empty() || !lists.deny.is_empty();
        let allow = Some(lists.allow.clone()).filter(|allow| !allow.is_empty());
        is_said.then(|| SubjectPermission { allow, deny: lists.deny.clone() })
    };
    let responses = claims.resp.map(|resp| ResponsePermission {
        max_messages: if resp.max == 0 { 1 } else { resp.max },
        expires: match resp.ttl {
            0 => ResponsePermission::default().expires,
            ttl => u64::try_from(ttl).ok().map(Duration::from_nanos),
        },
    });
    let permissions = Permissions { publish: lists(&claims.publish), subscribe: lists(&claims.subscribe), responses };
    (permissions != Permissions::default()).then_some(permissions)
}

/// What the account may have of JetStream: nothing where it may store nothing.
fn jetstream(claims: &AccountLimitClaims) -> Option<AccountJetStream> {
    let stores = |limits: &TierClaims| limits.mem_storage != 0 || limits.disk_storage != 0;
    let (flat, tiers) = (claims.flat(), &claims.tiered_limits);
    let is_enabled = if tiers.is_empty() { stores(&flat) } else { tiers.values().any(stores) };
    if !is_enabled {
        return None;
    }
    if stores(&flat) {
        return Some(AccountJetStream::Flat(jetstream_limits(&flat)));
    }
    let tiers = tiers.iter().map(|(name, limits)| (name.clone(), jetstream_limits(limits)));
    Some(AccountJetStream::Tiered(tiers.collect()))
}

fn jetstream_limits(claims: &TierClaims) -> JetStreamAccountLimits {
    let positive = |number: i64| if number > 0 { number } else { -1 };
    JetStreamAccountLimits {
        max_memory: claims.mem_storage,
        max_storage: claims.disk_storage,
        max_streams: claims.streams,
        max_consumers: claims.consumer,
        max_ack_pending: positive(claims.max_ack_pending),
        memory_max_stream_bytes: positive(claims.mem_max_stream_bytes),
        storage_max_stream_bytes: positive(claims.disk_max_stream_bytes),
        max_bytes_required: claims.max_bytes_required,
    }
}

fn export(claims: &ExportClaims) -> Option<ExportOptions> {
    let kind = match claims.kind.as_str() {
        "stream" => ExportKind::Stream,
        "service" => ExportKind::Service {
            response: match claims.response_type.as_str() {
                "Stream" => ResponseType::Stream,
                "Chunked" => ResponseType::Chunked,
                _ => ResponseType::Singleton,
            },
            threshold: u64::try_from(claims.response_threshold).ok().filter(|time| *time > 0).map(Duration::from_nanos),
            latency: claims.service_latency.as_ref().map(|latency| LatencyOptions {
                sampling: if latency.sampling == 0 { Sampling::Headers } else { Sampling::Percent(latency.sampling) },
                subject: latency.results.clone(),
            }),
            allow_trace: claims.allow_trace,
        },
        _ => return None,
    };
    Some(ExportOptions {
        kind,
        subject: claims.subject.clone(),
        accounts: Vec::new(),
        account_token_position: claims.account_token_position,
        token_required: claims.token_req,
        revocations: claims.revocations.clone(),
    })
}

fn import(claims: &ImportClaims) -> Option<ImportOptions> {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let (kind, subject) = match claims.kind.as_str() {
        "stream" => {
            let (prefix, to) = match text(&claims.local_subject) {
                Some(local) => (None, Some(local)),
                None => (text(&claims.to), None),
            };
            (ImportKind::Stream { prefix, to, allow_trace: claims.allow_trace }, claims.subject.clone())
        }
        "service" => match text(&claims.local_subject) {
            Some(to) => (ImportKind::Service { to, share: claims.share }, claims.subject.clone()),
            // In older tokens the subject is the local one.
            None => {
                let subject = text(&claims.to).unwrap_or_else(|| claims.subject.clone());
                (ImportKind::Service { to: claims.subject.clone(), share: claims.share }, subject)
            }
        },
        _ => return None,
    };
    Some(ImportOptions { kind, account: claims.account.clone(), subject, token: text(&claims.token) })
}

/// Mappings that cannot be used are left out, as in nats-server.
fn mappings(claims: &AccountClaims) -> Mappings {
    let mut mappings = Mappings::default();
    for (source, destinations) in &claims.mappings {
        let destinations: Vec<Destination> = destinations
            .iter()
            .map(|destination| Destination {
                subject: destination.subject.clone(),
                weight: if destination.weight == 0 { 100 } else { destination.weight },
                cluster: Some(destination.cluster.clone()).filter(|cluster| !cluster.is_empty()),
            })
            .collect();
        if let Ok(mapping) = Mapping::new(source, &destinations) {
            mappings.add(mapping);
        }
    }
    mappings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_streams_are_for_all_or_by_the_number_of_copies() {
        let read = |json: &str| jetstream(&serde_json::from_str(json).expect("they are limits"));
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"tiered_limits":{"R1":{"streams":4}}}"#), None, "nothing may be stored");
        let Some(AccountJetStream::Flat(flat)) = read(r#"{"disk_storage":-1,"streams":7}"#) else { panic!("flat") };
        let shown = (flat.max_memory, flat.max_storage, flat.max_streams, flat.max_consumers, flat.max_ack_pending);
        assert_eq!(shown, (0, -1, 7, 0, -1));
        let tiers = read(r#"{"tiered_limits":{"R1":{"mem_storage":5,"disk_max_stream_bytes":9},"R3":{}}}"#);
        let Some(tiers @ AccountJetStream::Tiered(_)) = tiers else { panic!("tiered") };
        assert_eq!(tiers.of(0).map(|limits| (limits.max_memory, limits.storage_max_stream_bytes)), Some((5, 9)));
        assert_eq!(tiers.of(3).map(|limits| limits.max_memory), Some(0));
        assert_eq!(tiers.of(5), None);
    }
}
