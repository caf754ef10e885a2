//! Users whose rights stand in tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use imbl::OrdMap;
use troupe_codecs::jwt::claims::{SigningKey, UserRights, end_of, is_revoked, seconds};
use troupe_codecs::jwt::{AccountClaims, Claims, UserClaims, decode};

use super::decision::{
    Decision, Grant, Identity, MissingAccount, Presented, Refusal, RefusalReason, TokenFacts, UserLimits,
};
use super::delegation::{Delegation, raw_user};
use super::permissions::CompiledPermissions;
use super::signature::is_signed_by;
use super::{templates, validation};
use crate::account::claims::permissions;
use crate::options::trust::Token;
use crate::options::{AccountTokens, ConnectionType, Permissions, TrustOptions};

/// An account whose token is known.
#[derive(Debug)]
pub(super) struct TrustedAccount {
    token: Arc<Token<AccountClaims>>,
    /// Keys that sign for it beside its own, with the template of those that are scoped.
    signers: Box<[(String, Option<Box<UserRights>>)]>,
    defaults: Option<Permissions>,
    is_trusted: bool,
}

/// Operators and accounts, ready to judge users.
#[derive(Debug)]
pub(super) struct Trust {
    /// Keys that vouch for accounts.
    keys: Vec<String>,
    accounts: OrdMap<Arc<str>, Arc<TrustedAccount>>,
    /// What they were read from.
    tokens: AccountTokens,
    bootstrap: Option<String>,
    pinned: Option<Vec<String>>,
    default_sentinel: Option<String>,
    can_find: bool,
}

impl Trust {
    /// Reads the tokens of `options`, except for those that `before` has read already.
    pub(super) fn new(options: &TrustOptions, before: Option<&Self>) -> Self {
        let keys: Vec<String> = options.trusted_keys().into_iter().map(str::to_owned).collect();
        let before = before.filter(|before| before.keys == keys && before.bootstrap == options.bootstrap);
        let (mut accounts, known) = match before {
            Some(before) => (before.accounts.clone(), before.tokens.clone()),
            None => Default::default(),
        };
        for (name, token) in options.accounts.changes_since(&known) {
            match token {
                Some(token) => {
                    let account = TrustedAccount::new(token, keys.contains(&token.claims.iss));
                    accounts.insert(Arc::clone(name), Arc::new(account));
                }
                None => _ = accounts.remove(name),
            }
        }
        if let Some(name) = options.bootstrap.as_deref().filter(|name| !accounts.contains_key(*name)) {
            accounts.insert(name.into(), Arc::new(TrustedAccount::bootstrap(name)));
        }
        Self {
            accounts,
            tokens: options.accounts.clone(),
            keys,
            bootstrap: options.bootstrap.clone(),
            pinned: options.pinned.clone(),
            default_sentinel: options.default_sentinel.clone(),
            can_find: options.resolver.can_find(),
        }
    }

    fn known(&self, key: &str) -> Option<&TrustedAccount> {
        self.accounts.get(key).map(|account| &**account)
    }

    /// The account with this key.
    pub(super) fn account(&self, key: &str) -> Option<&TrustedAccount> {
        self.known(key).filter(|account| account.is_trusted)
    }

    /// Whether `key` signs for `account`.
    pub(super) fn is_signer(&self, account: &str, key: &str) -> bool {
        self.account(account).is_some_and(|account| account.signer(key).is_some())
    }

    /// Whether the service of the account `place` may put users into the account `target`.
    pub(super) fn may_place(&self, place: &str, target: &str) -> bool {
        self.account(place).is_some_and(|account| {
            let allowed = &account.claims().nats.authorization.allowed_accounts;
            matches!(&allowed[..], [any] if any == "*") || allowed.iter().any(|name| name == target)
        })
    }

    /// Who decides instead on a connection that may enter: the service of its account, where there is one.
    pub(super) fn delegation(&self, presented: &Presented, outcome: &Result<Grant, Refusal>) -> Option<Delegation> {
        let grant = outcome.as_ref().ok()?;
        let external = &self.account(&grant.account)?.claims().nats.authorization;
        if external.auth_users.is_empty() || external.auth_users.contains(&raw_user(presented, outcome)) {
            return None;
        }
        let (jwt, user) = self.user_of(presented).ok()?;
        let xkey = Some(external.xkey.clone()).filter(|key| !key.is_empty());
        Some(Delegation::new(&grant.account, presented, outcome).with_token(jwt, &user, xkey))
    }

    /// Whether connections of `account` that may enter must not ask its service in the server's name.
    pub(super) fn has_service(&self, account: &str) -> bool {
        self.account(account).is_some_and(|account| !account.claims().nats.authorization.auth_users.is_empty())
    }

    /// Judges a connection by its token.
    pub(super) fn decide(&self, presented: &Presented, proxy: Option<Arc<str>>) -> Decision {
        match self.judge(presented, proxy) {
            Ok(grant) => Decision::Accept(grant),
            Err(Fault { reason, identity, missing, .. }) => {
                let refusal = Refusal { reason, identity };
                match missing.filter(|_| self.can_find) {
                    Some(account) => Decision::FindAccount(Box::new(MissingAccount { account, refusal })),
                    None => Decision::Refuse(refusal),
                }
            }
        }
    }

    /// Why a connection stays out.
    pub(super) fn explain(&self, presented: &Presented, proxy: Option<Arc<str>>) -> Option<String> {
        self.judge(presented, proxy).err().map(|fault| fault.why)
    }

    /// The token a connection shows, or that of those that show none, and what it says.
    fn user_of<'a>(&'a self, presented: &'a Presented) -> Result<(&'a str, Claims<UserClaims>), String> {
        if let Some(jwt) = presented.jwt.as_deref()
            && let Ok(user) = decode::<UserClaims>(jwt)
        {
            return Ok((jwt, user));
        }
        let jwt = self.default_sentinel.as_deref().ok_or("Authentication requires a user JWT")?;
        let user = decode::<UserClaims>(jwt).map_err(|cause| format!("User JWT not valid: {cause}"))?;
        Ok((jwt, user))
    }

    fn judge(&self, presented: &Presented, proxy: Option<Arc<str>>) -> Result<Grant, Fault> {
        let (jwt, user) = self.user_of(presented).map_err(|why| Fault::of(presented.claimed_identity(), why))?;
        let identity = Identity::Nkey(user.sub.clone());
        let refuse = |why: &str| Fault::of(identity.clone(), why.to_owned());
        if user.nats.rights.proxy_required && proxy.is_none() {
            return Err(Fault { reason: RefusalReason::ProxyRequired, ..refuse("proxy connection required") });
        }
        let now = seconds(presented.now);
        if let Some(fault) = validation::fault(&user, now) {
            return Err(refuse(&format!("User JWT no longer valid: {fault}")));
        }
        let owner = Some(&user.nats.issuer_account).filter(|owner| !owner.is_empty()).unwrap_or(&user.iss);
        if self.pinned.as_ref().is_some_and(|pinned| !pinned.contains(owner)) {
            return Err(refuse(&format!("Account {owner} not listed as operator pinned account")));
        }
        let account = self.known(owner).ok_or_else(|| Fault {
            reason: RefusalReason::AccountExpired,
            missing: Some(owner.clone()),
            ..refuse("Account JWT lookup error: account missing")
        })?;
        if !account.is_trusted {
            return Err(refuse("Account JWT not signed by trusted operator"));
        }
        let rights = account.rights_of(&user).map_err(&refuse)?;
        if !account.claims().is_alive(now) {
            let missing = Some(owner.clone());
            return Err(Fault { reason: RefusalReason::AccountExpired, missing, ..refuse("Account JWT has expired") });
        }
        if rights.bearer_token && account.claims().nats.limits.disallow_bearer {
            return Err(refuse("Account does not allow bearer tokens"));
        }
        if !may_connect_as(&rights.allowed_connection_types, presented.connection_type) {
            return Err(refuse("Connection type not allowed"));
        }
        let signature = presented.signature.as_deref().unwrap_or_default();
        if !rights.bearer_token && !is_signed_by(&user.sub, &presented.nonce, signature) {
            return Err(refuse("Signature not verified"));
        }
        if account.is_revoked(&user) {
            return Err(Fault { reason: RefusalReason::Revoked, ..refuse("User authentication revoked") });
        }
        if !is_from(&rights.src, presented.remote) {
            return Err(refuse("Bad src Ip"));
        }
        let window = templates::window(&rights.times, &rights.times_location, presented.now);
        let window = window.ok_or_else(|| refuse("Outside connect times"))?;
        let facts = facts(jwt, &user, &rights, account);
        let own = permissions(&rights.permissions).or_else(|| account.defaults.clone());
        let limit = |number: i64| u64::try_from(number).ok();
        Ok(Grant {
            account: account.claims().sub.as_str().into(),
            identity,
            permissions: own.map(|own| Arc::new(CompiledPermissions::compile(&own))),
            proxy_key: proxy,
            ends_with_account: ends_with_account(user.exp, account.claims().exp, window),
            is_delegated: false,
            checked_against: None,
            limits: UserLimits {
                max_subscriptions: limit(rights.subs),
                max_payload: limit(rights.payload),
                ..UserLimits::default()
            },
            token: Some(Arc::new(facts)),
            expires: earliest([end_of(user.exp), end_of(account.claims().exp), window]),
        })
    }
}

impl TrustedAccount {
    fn new(token: &Arc<Token<AccountClaims>>, is_trusted: bool) -> Self {
        let nats = &token.claims.nats;
        let signers = nats.signing_keys.iter().map(|key| match key {
            SigningKey::Plain(key) => (key.clone(), None),
            SigningKey::Scoped { key, template, .. } => (key.clone(), Some(template.clone())),
        });
        Self {
            signers: signers.collect(),
            defaults: permissions(&nats.default_permissions),
            token: Arc::clone(token),
            is_trusted,
        }
    }

    /// An account of which only the key is known, with everything it may have.
    fn bootstrap(name: &str) -> Self {
        let claims = Claims { sub: name.to_owned(), ..Claims::default() };
        Self::new(&Arc::new(Token { text: String::new(), claims }), true)
    }

    fn claims(&self) -> &Claims<AccountClaims> {
        &self.token.claims
    }

    /// The template of a key that signs for it; `None` where the key does not sign for it.
    fn signer(&self, key: &str) -> Option<Option<&UserRights>> {
        let scope =
            self.signers.iter().rev().find(|(signer, _)| signer == key).map(|(_, template)| template.as_deref());
        scope.or_else(|| (key == self.claims().sub).then_some(None))
    }

    /// Permissions of users that have none.
    pub(super) fn defaults(&self) -> Option<&Permissions> {
        self.defaults.as_ref()
    }

    /// When its token ends, in seconds since 1970; zero is never.
    pub(super) fn end(&self) -> i64 {
        self.claims().exp
    }

    /// The rights of a user of this account: its own, or those of the template of the key that issued it.
    pub(super) fn rights_of(&self, user: &Claims<UserClaims>) -> Result<UserRights, &'static str> {
        match self.signer(&user.iss) {
            None => Err("User JWT issuer is not known"),
            Some(None) => Ok(user.nats.rights.clone()),
            Some(Some(_)) if user.nats.rights.permissions != Default::default() => {
                Err("User JWT is not valid: scoped users require no permissions or limits set")
            }
            Some(Some(template)) => {
                templates::fill(template, user, self.claims()).ok_or("User JWT generated invalid permissions")
            }
        }
    }

    /// Whether the account has taken the user's token back.
    fn is_revoked(&self, user: &Claims<UserClaims>) -> bool {
        is_revoked(&self.claims().nats.revocations, &user.sub, user.iat)
    }
}

fn facts(text: &str, user: &Claims<UserClaims>, rights: &UserRights, account: &TrustedAccount) -> TokenFacts {
    let owner = account.claims();
    TokenFacts {
        text: text.to_owned(),
        is_bearer: rights.bearer_token,
        issuer_key: user.iss.clone(),
        name: user.name.clone(),
        tags: user.nats.tags.clone(),
        account_name: if owner.name.is_empty() { owner.sub.clone() } else { owner.name.clone() },
    }
}

/// Why somebody stays out.
struct Fault {
    reason: RefusalReason,
    identity: Identity,
    why: String,
    /// An account that may let the connection in once it is found.
    missing: Option<String>,
}

impl Fault {
    fn of(identity: Identity, why: String) -> Self {
        Self { reason: RefusalReason::AuthenticationFailure, identity, why, missing: None }
    }
}

/// Whether an account's end comes first.
fn ends_with_account(user: i64, account: i64, window: Option<SystemTime>) -> bool {
    let Some(end) = end_of(account) else { return false };
    [end_of(user), window].into_iter().flatten().all(|other| end < other)
}

fn earliest(ends: [Option<SystemTime>; 3]) -> Option<SystemTime> {
    ends.into_iter().flatten().min()
}

/// Names that are not known are left out; when none is left, nothing is allowed.
pub(super) fn may_connect_as(names: &[String], connection_type: ConnectionType) -> bool {
    let known = |name: &String| match name.to_ascii_uppercase().as_str() {
        "STANDARD" => Some(ConnectionType::Standard),
        "WEBSOCKET" => Some(ConnectionType::Websocket),
        "LEAFNODE" => Some(ConnectionType::Leafnode),
        "LEAFNODE_WS" => Some(ConnectionType::LeafnodeWs),
        "MQTT" => Some(ConnectionType::Mqtt),
        "MQTT_WS" => Some(ConnectionType::MqttWs),
        "IN_PROCESS" => Some(ConnectionType::InProcess),
        _ => None,
    };
    names.is_empty() || names.iter().filter_map(known).any(|allowed| allowed == connection_type)
}

/// Whether an address is in one of the networks; none is all.
pub(super) fn is_from(networks: &[String], remote: Option<IpAddr>) -> bool {
    if networks.is_empty() {
        return true;
    }
    let Some(remote) = remote else { return false };
    networks.iter().any(|network| contains(network, remote).unwrap_or(false))
}

fn contains(network: &str, address: IpAddr) -> Option<bool> {
    let (base, bits) = network.trim().split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    let (base, address, width): (u128, u128, u32) = match (base.parse().ok()?, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (u128::from(base.to_bits()), u128::from(address.to_bits()), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return Some(false),
    };
    let shift = width.checked_sub(bits).filter(|shift| *shift <= width)?;
    Some(base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0))
}
