//! Accounts from the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use super::AccountJetStream;
use super::auth::Permissions;
use super::rate::RateOptions;
use crate::subject::Mappings;

/// Limits of one account; `None` is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Most connections.
    pub max_connections: Option<u64>,
    /// Most subscriptions over all connections.
    pub max_subscriptions: Option<u64>,
    /// Largest message.
    pub max_payload: Option<usize>,
    /// Most leaf node connections.
    pub max_leafnodes: Option<u64>,
    /// How fast all its connections together may publish.
    pub rate: RateOptions,
}

/// Time a service has for a response when its export sets none.
pub const DEFAULT_RESPONSE_THRESHOLD: Duration = Duration::from_secs(120);

/// How many responses a service sends for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseType {
    /// One.
    #[default]
    Singleton,
    /// Any number.
    Stream,
    /// The pieces of one response, up to an empty one.
    Chunked,
}

/// Which requests of a service are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// So many of a hundred.
    Percent(u8),
    /// Those whose tracing headers ask for it.
    Headers,
}

/// Measurement of a service's latency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyOptions {
    /// Which requests are measured.
    pub sampling: Sampling,
    /// Where the results are published, in the exporting account.
    pub subject: String,
}

/// What an export offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Messages.
    Stream,
    /// Answers.
    Service {
        /// How many responses a request has.
        response: ResponseType,
        /// Time for a response; `None` is [`DEFAULT_RESPONSE_THRESHOLD`].
        threshold: Option<Duration>,
        /// Measurement, where it is wanted.
        latency: Option<LatencyOptions>,
        /// Message traces go on inside the account.
        allow_trace: bool,
    },
}

/// One export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// What is offered.
    pub kind: ExportKind,
    /// Subject, wildcards allowed.
    pub subject: String,
    /// Accounts that may import it; empty is everybody.
    pub accounts: Vec<String>,
    /// Token of the subject, from 1, that must be the name of the importing account; 0 is none.
    pub account_token_position: u32,
    /// Importing accounts must show an activation token.
    pub token_required: bool,
    /// Accounts, or `*`, whose activation tokens do not count where they were issued at this second or before.
    pub revocations: BTreeMap<String, i64>,
}

/// What an import takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// Messages.
    Stream {
        /// Put in front of the subject.
        prefix: Option<String>,
        /// Subject in the importing account, when there is no prefix.
        to: Option<String>,
        /// Message traces go on into the importing account.
        allow_trace: bool,
    },
    /// Answers.
    Service {
        /// Subject in the importing account.
        to: String,
        /// The service sees who asks.
        share: bool,
    },
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// What is taken.
    pub kind: ImportKind,
    /// Exporting account.
    pub account: String,
    /// Subject in the exporting account.
    pub subject: String,
    /// Activation token.
    pub token: Option<String>,
}

/// Message tracing asked for by an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// Where traces are published.
    pub destination: String,
    /// Percent of the messages whose trace context is sampled.
    pub sampling: u8,
}

/// One account. Its users are in [`super::AuthOptions::users`], each naming this account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountOptions {
    /// Name.
    pub name: String,
    /// Public account nkey, if given.
    pub nkey: Option<String>,
    /// Keys that sign for it, its own included.
    pub signing_keys: Vec<String>,
    /// Limits.
    pub limits: AccountLimits,
    /// What it may have of JetStream, if it has it.
    pub jetstream: Option<AccountJetStream>,
    /// Permissions of users that have none of their own; already in [`super::UserOptions::permissions`].
    pub default_permissions: Option<Permissions>,
    /// What other accounts may have.
    pub exports: Vec<ExportOptions>,
    /// What it takes from other accounts.
    pub imports: Vec<ImportOptions>,
    /// Where its clients' messages go instead.
    pub mappings: Mappings,
    /// Message tracing without a header that names a destination.
    pub trace: Option<TraceOptions>,
}
