//! What stands in tokens for a server, and where it asks.

use serde::Deserialize;

/// The answer of a service that says who may enter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResponseClaims {
    /// Token of the user the connection becomes.
    pub jwt: String,
    /// Why it may not enter.
    pub error: String,
    /// Account, where a signing key issued it.
    pub issuer_account: String,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// A wish to forget accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeletionClaims {
    /// Their keys.
    pub accounts: Vec<String>,
    /// Kind of token.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the claims.
    pub version: u8,
}

/// A service that says who may enter, for users of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ExternalClaims {
    /// Users the service itself enters as.
    pub auth_users: Vec<String>,
    /// Accounts it may put others into; `*` is all.
    pub allowed_accounts: Vec<String>,
    /// Its curve key: what it is asked is sealed for it.
    pub xkey: String,
}
