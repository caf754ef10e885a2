//! Accounts as their tokens describe them.

use std::time::Duration;

use troupe_codecs::jwt::claims::{
    AccountLimitClaims, ExportClaims, ImportClaims, PermissionClaims, SigningKey, SubjectLists,
};
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
fn jetstream(limits: &AccountLimitClaims) -> Option<AccountJetStream> {
    if limits.mem_storage == 0 && limits.disk_storage == 0 {
        return None;
    }
    // Zero means no limit for everything but the bytes.
    let count = |number: i64| if number == 0 { -1 } else { number };
    Some(AccountJetStream {
        max_memory: limits.mem_storage,
        max_storage: limits.disk_storage,
        max_streams: count(limits.streams),
        max_consumers: count(limits.consumer),
        max_ack_pending: count(limits.max_ack_pending),
        memory_max_stream_bytes: count(limits.mem_max_stream_bytes),
        storage_max_stream_bytes: count(limits.disk_max_stream_bytes),
        max_bytes_required: limits.max_bytes_required,
    })
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
