//! All accounts with what they export and import, checked against each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;
use troupe_codecs::subject::{is_literal, is_subset, is_valid_publish, is_valid_subscription};

use super::cycles::{self, Kind};
use super::exports::{covering, may_import};
use super::{Approval, ServiceExport, ServiceImport, StreamExport, StreamImport};
use crate::options::{
    DEFAULT_RESPONSE_THRESHOLD, ExportKind, ExportOptions, ImportKind, ImportOptions, LatencyOptions, ResponseType,
};
use crate::subject::transform::{tokenize, untokenize};
use crate::subject::{Transform, TransformError};

/// Services of the system account for other accounts.
const SYSTEM_SERVICES: [(&str, ResponseType); 3] = [
    ("$SYS.REQ.ACCOUNT.*.CONNZ", ResponseType::Stream),
    ("$SYS.REQ.ACCOUNT.*.STATZ", ResponseType::Stream),
    ("$SYS.REQ.USER.*.INFO", ResponseType::Singleton),
];

/// Subject in an account, what it leads to with the account's name for the wildcard, and whether the service sees who asks.
const SYSTEM_IMPORTS: [(&str, &str, bool); 4] = [
    ("$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.ACCOUNT.*.CONNZ", false),
    ("$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.*.CONNZ", false),
    ("$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.ACCOUNT.*.STATZ", false),
    ("$SYS.REQ.USER.INFO", "$SYS.REQ.USER.*.INFO", true),
];

/// The request that says which account's JetStream is asked.
const JETSTREAM_INFO: &[u8] = b"$JS.API.INFO";

/// Why an export or import is refused. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// The exporting account is not there.
    #[error("account missing")]
    MissingAccount,
    /// A subject is none.
    #[error("sublist: invalid subject")]
    InvalidSubject,
    /// The subject of measurements is none, or an exported service.
    #[error("invalid publish subject")]
    BadPublishSubject,
    /// Only services with one response are measured.
    #[error("bad service response type")]
    BadServiceType,
    /// Measurements need a system account.
    #[error("system account not setup")]
    NoSystemAccount,
    /// The exporter does not let this account have the stream.
    #[error("stream import not authorized")]
    StreamNotAuthorized,
    /// The exporter does not let this account have the service.
    #[error("service import not authorized")]
    ServiceNotAuthorized,
    /// A prefix with wildcards.
    #[error("stream import prefix can not contain wildcard tokens")]
    BadPrefix,
    /// The same stream twice.
    #[error("stream import already exists")]
    DuplicateStream,
    /// The same local subject twice for one exporter.
    #[error(
        "duplicate service import subject {from:?}, previously used in import for account {account:?}, subject {to:?}"
    )]
    DuplicateService {
        /// Subject in the importing account.
        from: String,
        /// Exporting account.
        account: String,
        /// Subject there.
        to: String,
    },
    /// The import leads back.
    #[error("import forms a cycle")]
    Cycle,
    /// Too many accounts in a row.
    #[error("search cycle depth exhausted")]
    CycleDepth,
    /// The subjects of an import do not fit.
    #[error("failed to create mapping transform for {kind} import subject from {from:?} to {to:?}: {cause}")]
    Transform {
        /// `stream` or `service`.
        kind: &'static str,
        /// Subject on one side.
        from: String,
        /// Subject on the other.
        to: String,
        /// What is wrong.
        cause: TransformError,
    },
}

/// What one account exports and imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountLinks {
    streams: Vec<Arc<StreamExport>>,
    services: Vec<Arc<ServiceExport>>,
    stream_imports: Vec<Arc<StreamImport>>,
    service_imports: Vec<Arc<ServiceImport>>,
}

impl AccountLinks {
    /// Streams it imports.
    pub fn stream_imports(&self) -> impl Iterator<Item = &Arc<StreamImport>> {
        self.stream_imports.iter()
    }

    /// Services it imports.
    pub fn service_imports(&self) -> impl Iterator<Item = &Arc<ServiceImport>> {
        self.service_imports.iter()
    }

    /// The export behind `subject`.
    #[must_use]
    pub fn service_export(&self, subject: &str) -> Option<&Arc<ServiceExport>> {
        covering(&self.services, subject)
    }

    /// Whether requests to JetStream go to another account, as its imports want it.
    #[must_use]
    pub fn asks_others_for_jetstream(&self) -> bool {
        self.service_imports.iter().any(|import| is_subset(JETSTREAM_INFO, import.from.as_bytes()))
    }

    pub(super) fn exports_stream(&self, subject: &str) -> bool {
        self.streams.iter().any(|export| is_subset(subject.as_bytes(), export.subject.as_bytes()))
    }
}

/// All accounts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    accounts: BTreeMap<Arc<str>, AccountLinks>,
}

impl Graph {
    /// Makes an account, if it is not there.
    pub fn add_account(&mut self, name: &str) {
        if !self.accounts.contains_key(name) {
            self.accounts.insert(name.into(), AccountLinks::default());
        }
    }

    /// Forgets what an account exports; imports of others from it stay.
    pub(super) fn clear_exports(&mut self, name: &str) {
        if let Some(links) = self.accounts.get_mut(name) {
            links.streams.clear();
            links.services.clear();
        }
    }

    /// Forgets what an account imports.
    pub(super) fn clear_imports(&mut self, name: &str) {
        if let Some(links) = self.accounts.get_mut(name) {
            links.stream_imports.clear();
            links.service_imports.clear();
        }
    }

    /// What an account exports and imports.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AccountLinks> {
        self.accounts.get(name)
    }

    /// All accounts.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &AccountLinks)> {
        self.accounts.iter()
    }

    /// Lets every account ask the system account for what concerns itself.
    pub fn link_system<'n>(&mut self, system: &str, names: impl Iterator<Item = &'n str>) {
        self.add_account(system);
        for (subject, response) in SYSTEM_SERVICES {
            let export = ServiceExport {
                subject: subject.into(),
                approval: Approval::default(),
                response,
                threshold: DEFAULT_RESPONSE_THRESHOLD,
                latency: None,
                allow_trace: false,
            };
            // The system account is there, and the subjects are.
            let _ = self.export_service(system, export);
        }
        for name in names {
            self.add_account(name);
            for (local, target, share) in SYSTEM_IMPORTS {
                if name == system && !share {
                    continue;
                }
                let export = self.get(system).and_then(|links| links.service_export(target)).cloned();
                let to = target.replacen('*', name, 1);
                let import = service_import(system, local, &to, export, share);
                if let (Ok(import), Ok(links)) = (import, self.links(name)) {
                    links.service_imports.push(Arc::new(import));
                }
            }
        }
    }

    fn links(&mut self, name: &str) -> Result<&mut AccountLinks, LinkError> {
        self.accounts.get_mut(name).ok_or(LinkError::MissingAccount)
    }

    pub(super) fn export_option(
        &mut self,
        account: &str,
        export: &ExportOptions,
        has_system: bool,
        faults: &mut Vec<String>,
    ) {
        let (subject, kind) = (&export.subject, if export.kind == ExportKind::Stream { "stream" } else { "service" });
        let mut approval = Approval {
            account_token_position: export.account_token_position,
            token_required: export.token_required,
            ..Approval::default()
        };
        for name in &export.accounts {
            match self.accounts.contains_key(name.as_str()) {
                true => _ = approval.accounts.insert(name.clone()),
                false => faults.push(format!("{name:?} account not defined for {kind} export")),
            }
        }
        let added = match &export.kind {
            ExportKind::Stream => self.export_stream(account, subject, approval),
            ExportKind::Service { response, threshold, allow_trace, .. } => {
                let export = ServiceExport {
                    subject: subject.as_str().into(),
                    approval,
                    response: *response,
                    threshold: threshold.unwrap_or(DEFAULT_RESPONSE_THRESHOLD),
                    latency: None,
                    allow_trace: *allow_trace,
                };
                self.export_service(account, export)
            }
        };
        if let Err(error) = added {
            return faults.push(format!("Error adding {kind} export {subject:?}: {error}"));
        }
        let ExportKind::Service { latency: Some(latency), .. } = &export.kind else { return };
        if !has_system {
            let error = LinkError::NoSystemAccount;
            return faults.push(format!("Error adding service latency sampling for {subject:?}: {error}"));
        }
        if let Err(error) = self.measure_service(account, subject, latency) {
            let results = &latency.subject;
            faults
                .push(format!("Error adding service latency sampling for {subject:?} on subject {results:?}: {error}"));
        }
    }

    pub(super) fn import_option(
        &mut self,
        account: &str,
        import: &ImportOptions,
        has_token: bool,
        faults: &mut Vec<String>,
    ) {
        let (exporter, subject) = (&import.account, &import.subject);
        let kind = if matches!(import.kind, ImportKind::Stream { .. }) { "stream" } else { "service" };
        if !self.accounts.contains_key(exporter.as_str()) {
            return faults.push(format!("{exporter:?} account not defined for {kind} import"));
        }
        if let Err(error) = self.import(account, import, has_token) {
            faults.push(format!("Error adding {kind} import {subject:?}: {error}"));
        }
    }

    /// Lets others have the messages on `subject`.
    ///
    /// # Errors
    /// The account is missing, or the subject has no wildcard for the importing account.
    pub fn export_stream(&mut self, account: &str, subject: &str, approval: Approval) -> Result<(), LinkError> {
        let streams = &mut self.links(account)?.streams;
        if !approval.fits(subject) {
            return Err(LinkError::InvalidSubject);
        }
        streams.retain(|other| *other.subject != *subject);
        streams.push(Arc::new(StreamExport { subject: subject.into(), approval }));
        Ok(())
    }

    /// Lets others ask a service.
    ///
    /// # Errors
    /// As for a stream.
    pub fn export_service(&mut self, account: &str, export: ServiceExport) -> Result<(), LinkError> {
        let services = &mut self.links(account)?.services;
        if !export.approval.fits(&export.subject) {
            return Err(LinkError::InvalidSubject);
        }
        services.retain(|other| other.subject != export.subject);
        services.push(Arc::new(export));
        Ok(())
    }

    /// Measures an exported service.
    ///
    /// # Errors
    /// The results cannot be published on that subject, or the service has more than one response.
    pub fn measure_service(&mut self, account: &str, subject: &str, latency: &LatencyOptions) -> Result<(), LinkError> {
        let links = self.links(account)?;
        let results = &latency.subject;
        if !is_valid_publish(results.as_bytes()) || links.service_export(results).is_some() {
            return Err(LinkError::BadPublishSubject);
        }
        let export = links.services.iter_mut().find(|export| *export.subject == *subject);
        let export = export.ok_or(LinkError::MissingAccount)?;
        if export.response != ResponseType::Singleton {
            return Err(LinkError::BadServiceType);
        }
        Arc::make_mut(export).latency = Some(latency.clone());
        Ok(())
    }

    /// Adds an import. `has_token`: the account shows a valid activation token for it.
    ///
    /// # Errors
    /// It is not allowed, is there already, leads back, or its subjects do not fit.
    pub fn import(&mut self, account: &str, import: &ImportOptions, has_token: bool) -> Result<(), LinkError> {
        match &import.kind {
            ImportKind::Stream { prefix, to, allow_trace } => {
                self.import_stream(account, import, (prefix.as_deref(), to.as_deref()), *allow_trace, has_token)
            }
            ImportKind::Service { to, share } => self.import_service(account, import, to, *share, has_token),
        }
    }

    fn import_stream(
        &mut self,
        account: &str,
        import: &ImportOptions,
        (prefix, to): (Option<&str>, Option<&str>),
        allow_trace: bool,
        has_token: bool,
    ) -> Result<(), LinkError> {
        let (exporter, from) = (import.account.as_str(), import.subject.as_str());
        let exports = self.get(exporter).ok_or(LinkError::MissingAccount)?;
        let is_allowed =
            is_valid_subscription(from.as_bytes()) && may_import(&exports.streams, account, from, has_token);
        if !is_allowed {
            return Err(LinkError::StreamNotAuthorized);
        }
        let to = match (prefix.filter(|prefix| !prefix.is_empty()), to.filter(|to| !to.is_empty())) {
            (Some(prefix), _) if !is_literal(prefix.as_bytes()) => return Err(LinkError::BadPrefix),
            (Some(prefix), _) => format!("{}.{from}", prefix.strip_suffix('.').unwrap_or(prefix)),
            (None, Some(to)) => to.to_owned(),
            (None, None) => from.to_owned(),
        };
        cycles::check(self, Kind::Stream, account, exporter, &to)?;
        cycles::check(self, Kind::Stream, account, exporter, from)?;
        let import = stream_import(exporter, from, &to, allow_trace)?;
        let imports = &mut self.links(account)?.stream_imports;
        if imports.iter().any(|other| *other.exporter == *exporter && *other.from == *from) {
            return Err(LinkError::DuplicateStream);
        }
        imports.push(Arc::new(import));
        Ok(())
    }

    fn import_service(
        &mut self,
        account: &str,
        import: &ImportOptions,
        from: &str,
        share: bool,
        has_token: bool,
    ) -> Result<(), LinkError> {
        let (exporter, to) = (import.account.as_str(), import.subject.as_str());
        let exports = self.get(exporter).ok_or(LinkError::MissingAccount)?;
        let from = if from.is_empty() { to } else { from };
        if ![from, to].iter().all(|subject| is_valid_subscription(subject.as_bytes())) {
            return Err(LinkError::InvalidSubject);
        }
        if !may_import(&exports.services, account, to, has_token) {
            return Err(LinkError::ServiceNotAuthorized);
        }
        let has_wildcards = !is_literal(to.as_bytes());
        let pattern = if has_wildcards { untokenize(from).0 } else { from.to_owned() };
        cycles::check(self, Kind::Service, account, exporter, &pattern)?;
        let export = exports.service_export(to).cloned();
        let import = service_import(exporter, from, to, export, share)?;
        let imports = &mut self.links(account)?.service_imports;
        if let Some(same) = imports.iter().find(|other| *other.exporter == *exporter && *other.from == *from) {
            let (account, to) = (same.exporter.to_string(), same.to.to_string());
            return Err(LinkError::DuplicateService { from: from.to_owned(), account, to });
        }
        imports.push(Arc::new(import));
        Ok(())
    }
}

fn stream_import(exporter: &str, from: &str, to: &str, allow_trace: bool) -> Result<StreamImport, LinkError> {
    let has_wildcards = !is_literal(from.as_bytes());
    let is_same = has_wildcards && to == from;
    let transform = if has_wildcards && !is_same {
        let transform = Transform::strict(from, &tokenize(to));
        Some(transform.map_err(|cause| LinkError::Transform {
            kind: "stream",
            from: from.to_owned(),
            to: to.to_owned(),
            cause,
        })?)
    } else {
        None
    };
    let to = if transform.is_some() { untokenize(to).0 } else { to.to_owned() };
    Ok(StreamImport { exporter: exporter.into(), from: from.into(), to: to.into(), transform, is_same, allow_trace })
}

fn service_import(
    exporter: &str,
    from: &str,
    to: &str,
    export: Option<Arc<ServiceExport>>,
    share: bool,
) -> Result<ServiceImport, LinkError> {
    let has_wildcards = !is_literal(to.as_bytes());
    let is_same = has_wildcards && to == from;
    let mut import = ServiceImport {
        exporter: exporter.into(),
        export,
        from: from.into(),
        to: to.into(),
        transform: None,
        is_same,
        share,
    };
    if has_wildcards && !is_same {
        let to = untokenize(to).0;
        let transform = Transform::strict(&to, &tokenize(from)).map_err(|cause| LinkError::Transform {
            kind: "service",
            from: from.to_owned(),
            to: to.clone(),
            cause,
        })?;
        import.transform = transform.reverse();
        import.from = untokenize(from).0.into();
        import.to = to.into();
    }
    Ok(import)
}
