//! What accounts share, as reports show it.

use std::collections::BTreeMap;

use troupe_codecs::report::accountz::{AccountSharing, ExportInfo, ImportInfo, MappingInfo};
use troupe_engine::account::{AccountLinks, ServiceExport, ServiceImport, StreamExport, StreamImport};
use troupe_engine::options::ResponseType;

use crate::report::sources::SharingSource;
use crate::router::AccountView;

/// Tells of the exports, imports and mappings in force.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sharing;

impl SharingSource for Sharing {
    fn sharing(&self, account: &AccountView) -> AccountSharing {
        let exchange = account.exchange();
        let links = exchange.links();
        let mappings: BTreeMap<String, Vec<MappingInfo>> = exchange.mappings(|mappings| {
            let info = |mapping: &troupe_engine::subject::Mapping| {
                let destinations = mapping.destinations().iter().map(|destination| MappingInfo {
                    subject: destination.subject.clone(),
                    weight: destination.weight,
                    cluster: destination.cluster.clone().unwrap_or_default(),
                });
                (mapping.source().to_owned(), destinations.collect())
            };
            mappings.iter().map(info).collect()
        });
        AccountSharing { mappings, exports: exports(&links), imports: imports(&links) }
    }
}

fn exports(links: &AccountLinks) -> Vec<ExportInfo> {
    let services = links.service_exports().map(|export| service_export(export));
    services.chain(links.stream_exports().map(|export| stream_export(export))).collect()
}

fn service_export(export: &ServiceExport) -> ExportInfo {
    ExportInfo {
        subject: export.subject.to_string(),
        kind: "service",
        token_req: export.approval.token_required,
        response_type: match export.response {
            ResponseType::Singleton => "Singleton",
            ResponseType::Stream => "Streamed",
            ResponseType::Chunked => "Chunked",
        },
        approved_accounts: export.approval.accounts.iter().cloned().collect(),
        ..ExportInfo::default()
    }
}

fn stream_export(export: &StreamExport) -> ExportInfo {
    ExportInfo {
        subject: export.subject.to_string(),
        kind: "stream",
        token_req: export.approval.token_required,
        approved_accounts: export.approval.accounts.iter().cloned().collect(),
        ..ExportInfo::default()
    }
}

fn imports(links: &AccountLinks) -> Vec<ImportInfo> {
    let streams = links.stream_imports().map(|import| stream_import(import));
    streams.chain(links.service_imports().map(|import| service_import(import))).collect()
}

fn stream_import(import: &StreamImport) -> ImportInfo {
    ImportInfo {
        subject: import.from.to_string(),
        account: import.exporter.to_string(),
        local_subject: import.to.to_string(),
        kind: "stream",
        ..ImportInfo::default()
    }
}

fn service_import(import: &ServiceImport) -> ImportInfo {
    ImportInfo {
        subject: import.to.to_string(),
        account: import.exporter.to_string(),
        to: import.from.to_string(),
        local_subject: import.from.to_string(),
        kind: "service",
        share: import.share,
        tracking: import.export.as_ref().is_some_and(|export| export.latency.is_some()),
        ..ImportInfo::default()
    }
}
