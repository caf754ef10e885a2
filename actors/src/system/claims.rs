//! Tokens of accounts: what `nsc push`, `pull` and `delete` ask for.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use serde::Serialize;
use troupe_codecs::system::ServerStamp;

use super::SystemServices;
use super::answers::{body, token};
use crate::router::InboxMessage;

/// What is asked of the keeper of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimsRequest {
    /// Keep a token, of this account where one is named.
    Update {
        /// The account.
        account: Option<String>,
        /// The token.
        token: Vec<u8>,
    },
    /// Keep tokens of another server, where they are newer.
    Merge {
        /// What it showed: lines of an account, `|` and its token.
        lines: Vec<Bytes>,
    },
    /// Forget the accounts that a token of the operator names.
    Delete {
        /// The token.
        token: Vec<u8>,
    },
    /// Show the token of an account.
    Lookup {
        /// The account.
        account: String,
    },
    /// Name all accounts.
    List,
    /// Show all tokens to a server whose own have this digest.
    Pack {
        /// The digest.
        digest: Vec<u8>,
    },
    /// Tell the digest of all tokens.
    Digest,
}

/// Why a token is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsFault {
    /// The account.
    pub account: String,
    /// What went wrong.
    pub what: &'static str,
    /// Why.
    pub cause: String,
}

/// A token that is kept, or need not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimsKept {
    /// The account.
    pub account: String,
    /// What was done.
    pub what: &'static str,
}

/// What the keeper of tokens answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimsAnswer {
    /// There is nothing to say.
    Nothing,
    /// What became of a token.
    Updated(Result<ClaimsKept, ClaimsFault>),
    /// How many accounts are forgotten.
    Deleted(Result<usize, String>),
    /// A token, where there is one.
    Token(Option<String>),
    /// Names of accounts.
    List(Vec<String>),
    /// Accounts with their tokens; nothing where the other server has the same.
    Pack(Vec<String>),
    /// Digest of all tokens.
    Digest([u8; 32]),
}

/// An answer that comes.
pub type Claims = Pin<Box<dyn Future<Output = ClaimsAnswer>>>;

#[derive(Debug, Serialize)]
struct Success<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    code: u16,
    message: String,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    code: u16,
    description: String,
}

/// An answer that says what went wrong, and with which account.
#[derive(Debug, Serialize)]
struct Failed<'a> {
    server: ServerStamp,
    error: Failure<'a>,
}

/// Request of the message with this subject below `$SYS`.
pub(super) fn request(kind: ClaimsKind, message: &InboxMessage) -> ClaimsRequest {
    let payload = || message.payload().to_vec();
    let place = |number| token(message, number);
    match kind {
        ClaimsKind::Update => ClaimsRequest::Update { account: None, token: payload() },
        ClaimsKind::UpdateOf => ClaimsRequest::Update { account: Some(place(3)), token: payload() },
        ClaimsKind::OldUpdateOf => ClaimsRequest::Update { account: Some(place(2)), token: payload() },
        ClaimsKind::Delete => ClaimsRequest::Delete { token: payload() },
        ClaimsKind::Lookup => ClaimsRequest::Lookup { account: place(3) },
        ClaimsKind::List => ClaimsRequest::List,
        ClaimsKind::Pack => ClaimsRequest::Pack { digest: payload() },
        ClaimsKind::Merge => ClaimsRequest::Merge { lines: vec![message.shared_payload()] },
    }
}

/// Kinds of requests, by subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsKind {
    /// Keep a token.
    Update,
    /// Keep the token of the account in the subject.
    UpdateOf,
    /// The same in an older form.
    OldUpdateOf,
    /// Forget accounts.
    Delete,
    /// Show the token of the account in the subject.
    Lookup,
    /// Name all accounts.
    List,
    /// Show all tokens.
    Pack,
    /// A line of what another server shows.
    Merge,
}

impl SystemServices {
    /// The bodies of the messages that answer.
    pub(super) fn claims_bodies(&self, answer: ClaimsAnswer) -> Vec<Vec<u8>> {
        let done = |account, message| vec![self.said(&Success { account, code: 200, message })];
        let failed = |account, description| {
            let error = Failure { account, code: 500, description };
            vec![body(&Failed { server: self.stamp(), error })]
        };
        match answer {
            ClaimsAnswer::Nothing | ClaimsAnswer::Digest(_) => Vec::new(),
            ClaimsAnswer::Updated(Ok(kept)) => done(Some(&kept.account), kept.what.to_owned()),
            ClaimsAnswer::Updated(Err(fault)) => {
                failed(Some(&fault.account), format!("{} - {}", fault.what, fault.cause))
            }
            ClaimsAnswer::Deleted(Ok(count)) => done(None, format!("deleted {count} accounts")),
            ClaimsAnswer::Deleted(Err(cause)) => failed(None, cause),
            ClaimsAnswer::Token(token) => vec![token.unwrap_or_default().into_bytes()],
            ClaimsAnswer::List(names) => vec![self.said(&names)],
            ClaimsAnswer::Pack(lines) => lines.into_iter().chain([String::new()]).map(String::into_bytes).collect(),
        }
    }
}
