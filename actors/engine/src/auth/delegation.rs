//! Connections whose right to enter a service decides: which they are, and what the service is asked.

use std::sync::Arc;

use ahash::AHashSet;
use nkeys::{KeyPair, XKey};
use troupe_codecs::jwt::request::{AUDIENCE, AskedClient, AskingServer, ShownOptions, ShownTls};
use troupe_codecs::jwt::{AuthorizationRequest, Claims, UserClaims, encode};

use super::decision::{Grant, Identity, Presented, Refusal, RefusalReason};
use crate::id::ServerIdentity;
use crate::options::{CalloutOptions, GLOBAL_ACCOUNT, Options, Secret};

/// What is known of a connection beside what it presented.
#[derive(Clone, Debug, Default)]
pub struct CalloutFacts {
    /// Connection id.
    pub cid: u64,
    /// Its address.
    pub host: String,
    /// Name of the client.
    pub name: String,
    /// Language of its library.
    pub lang: String,
    /// Version of its library.
    pub version: String,
    /// Version of the protocol.
    pub protocol: i64,
    /// Its TLS session.
    pub tls: Option<ShownTls>,
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct CalloutRequest {
    /// The server's curve key, where the body is sealed.
    pub xkey: Option<String>,
    /// The token, sealed or not.
    pub body: Vec<u8>,
}

/// A connection whose right to enter a service decides.
#[derive(Clone)]
pub struct Delegation {
    /// Account the service is asked in.
    pub account: Arc<str>,
    /// Whom the request is about: the key that is expected to sign the answer.
    pub(super) issuer: String,
    pub(super) xkey: Option<String>,
    pub(super) has_operator: bool,
    pub(super) proxy_required: bool,
    pub(super) proxy: Option<Arc<str>>,
    /// User as far as it is known.
    pub(super) user: String,
    /// What stands for the connection's own name and password.
    shown: Option<(String, Secret)>,
    pub(super) claimed: Identity,
    /// The token, with operators.
    jwt: String,
    name_tag: String,
    tags: Vec<String>,
    /// Key the answer must be about: an older answer is not taken for it.
    pub(super) expected: String,
}

/// Shows no credentials.
impl std::fmt::Debug for Delegation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delegation").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub enum Reviewed {
    /// It stands.
    Final(Box<Result<Grant, Refusal>>),
    /// A service decides.
    Ask(Box<Delegation>),
}

/// A service of the configuration.
#[derive(Debug)]
pub(super) struct ConfiguredService {
    pub(super) options: CalloutOptions,
    /// Accounts there are. Their default permissions are those of configured users only.
    pub(super) accounts: AHashSet<String>,
}

impl ConfiguredService {
    pub(super) fn new(options: &Options) -> Option<Self> {
        let callout = options.auth.callout.clone()?;
        let named = options.accounts.iter().map(|account| account.name.as_str());
        let own = [Some(GLOBAL_ACCOUNT), options.system_account_name()].into_iter().flatten();
        let accounts = named.chain(own).map(str::to_owned).collect();
        Some(Self { options: callout, accounts })
    }

    /// Whether the service decides on a connection that would be in `account` as `user`.
    pub(super) fn is_asked(&self, account: &str) -> bool {
        let allowed = &self.options.allowed_accounts;
        account == GLOBAL_ACCOUNT || allowed.is_empty() || allowed.iter().any(|name| name == account)
    }

    pub(super) fn delegation(&self, presented: &Presented, outcome: &Result<Grant, Refusal>) -> Delegation {
        let options = &self.options;
        Delegation {
            issuer: options.issuer.clone(),
            xkey: options.xkey.clone(),
            has_operator: false,
            ..Delegation::new(&options.account, presented, outcome)
        }
    }
}

impl Delegation {
    pub(super) fn new(account: &str, presented: &Presented, outcome: &Result<Grant, Refusal>) -> Self {
        let stand_in = outcome.as_ref().ok().filter(|_| presented.nkey().is_none());
        let shown = stand_in.and_then(|grant| match &grant.identity {
            Identity::User(name) if presented.user() != Some(name) => {
                Some((name.clone(), grant.checked_against.clone().unwrap_or_else(|| Secret::new(""))))
            }
            _ => None,
        });
        let user = raw_user(presented, outcome);
        Self {
            account: account.into(),
            issuer: account.to_owned(),
            xkey: None,
            has_operator: true,
            proxy_required: outcome.as_ref().is_err_and(|refusal| refusal.reason == RefusalReason::ProxyRequired),
            proxy: outcome.as_ref().ok().and_then(|grant| grant.proxy_key.clone()),
            claimed: match outcome {
                Ok(grant) if presented.is_anonymous() => grant.identity.clone(),
                _ => presented.claimed_identity(),
            },
            user,
            shown,
            jwt: String::new(),
            name_tag: String::new(),
            tags: Vec::new(),
            expected: KeyPair::new_user().public_key(),
        }
    }

    /// The same for a connection that showed the token `jwt`, of `user`.
    pub(super) fn with_token(self, jwt: &str, user: &Claims<UserClaims>, xkey: Option<String>) -> Self {
        Self {
            jwt: jwt.to_owned(),
            name_tag: user.name.clone(),
            tags: user.nats.tags.clone(),
            proxy_required: user.nats.rights.proxy_required,
            xkey,
            ..self
        }
    }

    /// What the service is asked. `server` is the server without its curve key; `times` is now and the end of the wait, in seconds since
    /// 1970. `None` when a key is none.
    #[must_use]
    pub fn request(
        &self,
        presented: &Presented,
        facts: CalloutFacts,
        server: AskingServer,
        identity: &ServerIdentity,
        times: (i64, i64),
    ) -> Option<CalloutRequest> {
        let xkey = self.xkey.as_ref().map(|_| identity.xkey());
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let secret = |secret: &Option<Secret>| secret.as_ref().map_or("", Secret::expose).to_owned();
        let (user, pass) = match &self.shown {
            Some((user, password)) => (user.clone(), password.expose().to_owned()),
            None => (text(&presented.user), secret(&presented.password)),
        };
        let has_signature = presented.signature.as_deref().is_some_and(|signature| !signature.is_empty());
        let request = AuthorizationRequest {
            server_id: AskingServer { xkey: xkey.clone().unwrap_or_default(), ..server },
            user_nkey: self.expected.clone(),
            client_info: AskedClient {
                host: facts.host,
                id: facts.cid,
                user: self.user.clone(),
                name: facts.name.clone(),
                tags: self.tags.clone(),
                name_tag: self.name_tag.clone(),
                kind: "Client".to_owned(),
                client_type: "nats".to_owned(),
                nonce: if has_signature { presented.nonce.clone() } else { String::new() },
            },
            connect_opts: ShownOptions {
                jwt: self.jwt.clone(),
                nkey: text(&presented.nkey),
                sig: text(&presented.signature),
                auth_token: secret(&presented.auth_token),
                user,
                pass,
                name: facts.name,
                lang: facts.lang,
                version: facts.version,
                protocol: facts.protocol,
            },
            client_tls: facts.tls,
            kind: "authorization_request",
            version: 2,
        };
        let token = encode(identity.signing_key(), (&self.issuer, AUDIENCE), times, &request)?.into_bytes();
        let body = match &self.xkey {
            Some(service) => identity.curve_key().seal(&token, &XKey::from_public_key(service).ok()?).ok()?,
            None => token,
        };
        Some(CalloutRequest { xkey, body })
    }
}

/// The user as nats-server knows it by now: nkey, name, key of the token, stand-in for a token.
pub(super) fn raw_user(presented: &Presented, outcome: &Result<Grant, Refusal>) -> String {
    if let Some(shown) = presented.nkey().or(presented.user()) {
        return shown.to_owned();
    }
    let identity = match outcome {
        Ok(grant) => &grant.identity,
        Err(refusal) => &refusal.identity,
    };
    identity.reported().unwrap_or_default().to_owned()
}
