//! Exports, imports and mappings of `/accountz`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_codecs::report::accountz::{AccountSharing, ExportInfo, ImportInfo, MappingInfo};
use troupe_engine::account::AccountLinks;
use troupe_engine::options::{
    ExportKind, ExportOptions, GLOBAL_ACCOUNT, LatencyOptions, Options, ResponseType, Sampling,
};
use troupe_engine::subject::{Destination, Mapping, Mappings};

use crate::router::AccountView;

/// Requests to JetStream.
const JETSTREAM_API: &str = "$JS.API.>";

/// What the system account has for others.
const SYSTEM_EXPORTS: [(&str, ResponseType); 5] = [
    (JETSTREAM_API, ResponseType::Singleton),
    ("$SYS.DEBUG.SUBSCRIBERS", ResponseType::Singleton),
    ("$SYS.REQ.USER.*.INFO", ResponseType::Singleton),
    ("$SYS.REQ.ACCOUNT.*.CONNZ", ResponseType::Stream),
    ("$SYS.REQ.ACCOUNT.*.STATZ", ResponseType::Stream),
];

/// What an account shares, takes over and maps. nats-server shows JetStream as an import from the system account, where
/// the server has it also of accounts without, but for those that ask another account.
pub(super) fn sharing(options: &Options, account: &AccountView, is_served: bool) -> AccountSharing {
    let (name, system) = (&**account.name(), options.system_account_name());
    let own = options.accounts.get(name);
    let mappings = match own {
        Some(account) => &account.mappings,
        None if name == GLOBAL_ACCOUNT => &options.mappings,
        None => &Mappings::default(),
    };
    let links = account.exchange().links();
    let has_own = own.is_some_and(|account| account.jetstream.is_some());
    let is_asked = has_own || is_served && !links.asks_others_for_jetstream();
    let api = system.filter(|system| is_asked && *system != name).map(|system| ImportInfo {
        subject: JETSTREAM_API.to_owned(),
        account: system.to_owned(),
        to: JETSTREAM_API.to_owned(),
        local_subject: JETSTREAM_API.to_owned(),
        kind: "service",
        share: true,
        ..ImportInfo::default()
    });
    let has_jetstream = is_served || options.accounts.iter().any(|account| account.jetstream.is_some());
    let services = SYSTEM_EXPORTS.iter().filter(|_| system == Some(name));
    let services =
        services.filter(|(subject, _)| has_jetstream || *subject != JETSTREAM_API).map(|(subject, response)| {
            ExportInfo {
                subject: (*subject).to_owned(),
                kind: "service",
                response_type: response_text(*response),
                ..ExportInfo::default()
            }
        });
    AccountSharing {
        mappings: shown_mappings(
            account.exchange().domain().iter().flat_map(|domain| domain.iter()).chain(mappings.iter()),
        ),
        exports: own.iter().flat_map(|account| account.exports.iter().map(export)).chain(services).collect(),
        imports: imports(&links).chain(api).collect(),
    }
}

fn shown_mappings<'m>(mappings: impl Iterator<Item = &'m Mapping>) -> BTreeMap<String, Vec<MappingInfo>> {
    mappings.map(|mapping| (mapping.source().to_owned(), shown_destinations(mapping))).collect()
}

/// As nats-server keeps them: by cluster, lightest first, each weight with those before it, and what is left over stays on the
/// source.
fn shown_destinations(mapping: &Mapping) -> Vec<MappingInfo> {
    let mut by_cluster: BTreeMap<&str, Vec<(u8, &str)>> = BTreeMap::new();
    for Destination { subject, weight, cluster } in mapping.destinations() {
        by_cluster.entry(cluster.as_deref().unwrap_or_default()).or_default().push((*weight, subject));
    }
    let mut shown = Vec::new();
    for (cluster, mut destinations) in by_cluster {
        let sum: u8 = destinations.iter().fold(0, |sum, (weight, _)| sum.saturating_add(*weight));
        if sum < 100 && destinations.iter().all(|(_, subject)| *subject != mapping.source()) {
            destinations.push((100 - sum, mapping.source()));
        }
        destinations.sort_by_key(|(weight, _)| *weight);
        let mut up_to: u8 = 0;
        for (weight, subject) in destinations {
            up_to = up_to.saturating_add(weight);
            let (subject, cluster) = (subject.to_owned(), cluster.to_owned());
            shown.push(MappingInfo { subject, weight: up_to, cluster });
        }
    }
    shown
}

fn export(export: &ExportOptions) -> ExportInfo {
    let (kind, response_type, service_latency) = match &export.kind {
        ExportKind::Stream => ("stream", "", None),
        ExportKind::Service { response, latency, .. } => {
            ("service", response_text(*response), latency.as_ref().map(shown_latency))
        }
    };
    ExportInfo {
        subject: export.subject.clone(),
        kind,
        token_req: false,
        response_type,
        service_latency,
        approved_accounts: export.accounts.clone(),
    }
}

fn response_text(response: ResponseType) -> &'static str {
    match response {
        ResponseType::Singleton => "Singleton",
        ResponseType::Stream => "Streamed",
        ResponseType::Chunked => "Chunked",
    }
}

fn shown_latency(latency: &LatencyOptions) -> Value {
    let sampling = match latency.sampling {
        Sampling::Percent(percent) => json!(percent),
        Sampling::Headers => json!("headers"),
    };
    json!({ "sampling": sampling, "results": latency.subject })
}

fn imports(links: &AccountLinks) -> impl Iterator<Item = ImportInfo> {
    let streams = links.stream_imports().map(|import| ImportInfo {
        subject: import.from.to_string(),
        account: import.exporter.to_string(),
        local_subject: import.to.to_string(),
        kind: "stream",
        ..ImportInfo::default()
    });
    let services = links.service_imports().map(|import| ImportInfo {
        subject: import.to.to_string(),
        account: import.exporter.to_string(),
        to: import.from.to_string(),
        local_subject: import.from.to_string(),
        kind: "service",
        share: import.share,
        latency: import.export.as_ref().and_then(|export| export.latency.as_ref()).map(shown_latency),
        ..ImportInfo::default()
    });
    streams.chain(services)
}
