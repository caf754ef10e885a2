//! Accounts from the configuration file.

use super::auth::Permissions;

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
}

/// One account. Its users are in [`super::AuthOptions::users`], each naming this account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountOptions {
    /// Name.
    pub name: String,
    /// Public account nkey, if given.
    pub nkey: Option<String>,
    /// Limits.
    pub limits: AccountLimits,
    /// Permissions of users that have none of their own; already in [`super::UserOptions::permissions`].
    pub default_permissions: Option<Permissions>,
}
