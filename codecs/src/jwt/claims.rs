//! What stands in a token.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

use super::answers::{DeletionClaims, ExternalClaims, ResponseClaims};
use super::limits::AccountLimitClaims;

/// What is special to a kind of token.
pub trait Body {
    /// Its name.
    const KIND: &'static str;
    /// First letters of keys that may issue it.
    const ISSUERS: &'static [char];
    /// First letters of keys it may be about; empty where that is looked at later.
    const SUBJECTS: &'static [char];
    /// What nats-server says of tokens of another kind.
    const OTHERWISE: &'static str;
    /// The kind that the token says it is.
    fn kind(&self) -> &str;
    /// The version that the token says it is.
    fn version(&self) -> u8;
}

/// A token's claims.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Claims<B> {
    /// Identifier.
    #[serde(default)]
    pub jti: String,
    /// When it was issued, in seconds since 1970.
    #[serde(default)]
    pub iat: i64,
    /// Public key that issued it.
    #[serde(default)]
    pub iss: String,
    /// Readable name.
    #[serde(default)]
    pub name: String,
    /// Public key it is about.
    #[serde(default)]
    pub sub: String,
    /// Whom it is for.
    #[serde(default)]
    pub aud: String,
    /// End of its life; zero is never.
    #[serde(default)]
    pub exp: i64,
    /// Beginning of its life; zero is always.
    #[serde(default)]
    pub nbf: i64,
    /// The rest.
    pub nats: B,
}

impl<B> Claims<B> {
    /// Whether its life includes the moment `now`, in seconds since 1970.
    #[must_use]
    pub fn is_alive(&self, now: i64) -> bool {
        (self.exp == 0 || now <= self.exp) && (self.nbf == 0 || now >= self.nbf)
    }

    /// Whether its life had an end before `now`, in seconds since 1970.
    #[must_use]
    pub fn is_over(&self, now: i64) -> bool {
        self.exp > 0 && self.exp < now
    }
}

macro_rules! body {
    ($name:ident, $kind:literal, $issuers:expr, $subjects:expr) => {
        body!($name, $kind, $issuers, $subjects, concat!("not ", $kind, " claim"));
    };
    ($name:ident, $kind:literal, $issuers:expr, $subjects:expr, $otherwise:expr) => {
        impl Body for $name {
            const KIND: &'static str = $kind;
            const ISSUERS: &'static [char] = $issuers;
            const SUBJECTS: &'static [char] = $subjects;
            const OTHERWISE: &'static str = $otherwise;

            fn kind(&self) -> &str {
                &self.kind
            }

            fn version(&self) -> u8 {
                self.version
            }
        }
    };
}

body!(OperatorClaims, "operator", &['O'], &['O']);
body!(AccountClaims, "account", &['A', 'O'], &['A']);
body!(ActivationClaims, "activation", &['A', 'O'], &['A']);
body!(DeletionClaims, "generic", &['O'], &[]);
body!(UserClaims, "user", &['A'], &['U']);
body!(
    ResponseClaims,
    "authorization_response",
    &['A'],
    &[],
    // What nats-server says of it has the other word.
    "not an authorization request claim"
);

/// An operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OperatorClaims {
    /// Keys that sign for it.
    pub signing_keys: Vec<String>,
    /// The system account.
    pub system_account: String,
    /// Web server with the tokens of accounts.
    pub account_server_url: String,
    /// Oldest server that may use it.
    pub assert_server_version: String,
    /// Its own key signs no accounts.
    pub strict_signing_key_usage: bool,
    /// Tags.
    pub tags: Vec<String>,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// A right to import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ActivationClaims {
    /// Exported subject.
    pub subject: String,
    /// Account, where a signing key issued it.
    pub issuer_account: String,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// Subjects allowed and denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectLists {
    /// Allowed; none is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// Right to reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReplyClaims {
    /// Messages.
    pub max: i64,
    /// Nanoseconds.
    pub ttl: i64,
}

/// Rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PermissionClaims {
    /// Publishing.
    #[serde(rename = "pub")]
    pub publish: SubjectLists,
    /// Subscribing.
    #[serde(rename = "sub")]
    pub subscribe: SubjectLists,
    /// Replying.
    pub resp: Option<ReplyClaims>,
}

/// A time of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TimeRange {
    /// `15:04:05`.
    pub start: String,
    /// `15:04:05`.
    pub end: String,
}

/// Rights and limits of a user, of its own or from a template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserRights {
    /// Rights.
    #[serde(flatten)]
    pub permissions: PermissionClaims,
    /// Most subscriptions; below zero is no limit.
    pub subs: i64,
    /// Most data.
    pub data: i64,
    /// Largest message; below zero is no limit.
    pub payload: i64,
    /// Networks it may come from.
    #[serde(deserialize_with = "texts")]
    pub src: Vec<String>,
    /// Times of the day it may be there.
    pub times: Vec<TimeRange>,
    /// Time zone of those.
    pub times_location: String,
    /// It need not sign the nonce.
    pub bearer_token: bool,
    /// It must come through a trusted proxy.
    pub proxy_required: bool,
    /// Kinds of connections.
    pub allowed_connection_types: Vec<String>,
}

impl Default for UserRights {
    fn default() -> Self {
        Self {
            permissions: PermissionClaims::default(),
            subs: -1,
            data: -1,
            payload: -1,
            src: Vec::new(),
            times: Vec::new(),
            times_location: String::new(),
            bearer_token: false,
            proxy_required: false,
            allowed_connection_types: Vec::new(),
        }
    }
}

/// A list, or one text with commas in between.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
        Nothing,
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        }
        Either::Nothing => Vec::new(),
    })
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserClaims {
    /// Rights and limits.
    #[serde(flatten)]
    pub rights: UserRights,
    /// Account, where a signing key issued it.
    pub issuer_account: String,
    /// Tags.
    pub tags: Vec<String>,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// A key that signs for an account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// Users with any rights.
    Plain(String),
    /// Users with the rights of a template.
    Scoped {
        /// Public key.
        key: String,
        /// Name of the role.
        #[serde(default)]
        role: String,
        /// Rights.
        #[serde(default)]
        template: Box<UserRights>,
    },
}

impl SigningKey {
    /// The public key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Plain(key) | Self::Scoped { key, .. } => key,
        }
    }
}

/// An import of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ImportClaims {
    /// Readable name.
    pub name: String,
    /// Subject.
    pub subject: String,
    /// Exporting account.
    pub account: String,
    /// Activation token.
    pub token: String,
    /// Subject or prefix in older tokens.
    pub to: String,
    /// Subject in the importing account.
    pub local_subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service sees who asks.
    pub share: bool,
    /// Message traces go on.
    pub allow_trace: bool,
}

/// Measurement of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LatencyClaims {
    /// Percent; zero is by headers.
    #[serde(deserialize_with = "sampling")]
    pub sampling: u8,
    /// Subject of the results.
    pub results: String,
}

/// A number, or the word `headers` for zero.
fn sampling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Number(number) => number,
        Either::Text(text) => text.parse().unwrap_or(0),
    })
}

/// An export of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExportClaims {
    /// Readable name.
    pub name: String,
    /// Subject.
    pub subject: String,
    /// `stream` or `service`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Importing accounts must show an activation token.
    pub token_req: bool,
    /// Activations that do not count any more: issued at this second or before.
    pub revocations: BTreeMap<String, i64>,
    /// `Singleton`, `Stream` or `Chunked`.
    pub response_type: String,
    /// Nanoseconds for a response.
    pub response_threshold: i64,
    /// Measurement.
    pub service_latency: Option<LatencyClaims>,
    /// Token of the subject that is the importing account.
    pub account_token_position: u32,
    /// Message traces go on.
    pub allow_trace: bool,
}

/// A weighted destination of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MappingClaims {
    /// Destination.
    pub subject: String,
    /// Percent; zero is all.
    pub weight: u8,
    /// Cluster.
    pub cluster: String,
}

/// Message tracing of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TraceClaims {
    /// Where traces are published.
    pub dest: String,
    /// Percent of the messages; 0 is all.
    pub sampling: u8,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AccountClaims {
    /// What it takes.
    pub imports: Vec<ImportClaims>,
    /// What it offers.
    pub exports: Vec<ExportClaims>,
    /// Limits.
    pub limits: AccountLimitClaims,
    /// Keys that sign for it.
    pub signing_keys: Vec<SigningKey>,
    /// Users that may not enter any more, where their token was issued at this second or before.
    pub revocations: BTreeMap<String, i64>,
    /// Rights of users that have none of their own.
    pub default_permissions: PermissionClaims,
    /// Mappings by source.
    pub mappings: BTreeMap<String, Vec<MappingClaims>>,
    /// Message tracing without a header that names a destination.
    pub trace: Option<TraceClaims>,
    /// A service says who may enter.
    pub authorization: ExternalClaims,
    /// Tags.
    pub tags: Vec<String>,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// A moment as tokens have it: seconds since 1970.
#[must_use]
pub fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The moment the life of a token that names `exp` ends; `None` where it does not end.
#[must_use]
pub fn end_of(exp: i64) -> Option<SystemTime> {
    u64::try_from(exp).ok().filter(|exp| *exp > 0).map(|exp| UNIX_EPOCH + Duration::from_secs(exp))
}

/// Whether `revocations` take back a token of `key` that was `issued` then, in seconds since 1970: it is named, or everybody is.
#[must_use]
pub fn is_revoked(revocations: &BTreeMap<String, i64>, key: &str, issued: i64) -> bool {
    [key, "*"].iter().any(|key| revocations.get(*key).is_some_and(|since| issued <= *since))
}
