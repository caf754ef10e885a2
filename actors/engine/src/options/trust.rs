//! Operators and the accounts they vouch for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use troupe_codecs::jwt::{AccountClaims, Claims, OperatorClaims};

/// A token and what stands in it. Its `Debug` form never shows the token.
#[derive(Clone, PartialEq)]
pub struct Token<B> {
    /// As it was given.
    pub text: String,
    /// What stands in it; its signature is checked.
    pub claims: Claims<B>,
}

impl<B> fmt::Debug for Token<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("sub", &self.claims.sub).finish_non_exhaustive()
    }
}

/// Where tokens of accounts are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccountResolver {
    /// In the configuration.
    #[default]
    Memory,
    /// In a directory, all of them.
    Full(FullResolver),
}

impl AccountResolver {
    /// The directory, where tokens are in one.
    #[must_use]
    pub fn full(&self) -> Option<&FullResolver> {
        match self {
            Self::Full(resolver) => Some(resolver),
            Self::Memory => None,
        }
    }
}

/// A directory with the tokens of all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullResolver {
    /// The directory.
    pub directory: PathBuf,
    /// Accounts may be deleted.
    pub allow_delete: bool,
    /// Files of deleted accounts are not kept under another name.
    pub hard_delete: bool,
    /// Most accounts; `None` is no limit.
    pub limit: Option<usize>,
    /// Time between two looks at what other servers have.
    pub interval: Duration,
}

/// The operator mode: who may enter stands in tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrustOptions {
    /// Operators.
    pub operators: Vec<Token<OperatorClaims>>,
    /// Where tokens of accounts are kept.
    pub resolver: AccountResolver,
    /// Accounts that are known.
    pub accounts: Vec<Token<AccountClaims>>,
    /// The only accounts whose users may enter; `None` is all.
    pub pinned: Option<Vec<String>>,
    /// Token of a user for connections that show none.
    pub default_sentinel: Option<String>,
}

impl TrustOptions {
    /// Keys whose signature makes an account trusted.
    #[must_use]
    pub fn trusted_keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for operator in &self.operators {
            let claims = &operator.claims;
            if !claims.nats.strict_signing_key_usage {
                keys.push(claims.sub.as_str());
            }
            keys.extend(claims.nats.signing_keys.iter().map(String::as_str));
        }
        keys
    }

    /// System account of the first operator that names one.
    #[must_use]
    pub fn system_account(&self) -> Option<&str> {
        let names = self.operators.iter().map(|operator| operator.claims.nats.system_account.as_str());
        names.into_iter().find(|name| !name.is_empty())
    }
}
