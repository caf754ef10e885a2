//! What a connection shows, and what comes of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use troupe_codecs::quote::quote;

use super::certificate::CertificateNames;
use super::delegation::Delegation;
use super::permissions::CompiledPermissions;
use crate::options::{ConnectionType, RateOptions, Secret};

/// Everything a connection showed to prove who it is. An empty string counts as absent.
#[derive(Clone, Debug)]
pub struct Presented {
    /// CONNECT `user`.
    pub user: Option<String>,
    /// CONNECT `pass`.
    pub password: Option<Secret>,
    /// CONNECT `auth_token`.
    pub auth_token: Option<Secret>,
    /// CONNECT `nkey`.
    pub nkey: Option<String>,
    /// CONNECT `sig`: signature of the nonce by the nkey.
    pub signature: Option<String>,
    /// CONNECT `jwt`. Ignored without operators.
    pub jwt: Option<String>,
    /// CONNECT `account`; refused when given.
    pub account: Option<String>,
    /// CONNECT `new_account`; refused when true.
    pub new_account: bool,
    /// CONNECT `proxy_sig`: signature of the nonce by a trusted proxy.
    pub proxy_signature: Option<String>,
    /// Nonce of the INFO this connection got; empty when it got none.
    pub nonce: String,
    /// Transport and protocol.
    pub connection_type: ConnectionType,
    /// Names in the client's verified TLS certificate.
    pub certificate: Option<Arc<CertificateNames>>,
    /// Address it comes from.
    pub remote: Option<IpAddr>,
    /// The moment it is judged at.
    pub now: SystemTime,
    /// The first verb was not CONNECT: only `no_auth_user` can let it in.
    pub implicit: bool,
}

impl Presented {
    /// Nothing shown yet.
    #[must_use]
    pub fn new(connection_type: ConnectionType) -> Self {
        Self {
            user: None,
            password: None,
            auth_token: None,
            nkey: None,
            signature: None,
            jwt: None,
            account: None,
            new_account: false,
            proxy_signature: None,
            nonce: String::new(),
            connection_type,
            certificate: None,
            remote: None,
            now: SystemTime::UNIX_EPOCH,
            implicit: false,
        }
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref().filter(|user| !user.is_empty())
    }

    pub(super) fn nkey(&self) -> Option<&str> {
        self.nkey.as_deref().filter(|nkey| !nkey.is_empty())
    }

    pub(super) fn has_token(&self) -> bool {
        self.auth_token.as_ref().is_some_and(|token| !token.expose().is_empty())
    }

    pub(super) fn password(&self) -> &str {
        self.password.as_ref().map_or("", Secret::expose)
    }

    /// Neither user, password nor token.
    pub(super) fn is_anonymous(&self) -> bool {
        self.user().is_none() && self.password().is_empty() && !self.has_token()
    }

    /// Who the connection says it is, as shown before and without any check.
    #[must_use]
    pub fn claimed_identity(&self) -> Identity {
        match (self.nkey(), self.user(), self.has_token()) {
            (Some(nkey), ..) => Identity::Nkey(nkey.to_owned()),
            (None, Some(user), _) => Identity::User(user.to_owned()),
            (None, None, true) => Identity::Token,
            (None, None, false) => Identity::Anonymous,
        }
    }
}

/// Who a connection is, as logs and the monitor show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Showed nothing.
    #[default]
    Anonymous,
    /// User name.
    User(String),
    /// Public user nkey.
    Nkey(String),
    /// A token, whose value is never shown.
    Token,
}

impl Identity {
    /// `authorized_user` of the monitor.
    #[must_use]
    pub fn reported(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User(name) | Self::Nkey(name) => Some(name),
            Self::Token => Some("[REDACTED]"),
        }
    }

    /// Label of the connection's log lines, `account/user:name`; `None` while anonymous.
    #[must_use]
    pub fn label(&self, account: &str) -> Option<String> {
        match self {
            Self::Anonymous => None,
            Self::User(name) => Some(format!("{account}/user:{name}")),
            Self::Nkey(key) => Some(format!("{account}/nkey:{key}")),
            Self::Token => Some(format!("{account}/token")),
        }
    }
}

/// Limits of one user; `None` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Most subscriptions of a connection.
    pub max_subscriptions: Option<u64>,
    /// Largest message.
    pub max_payload: Option<u64>,
    /// Most connections at a time.
    pub max_connections: Option<u64>,
    /// How fast all its connections together may publish.
    pub rate: RateOptions,
}

/// What the token of a user says of it, for the monitor and for events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFacts {
    /// The token.
    pub text: String,
    /// Whoever has it may enter.
    pub is_bearer: bool,
    /// Key that issued it.
    pub issuer_key: String,
    /// Name of the user.
    pub name: String,
    /// Tags of the user.
    pub tags: Vec<String>,
    /// Readable name of the account.
    pub account_name: String,
}

/// Right to enter.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Account of the connection.
    pub account: Arc<str>,
    /// Who it is.
    pub identity: Identity,
    /// What it may do; `None` is everything.
    pub permissions: Option<Arc<CompiledPermissions>>,
    /// Public key of the trusted proxy it came through.
    pub proxy_key: Option<Arc<str>>,
    /// Limits of its own.
    pub limits: UserLimits,
    /// When it must leave.
    pub expires: Option<SystemTime>,
    /// What its token says of it, where it has one.
    pub token: Option<Arc<TokenFacts>>,
    /// It must leave because the account's token ends, not the user's.
    pub ends_with_account: bool,
    /// A service said so.
    pub is_delegated: bool,
    /// Password, hash or token the connection was checked against, so that a reload need not check it again.
    pub(super) checked_against: Option<Secret>,
}

impl Grant {
    /// `authorized_user` of the monitor.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.identity.reported()
    }

    /// Whether the permissions are the same.
    #[must_use]
    pub fn has_same_permissions(&self, other: &Self) -> bool {
        let source = |grant: &Self| grant.permissions.as_ref().map(|permissions| permissions.source().clone());
        source(self) == source(other)
    }
}

/// Why a connection was refused. All are `Authorization Violation` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// Credentials missing or wrong.
    AuthenticationFailure,
    /// A proxy signature was shown that no trusted proxy made.
    ProxyNotTrusted,
    /// The user may only come through a trusted proxy.
    ProxyRequired,
    /// The account has taken the user's token back.
    Revoked,
    /// The account's token has ended, or is taken away.
    AccountExpired,
}

impl RefusalReason {
    /// `reason` of the closed connection in the monitor and in events.
    #[must_use]
    pub fn closed_reason(self) -> &'static str {
        match self {
            Self::AuthenticationFailure | Self::Revoked | Self::AccountExpired => "Authentication Failure",
            Self::ProxyNotTrusted => "Proxy Not Trusted",
            Self::ProxyRequired => "Proxy Required",
        }
    }
}

/// No right to enter. Its text is nats-server's log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// Who the connection said it was.
    pub identity: Identity,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("authentication error")?;
        match &self.identity {
            Identity::Anonymous => Ok(()),
            Identity::User(name) => write!(f, " - User {}", quote(name.as_bytes())),
            Identity::Nkey(key) => write!(f, " - Nkey {}", quote(key.as_bytes())),
            Identity::Token => f.write_str(" - Token \"[REDACTED]\""),
        }
    }
}

impl std::error::Error for Refusal {}

/// A bcrypt comparison that decides, left to the caller because it takes long.
#[derive(Clone, Debug)]
pub struct PasswordCheck {
    /// bcrypt hash.
    pub hash: Secret,
    /// What the connection showed.
    pub password: Secret,
    grant: Option<Grant>,
    refusal: Refusal,
}

impl PasswordCheck {
    /// `grant` is `None` when even a match is refused: the comparison only takes the time it would take.
    pub(super) fn new(hash: Secret, password: Secret, grant: Option<Grant>, refusal: Refusal) -> Self {
        Self { hash, password, grant, refusal }
    }

    /// The outcome, given whether password and hash belong together.
    ///
    /// # Errors
    /// The refusal when they do not, or when there is no such user.
    pub fn resolve(self, is_match: bool) -> Result<Grant, Refusal> {
        self.grant.filter(|_| is_match).ok_or(self.refusal)
    }

    /// The grant if `previous` was already checked against this very hash.
    pub(super) fn skip_if_checked(&self, previous: &Grant) -> Option<Grant> {
        let grant = self.grant.as_ref()?;
        (previous.checked_against == grant.checked_against && previous.identity == grant.identity)
            .then(|| grant.clone())
    }
}

/// Answer to [`Presented`].
#[derive(Clone, Debug)]
pub enum Decision {
    /// Come in.
    Accept(Grant),
    /// Decided by a bcrypt comparison, see [`PasswordCheck::resolve`].
    CheckPassword(Box<PasswordCheck>),
    /// Stay out.
    Refuse(Refusal),
    /// Stay out, unless the account is found.
    FindAccount(Box<MissingAccount>),
}

/// An account whose token is not known, or has ended, and may be found.
#[derive(Clone, Debug)]
pub struct MissingAccount {
    /// Its key.
    pub account: String,
    /// What becomes of the connection where it is not found.
    pub refusal: Refusal,
}

/// Answer of a reloaded configuration to a connection that is already in.
#[derive(Clone, Debug)]
pub enum Reconsidered {
    /// Same account, same permissions.
    Unchanged(Grant),
    /// Same account, other permissions: subscriptions that lost their right go, publishes are judged by the new ones.
    PermissionsChanged(Grant),
    /// The user moved to another account: the connection is closed without an error.
    AccountChanged(Grant),
    /// The password changed and a bcrypt comparison decides; what it grants is compared with [`Reconsidered::compare`].
    CheckPassword(Box<PasswordCheck>),
    /// A service decides.
    Ask(Box<Delegation>),
    /// No longer allowed.
    Refused(Refusal),
}

impl Reconsidered {
    /// What the step from `previous` to `current` means for the connection.
    #[must_use]
    pub fn compare(previous: &Grant, current: Grant) -> Self {
        if previous.account != current.account {
            Self::AccountChanged(current)
        } else if previous.has_same_permissions(&current) {
            Self::Unchanged(current)
        } else {
            Self::PermissionsChanged(current)
        }
    }
}
