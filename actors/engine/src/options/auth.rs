//! Who may enter, and with what rights.

use std::fmt;
use std::time::Duration;

use super::rate::UserLimitOptions;

/// A password, token or hash. Its `Debug` form never shows the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value. Must not be logged.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the value is a bcrypt hash (`$2a$`, `$2b$`, `$2x$`, `$2y$` and two digits of cost).
    #[must_use]
    pub fn is_bcrypt(&self) -> bool {
        let b = self.0.as_bytes();
        b.len() >= 7
            && &b[..2] == b"$2"
            && matches!(b[2], b'a' | b'b' | b'x' | b'y')
            && b[3] == b'$'
            && b[4].is_ascii_digit()
            && b[5].is_ascii_digit()
            && b[6] == b'$'
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Transport and protocol of a connection, as named in `allowed_connection_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionType {
    /// NATS over TCP, TLS or a Unix socket.
    Standard,
    /// NATS over WebSocket.
    Websocket,
    /// Leaf node.
    Leafnode,
    /// Leaf node over WebSocket.
    LeafnodeWs,
    /// MQTT.
    Mqtt,
    /// MQTT over WebSocket.
    MqttWs,
    /// Inside the server's process.
    InProcess,
}

/// Subjects allowed and denied. An entry is `subject` or, for subscriptions, `subject queue`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectPermission {
    /// `None`: everything is allowed. `Some`: at least one entry must match.
    pub allow: Option<Vec<String>>,
    /// Wins over `allow`.
    pub deny: Vec<String>,
}

/// Right to publish to the reply subjects of received messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponsePermission {
    /// Messages per reply subject; negative is unlimited.
    pub max_messages: i64,
    /// Life of the right; `None` is unlimited.
    pub expires: Option<Duration>,
}

impl Default for ResponsePermission {
    fn default() -> Self {
        Self { max_messages: 1, expires: Some(Duration::from_secs(120)) }
    }
}

/// Rights of a user. `None` in both maps allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Publish rights.
    pub publish: Option<SubjectPermission>,
    /// Subscribe rights.
    pub subscribe: Option<SubjectPermission>,
    /// Reply rights.
    pub responses: Option<ResponsePermission>,
}

/// How a user proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Name and password (plain or bcrypt). An empty password cannot log in by password.
    Password {
        /// User name.
        name: String,
        /// Password or hash.
        password: Secret,
    },
    /// Public user nkey (`U...`).
    Nkey(String),
}

impl Credential {
    /// User name or public nkey.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Password { name, .. } | Self::Nkey(name) => name,
        }
    }
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserOptions {
    /// How it proves itself.
    pub credential: Credential,
    /// Account; `None` is `$G`.
    pub account: Option<String>,
    /// Rights: its own, or the default ones of its account or of the `authorization` block, whichever lists it. The
    /// loader has put the defaults here already; `None` allows everything.
    pub permissions: Option<Permissions>,
    /// Connection types it may use; `None` is all.
    pub allowed_connection_types: Option<Vec<ConnectionType>>,
    /// It may only come through a trusted proxy.
    pub proxy_required: bool,
    /// Limits.
    pub limits: UserLimitOptions,
}

/// A service that says who may enter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalloutOptions {
    /// Public account key that signs its answers.
    pub issuer: String,
    /// Account it is asked in.
    pub account: String,
    /// Users, by name or nkey, that are not asked for.
    pub auth_users: Vec<String>,
    /// Its curve key: what it is asked is sealed for it.
    pub xkey: Option<String>,
    /// Accounts whose users are asked for, beside `$G`; empty is all.
    pub allowed_accounts: Vec<String>,
}

/// The `authorization {}` block and the users of all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthOptions {
    /// There is an `authorization` block, even an empty one.
    pub is_block_defined: bool,
    /// Single user name (exclusive with `token` and with a users array).
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Single token.
    pub token: Option<Secret>,
    /// Users of the `authorization` block and of every account.
    pub users: Vec<UserOptions>,
    /// User for connections without credentials.
    pub no_auth_user: Option<String>,
    /// Time for CONNECT; `None` is 2 s, or the TLS timeout plus 1 s.
    pub timeout: Option<Duration>,
    /// Rights of users that have none of their own, where the account gives none either. The loader of configuration
    /// files leaves this empty: there the default reaches only the users that the block itself lists, so it goes into
    /// [`UserOptions::permissions`].
    pub default_permissions: Option<Permissions>,
    /// Connections may only come through a trusted proxy.
    pub proxy_required: bool,
    /// Public keys of trusted proxies.
    pub trusted_proxies: Vec<String>,
    /// A service that says who may enter.
    pub callout: Option<CalloutOptions>,
}
