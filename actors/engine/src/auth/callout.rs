//! Answers of a service that says who may enter. The texts are nats-server's.

use std::sync::Arc;

use nkeys::XKey;
use thiserror::Error;
use troupe_codecs::jwt::claims::{end_of, seconds};
use troupe_codecs::jwt::request::SUBJECT;
use troupe_codecs::jwt::{Claims, JwtError, ResponseClaims, UserClaims, decode};

use super::decision::{Grant, Identity, Presented, RefusalReason, UserLimits};
use super::delegation::{ConfiguredService, Delegation};
use super::permissions::CompiledPermissions;
use super::templates;
use super::trust::{Trust, is_from, may_connect_as};
use super::validation::{self, is_key, lifetime};
use crate::account::claims::permissions;
use crate::id::ServerIdentity;
use crate::options::{Permissions, SubjectPermission};

/// A sealed answer is told from a plain one by how tokens begin.
const TOKEN_START: &[u8] = b"eyJ";

/// Why an answer lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CalloutFault {
    /// It says nothing.
    #[error("Auth callout violation: \"no reason supplied\" on account {0:?}")]
    NoReason(String),
    /// It cannot be opened.
    #[error("Error decrypting auth callout response on account {0:?}: {1}")]
    Sealed(String, String),
    /// It is no token.
    #[error("{}", title(&.0.to_string()))]
    Token(#[from] JwtError),
    /// Something in it does not fit.
    #[error("Authorization response had validation errors: {0}")]
    Response(&'static str),
    /// It is about somebody else.
    #[error("Auth callout violation: auth callout response is not for expected user")]
    OtherUser,
    /// It is for another server.
    #[error("Auth callout violation: auth callout response is not for server")]
    OtherServer,
    /// The service refuses.
    #[error("Auth callout service returned an error: {0}")]
    Refused(String),
    /// It is signed by somebody else.
    #[error("Auth callout signing key is unknown")]
    UnknownKey,
    /// The user may only come through a trusted proxy.
    #[error("Proxy connection required")]
    ProxyRequired,
    /// Something in the user's token does not fit.
    #[error("Error validating user JWT: {0}")]
    User(String),
    /// The account it puts the user into is not there.
    #[error("No valid account {account:?} for auth callout response on account {place:?}: account missing")]
    MissingAccount {
        /// The account.
        account: String,
        /// Account of the service.
        place: String,
    },
    /// Any other, in full.
    #[error("{0}")]
    Other(String),
}

impl CalloutFault {
    /// The reason the connection is closed for.
    #[must_use]
    pub fn reason(&self) -> RefusalReason {
        match self {
            Self::ProxyRequired => RefusalReason::ProxyRequired,
            _ => RefusalReason::AuthenticationFailure,
        }
    }
}

/// A text with a capital.
fn title(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Where the rights of the answer's user come from.
pub(super) enum Rules<'a> {
    Configured(&'a ConfiguredService),
    Trusted(&'a Trust),
}

/// Judges the answer to `delegation`.
pub(super) fn conclude(
    rules: &Rules<'_>,
    delegation: &Delegation,
    presented: &Presented,
    identity: &ServerIdentity,
    answer: &[u8],
) -> Result<Grant, CalloutFault> {
    let now = seconds(presented.now);
    let user = response_user(rules, delegation, identity, answer, now)?;
    if (delegation.proxy_required || user.nats.rights.proxy_required) && delegation.proxy.is_none() {
        return Err(CalloutFault::ProxyRequired);
    }
    if let Some(fault) = validation::fault(&user, now) {
        return Err(CalloutFault::User(fault));
    }
    let place = &*delegation.account;
    if user.sub != delegation.expected {
        let (expected, got) = (&delegation.expected, &user.sub);
        let text = format!("Expected authorized user of {expected:?} but got {got:?} on account {place:?}");
        return Err(CalloutFault::Other(text));
    }
    let placed = place_user(rules, delegation, &user)?;
    grant(placed, delegation, presented, &user)
}

/// The user the answer names, once the answer itself is found good.
fn response_user(
    rules: &Rules<'_>,
    delegation: &Delegation,
    identity: &ServerIdentity,
    answer: &[u8],
    now: i64,
) -> Result<Claims<UserClaims>, CalloutFault> {
    let place = &*delegation.account;
    if answer.is_empty() {
        return Err(CalloutFault::NoReason(place.to_owned()));
    }
    let opened = match &delegation.xkey {
        Some(service) if !answer.starts_with(TOKEN_START) => {
            let sealed = |cause: nkeys::error::Error| CalloutFault::Sealed(place.to_owned(), cause.to_string());
            let service = XKey::from_public_key(service).map_err(sealed)?;
            Some(identity.curve_key().open(answer, &service).map_err(sealed)?)
        }
        _ => None,
    };
    let token = opened.as_deref().unwrap_or(answer);
    let token = std::str::from_utf8(token).map_err(|_| JwtError::Chunks)?;
    let response = decode::<ResponseClaims>(token)?;
    if let Some(fault) = response_fault(&response, now) {
        return Err(CalloutFault::Response(fault));
    }
    if response.sub != delegation.expected {
        return Err(CalloutFault::OtherUser);
    }
    if response.aud != identity.server_id() {
        return Err(CalloutFault::OtherServer);
    }
    if !response.nats.error.is_empty() {
        return Err(CalloutFault::Refused(response.nats.error));
    }
    // Who could seal an answer holds the service's curve key.
    if opened.is_none() && !is_signed_by_service(rules, delegation, &response) {
        return Err(CalloutFault::UnknownKey);
    }
    Ok(decode::<UserClaims>(&response.nats.jwt)?)
}

fn response_fault(response: &Claims<ResponseClaims>, now: i64) -> Option<&'static str> {
    let body = &response.nats;
    if !is_key(&response.sub, 'U') {
        return Some("Subject must be a user public key");
    }
    if !is_key(&response.aud, 'N') {
        return Some("Audience must be a server public key");
    }
    match (body.error.is_empty(), body.jwt.is_empty()) {
        (true, true) => return Some("Error or Jwt is required"),
        (false, false) => return Some("Only Error or Jwt can be set"),
        _ => {}
    }
    if !body.issuer_account.is_empty() && !is_key(&body.issuer_account, 'A') {
        return Some("issuer_account is not an account public key");
    }
    lifetime(response.exp, response.nbf, now)
}

fn is_signed_by_service(rules: &Rules<'_>, delegation: &Delegation, response: &Claims<ResponseClaims>) -> bool {
    match rules {
        Rules::Configured(service) => response.iss == service.options.issuer,
        Rules::Trusted(trust) => trust.is_signer(&delegation.account, &response.iss),
    }
}

/// Where a user goes, with what rights.
struct Placed {
    account: String,
    rights: troupe_codecs::jwt::claims::UserRights,
    defaults: Option<Permissions>,
    account_end: i64,
}

fn place_user(rules: &Rules<'_>, delegation: &Delegation, user: &Claims<UserClaims>) -> Result<Placed, CalloutFault> {
    let place = &*delegation.account;
    let other = |text: String| CalloutFault::Other(text);
    let owner = &user.nats.issuer_account;
    let missing = |account: &str| CalloutFault::MissingAccount { account: account.to_owned(), place: place.to_owned() };
    match rules {
        Rules::Configured(_) if !owner.is_empty() => {
            Err(other(format!("Error non operator mode account {place:?}: attempted to use issuer_account")))
        }
        Rules::Configured(service) if user.iss != service.options.issuer => {
            let (expected, got) = (&service.options.issuer, &user.iss);
            Err(other(format!(
                "Wrong issuer for auth callout response on account {place:?}, expected {expected:?} got {got:?}"
            )))
        }
        Rules::Configured(service) => {
            if !service.accounts.contains(&user.aud) {
                return Err(missing(&user.aud));
            }
            let rights = user.nats.rights.clone();
            Ok(Placed { account: user.aud.clone(), rights, defaults: None, account_end: 0 })
        }
        Rules::Trusted(trust) => {
            let owner = if owner.is_empty() { &user.iss } else { owner };
            if owner != place && !trust.may_place(place, owner) {
                let issuer = &user.iss;
                return Err(other(format!(
                    "Account {issuer:?} not permitted as valid account option for auth callout for account {place:?}"
                )));
            }
            let account = trust.account(owner).ok_or_else(|| missing(owner))?;
            if !trust.is_signer(owner, &user.iss) {
                return Err(other(format!("User JWT issuer {:?} is not known", user.iss)));
            }
            let rights = account.rights_of(user).map_err(|fault| other(fault.to_owned()))?;
            let defaults = account.defaults().cloned();
            Ok(Placed { account: owner.clone(), rights, defaults, account_end: account.end() })
        }
    }
}

fn grant(
    placed: Placed,
    delegation: &Delegation,
    presented: &Presented,
    user: &Claims<UserClaims>,
) -> Result<Grant, CalloutFault> {
    let Placed { account, rights, defaults, account_end } = placed;
    let place = &*delegation.account;
    let other = |what: &str| CalloutFault::Other(format!("Authorized user on account {place:?} {what}"));
    let window = templates::window(&rights.times, &rights.times_location, presented.now);
    let window = window.ok_or_else(|| other("outside of valid connect times"))?;
    if !may_connect_as(&rights.allowed_connection_types, presented.connection_type) {
        return Err(other("using invalid connection type"));
    }
    if !is_from(&rights.src, presented.remote) {
        return Err(other("from a network that is not allowed"));
    }
    let mut own = permissions(&rights.permissions).or(defaults);
    if account == place {
        own = Some(denying_requests(own));
    }
    let limit = |number: i64| u64::try_from(number).ok();
    let ends = [end_of(user.exp), end_of(account_end), window];
    Ok(Grant {
        account: account.as_str().into(),
        identity: match user.name.as_str() {
            "" => delegation.claimed.clone(),
            name => Identity::User(name.to_owned()),
        },
        permissions: own.map(|own| Arc::new(CompiledPermissions::compile(&own))),
        proxy_key: delegation.proxy.clone(),
        limits: UserLimits {
            max_subscriptions: limit(rights.subs),
            max_payload: limit(rights.payload),
            ..UserLimits::default()
        },
        token: None,
        expires: ends.into_iter().flatten().min(),
        ends_with_account: false,
        is_delegated: true,
        checked_against: None,
    })
}

/// Permissions without the right to ask the service in the server's name.
pub(super) fn denying_requests(permissions: Option<Permissions>) -> Permissions {
    let mut permissions = permissions.unwrap_or_default();
    let publish = permissions.publish.get_or_insert_with(SubjectPermission::default);
    publish.deny.push(SUBJECT.to_owned());
    permissions
}
