//! Operators and the accounts they vouch for.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use troupe_codecs::jwt::{Claims, OperatorClaims};

use super::TlsOptions;
use super::tokens::AccountTokens;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub enum AccountResolver {
    /// In the configuration.
    #[default]
    Memory,
    /// In a directory, all of them.
    Full(FullResolver),
    /// In a directory, those that are used; other servers have them all.
    Cache(CacheResolver),
    /// On a web server.
    Url(UrlResolver),
}

impl AccountResolver {
    /// The directory, where all tokens are in one.
    #[must_use]
    pub fn full(&self) -> Option<&FullResolver> {
        match self {
            Self::Full(resolver) => Some(resolver),
            _ => None,
        }
    }

    /// The directory, where the tokens that are used are in one.
    #[must_use]
    pub fn cache(&self) -> Option<&CacheResolver> {
        match self {
            Self::Cache(resolver) => Some(resolver),
            _ => None,
        }
    }

    /// Whether tokens of accounts that are not known can be found.
    #[must_use]
    pub fn can_find(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Whether other servers are asked, in the system account.
    #[must_use]
    pub fn asks_servers(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Cache(_))
    }

    /// Whether accounts come when they are needed, so that a configuration does not have them.
    #[must_use]
    pub fn is_lazy(&self) -> bool {
        matches!(self, Self::Cache(_) | Self::Url(_))
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
    /// Most time to find an account that is not there.
    pub timeout: Duration,
}

impl FullResolver {
    /// Whether one more account finds room beside so many.
    #[must_use]
    pub fn has_room(&self, count: usize) -> bool {
        self.limit.is_none_or(|limit| count < limit)
    }
}

/// A directory with the tokens of accounts that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheResolver {
    /// The directory.
    pub directory: PathBuf,
    /// Most accounts: the one that was not used for longest makes room.
    pub limit: usize,
    /// Time a token is kept after its last use; `None` is until it ends.
    pub ttl: Option<Duration>,
    /// Most time to find an account that is not there.
    pub timeout: Duration,
}

/// A web server with the tokens of all accounts.
#[derive(Clone, Debug, PartialEq)]
pub struct UrlResolver {
    /// What the name of an account is appended to.
    pub url: String,
    /// Certificates; `None` is those of the system.
    pub tls: Option<TlsOptions>,
}

impl UrlResolver {
    /// Most time to find an account.
    pub const TIMEOUT: Duration = Duration::from_millis(1900);
}

/// The operator mode: who may enter stands in tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrustOptions {
    /// Operators.
    pub operators: Vec<Token<OperatorClaims>>,
    /// Keys that are trusted without an operator's token.
    pub keys: Vec<String>,
    /// Where tokens of accounts are kept.
    pub resolver: AccountResolver,
    /// Accounts that are known.
    pub accounts: AccountTokens,
    /// Accounts that are put where the resolver finds them.
    pub preload: AccountTokens,
    /// The system account, which may be entered before its token is known: others come with its help.
    pub bootstrap: Option<String>,
    /// The only accounts whose users may enter; `None` is all.
    pub pinned: Option<Vec<String>>,
    /// Token of a user for connections that show none.
    pub default_sentinel: Option<String>,
}

impl TrustOptions {
    /// Whether the token of this account is known, or waited for.
    #[must_use]
    pub fn uses(&self, account: &str) -> bool {
        self.accounts.get(account).is_some() || self.bootstrap.as_deref() == Some(account)
    }

    /// Keys whose signature makes an account trusted.
    #[must_use]
    pub fn trusted_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
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
