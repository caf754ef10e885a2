//! The order in which credentials are tried.

use std::sync::Arc;

use rand::Rng;
use rand::distr::Alphanumeric;
use subtle::ConstantTimeEq;

use super::callout::{CalloutFault, Rules, conclude, denying_requests};
use super::decision::{
    Decision, Grant, Identity, PasswordCheck, Presented, Reconsidered, Refusal, RefusalReason, UserLimits,
};
use super::delegation::{ConfiguredService, Delegation, Reviewed, raw_user};
use super::permissions::CompiledPermissions;
use super::signature::{is_signed_by, is_signed_by_proxy};
use super::trust::Trust;
use super::users::{Directory, UserRecord};
use crate::id::ServerIdentity;
use crate::options::{Credential, DEFAULT_SYSTEM_ACCOUNT, GLOBAL_ACCOUNT, Options, Secret};

/// Decides who may enter the client listener. Built once per configuration, asked from any thread.
#[derive(Debug)]
pub struct Authenticator {
    users: Directory,
    /// Operator mode: tokens say who may enter.
    trust: Option<Trust>,
    /// A service decides on those the configuration does not.
    service: Option<ConfiguredService>,
    single: Option<Single>,
    no_auth_user: Option<String>,
    /// `no_auth_user` is our own, for a configuration that only has users in the system account.
    is_no_auth_user_implied: bool,
    has_tls_map: bool,
    proxy_required: bool,
    trusted_proxies: Vec<Arc<str>>,
    always_nonce: bool,
}

/// The one credential of an `authorization` block without users.
#[derive(Debug)]
enum Single {
    Token(Secret),
    User(String, Secret),
}

impl Authenticator {
    /// Reads the users of `options`.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self::build(options, None, None)
    }

    /// As [`Authenticator::new`] for a changed configuration: the user that anonymous connections were given keeps
    /// its name, so that they stay connected.
    #[must_use]
    pub fn reload(&self, options: &Options) -> Self {
        let implied_name = self.no_auth_user.clone().filter(|_| self.is_no_auth_user_implied);
        Self::build(options, implied_name, self.trust.as_ref())
    }

    fn build(options: &Options, implied_name: Option<String>, before: Option<&Trust>) -> Self {
        let auth = &options.auth;
        let mut users = Directory::new(options);
        let mut no_auth_user = auth.no_auth_user.clone();
        let implied = leaves_anonymous_in_global(options);
        if implied {
            let name = implied_name.unwrap_or_else(random_user_name);
            users.add_anonymous(&name);
            no_auth_user = Some(name);
        }
        let non_empty = |secret: &&Secret| !secret.expose().is_empty();
        let token = auth.token.as_ref().filter(non_empty).cloned().map(Single::Token);
        let single = token.or_else(|| {
            let name = auth.username.clone().filter(|name| !name.is_empty())?;
            Some(Single::User(name, auth.password.clone().unwrap_or_else(|| Secret::new(""))))
        });
        Self {
            users,
            trust: options.trust.as_ref().map(|trust| Trust::new(trust, before)),
            service: ConfiguredService::new(options),
            single,
            no_auth_user,
            is_no_auth_user_implied: implied,
            has_tls_map: options.tls.as_ref().is_some_and(|tls| tls.verify_and_map),
            proxy_required: auth.proxy_required,
            trusted_proxies: auth.trusted_proxies.iter().map(|key| key.as_str().into()).collect(),
            always_nonce: options.always_enable_nonce,
        }
    }

    /// Whether credentials are configured at all. Otherwise every connection enters `$G`.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.users.is_empty() || self.single.is_some() || self.trust.is_some() || self.service.is_some()
    }

    /// `auth_required` of INFO: not with a configured `no_auth_user`, yet with the implied one.
    #[must_use]
    pub fn auth_required(&self) -> bool {
        self.is_configured() && (self.no_auth_user.is_none() || self.is_no_auth_user_implied)
    }

    /// Whether INFO carries a nonce.
    #[must_use]
    pub fn nonce_required(&self) -> bool {
        self.always_nonce || self.trust.is_some() || self.users.has_nkeys() || !self.trusted_proxies.is_empty()
    }

    /// Whether a connection whose first verb is not CONNECT may enter, so that it needs no `implicit` decision
    /// when `false`.
    #[must_use]
    pub fn may_admit_implicit(&self) -> bool {
        !self.is_configured() || self.no_auth_user.is_some()
    }

    /// Judges a connection.
    #[must_use]
    pub fn decide(&self, presented: &Presented) -> Decision {
        if presented.new_account || presented.account.as_deref().is_some_and(|account| !account.is_empty()) {
            return refuse(RefusalReason::AuthenticationFailure, presented.claimed_identity());
        }
        let Ok(proxy) = self.trusted_proxy(presented) else {
            return refuse(RefusalReason::ProxyNotTrusted, presented.claimed_identity());
        };
        if !self.is_configured() {
            return Decision::Accept(grant_in_global(presented.claimed_identity(), proxy, None));
        }
        if presented.implicit && !self.admits_implicit(presented) {
            return refuse(RefusalReason::AuthenticationFailure, Identity::Anonymous);
        }
        if let Some(trust) = &self.trust {
            return trust.decide(presented, proxy);
        }
        if let Some(key) = self.nkey_of(presented) {
            return self.decide_nkey(presented, key, proxy);
        }
        if self.users.has_names() {
            if self.has_tls_map {
                return self.decide_certificate(presented, proxy);
            }
            let no_auth_user = self.no_auth_user.as_deref().filter(|_| presented.is_anonymous());
            if let Some(user) = no_auth_user.and_then(|name| self.users.by_name(name)) {
                return decide_no_auth_user(presented, user, proxy);
            }
            if let Some(name) = presented.user() {
                return self.decide_named(presented, name, proxy);
            }
        }
        self.decide_single(presented, proxy)
    }

    /// Whether a service decides instead of `outcome`; where it does not, what the connection may do.
    #[must_use]
    pub fn review(&self, presented: &Presented, outcome: Result<Grant, Refusal>) -> Reviewed {
        if outcome.as_ref().is_err_and(|refusal| refusal.reason == RefusalReason::ProxyNotTrusted) {
            return Reviewed::Final(Box::new(outcome));
        }
        let outcome = match self.delegation(presented, &outcome) {
            // There is no CONNECT to ask about.
            Some(_) if presented.implicit => {
                Err(Refusal { reason: RefusalReason::AuthenticationFailure, identity: Identity::Anonymous })
            }
            Some(delegation) => return Reviewed::Ask(Box::new(delegation)),
            None => outcome.map(|grant| match self.guards_requests(presented, &grant) {
                true => without_requests(grant),
                false => grant,
            }),
        };
        Reviewed::Final(Box::new(outcome))
    }

    fn delegation(&self, presented: &Presented, outcome: &Result<Grant, Refusal>) -> Option<Delegation> {
        if let Some(trust) = &self.trust {
            return trust.delegation(presented, outcome);
        }
        let account = outcome.as_ref().map_or(GLOBAL_ACCOUNT, |grant| &grant.account);
        let service = self.service.as_ref().filter(|service| service.is_asked(account))?;
        let is_exempt = service.options.auth_users.contains(&raw_user(presented, outcome));
        (!is_exempt).then(|| service.delegation(presented, outcome))
    }

    /// Whether a user that is let in without the service's word is in the service's account.
    fn guards_requests(&self, presented: &Presented, grant: &Grant) -> bool {
        match (&self.trust, &self.service) {
            (Some(trust), _) => trust.has_service(&grant.account),
            (None, Some(service)) => {
                let is_exempt = service.is_asked(&grant.account) || presented.implicit;
                is_exempt && *grant.account == *service.options.account
            }
            (None, None) => false,
        }
    }

    /// Judges what a service answered to the request of `delegation`.
    ///
    /// # Errors
    /// Why the answer lets nobody in.
    pub fn conclude(
        &self,
        delegation: &Delegation,
        presented: &Presented,
        identity: &ServerIdentity,
        answer: &[u8],
    ) -> Result<Grant, CalloutFault> {
        let rules = match (&self.trust, &self.service) {
            (Some(trust), _) if delegation.has_operator => Rules::Trusted(trust),
            (None, Some(service)) if !delegation.has_operator => Rules::Configured(service),
            // The configuration was changed meanwhile.
            _ => return Err(CalloutFault::UnknownKey),
        };
        conclude(&rules, delegation, presented, identity, answer)
    }

    /// Judges a connection that is in with `previous` again, with this configuration. Passwords whose stored form did
    /// not change are not compared again.
    #[must_use]
    pub fn reconsider(&self, presented: &Presented, previous: &Grant) -> Reconsidered {
        match self.decide(presented) {
            Decision::Accept(grant) => self.settle(presented, previous, Ok(grant)),
            Decision::Refuse(refusal) => self.settle(presented, previous, Err(refusal)),
            Decision::FindAccount(missing) => self.settle(presented, previous, Err(missing.refusal)),
            Decision::CheckPassword(check) => match check.skip_if_checked(previous) {
                Some(grant) => self.settle(presented, previous, Ok(grant)),
                None => Reconsidered::CheckPassword(check),
            },
        }
    }

    /// What `outcome` means for a connection that is in with `previous`.
    #[must_use]
    pub fn settle(&self, presented: &Presented, previous: &Grant, outcome: Result<Grant, Refusal>) -> Reconsidered {
        match self.review(presented, outcome) {
            Reviewed::Final(outcome) => match *outcome {
                Ok(grant) => Reconsidered::compare(previous, grant),
                Err(refusal) => Reconsidered::Refused(refusal),
            },
            Reviewed::Ask(delegation) => Reconsidered::Ask(delegation),
        }
    }

    /// Key of the trusted proxy that signed, if one did. `Err` when the signature is nobody's; without trusted
    /// proxies signatures are not looked at.
    fn trusted_proxy(&self, presented: &Presented) -> Result<Option<Arc<str>>, ()> {
        let signature = presented.proxy_signature.as_deref().filter(|signature| !signature.is_empty());
        let Some(signature) = signature.filter(|_| !self.trusted_proxies.is_empty()) else { return Ok(None) };
        let signer = self.trusted_proxies.iter().find(|key| is_signed_by_proxy(key, &presented.nonce, signature));
        signer.cloned().map(Some).ok_or(())
    }

    fn admits_implicit(&self, presented: &Presented) -> bool {
        let user = self.no_auth_user.as_deref().and_then(|name| self.users.by_name(name));
        user.is_some_and(|user| !user.proxy_required && user.may_use(presented.connection_type))
    }

    /// The nkey to check, if nkeys are configured: the one shown or that of the `no_auth_user`.
    fn nkey_of<'a>(&'a self, presented: &'a Presented) -> Option<&'a str> {
        if !self.users.has_nkeys() {
            return None;
        }
        let stand_in = || {
            let name = self.no_auth_user.as_deref().filter(|_| presented.is_anonymous())?;
            self.users.by_nkey(name).map(|_| name)
        };
        presented.nkey().or_else(stand_in)
    }

    fn decide_nkey(&self, presented: &Presented, key: &str, proxy: Option<Arc<str>>) -> Decision {
        let identity = Identity::Nkey(key.to_owned());
        let Some(user) = self.users.by_nkey(key).filter(|user| user.may_use(presented.connection_type)) else {
            return refuse(RefusalReason::AuthenticationFailure, identity);
        };
        if user.proxy_required && proxy.is_none() {
            return refuse(RefusalReason::ProxyRequired, identity);
        }
        let signature = presented.signature.as_deref().unwrap_or("");
        if self.no_auth_user.as_deref() == Some(key) || is_signed_by(key, &presented.nonce, signature) {
            return Decision::Accept(user.grant(proxy));
        }
        refuse(RefusalReason::AuthenticationFailure, identity)
    }

    /// The certificate names the user; the password shown must still be the user's, be it empty.
    fn decide_certificate(&self, presented: &Presented, proxy: Option<Arc<str>>) -> Decision {
        let names = presented.certificate.as_deref();
        let user = names.and_then(|names| self.users.by_certificate(names, presented.connection_type, &mut drop));
        let Some(user) = user else {
            return refuse(RefusalReason::AuthenticationFailure, presented.claimed_identity());
        };
        let identity = user.identity().clone();
        if user.proxy_required && proxy.is_none() {
            return refuse(RefusalReason::ProxyRequired, identity);
        }
        let refusal = Refusal { reason: RefusalReason::AuthenticationFailure, identity };
        compare(user.password.clone(), presented.password(), user.grant(proxy), refusal)
    }

    /// Why a token lets nobody in, for the log; `None` where tokens do not count, or it does.
    #[must_use]
    pub fn explain_token(&self, presented: &Presented) -> Option<String> {
        let proxy = self.trusted_proxy(presented).ok()?;
        self.trust.as_ref()?.explain(presented, proxy)
    }

    /// How the user of a certificate is looked for, as lines for the log; none where certificates name no users.
    #[must_use]
    pub fn explain_certificate(&self, presented: &Presented) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(names) = presented.certificate.as_deref().filter(|_| self.has_tls_map && self.users.has_names()) {
            self.users.by_certificate(names, presented.connection_type, &mut |line| lines.push(line));
        }
        lines
    }

    fn decide_named(&self, presented: &Presented, name: &str, proxy: Option<Arc<str>>) -> Decision {
        let refusal = Refusal { reason: RefusalReason::AuthenticationFailure, identity: presented.claimed_identity() };
        let Some(user) = self.users.by_name(name).filter(|user| user.may_use(presented.connection_type)) else {
            let Some(hash) = self.users.sample_hash() else { return Decision::Refuse(refusal) };
            let password = Secret::new(presented.password());
            return Decision::CheckPassword(Box::new(PasswordCheck::new(hash.clone(), password, None, refusal)));
        };
        if user.proxy_required && proxy.is_none() {
            return refuse(RefusalReason::ProxyRequired, refusal.identity);
        }
        let mut grant = user.grant(proxy);
        grant.identity = presented.claimed_identity();
        compare(grant.checked_against.clone(), presented.password(), grant, refusal)
    }

    fn decide_single(&self, presented: &Presented, proxy: Option<Arc<str>>) -> Decision {
        let identity = presented.claimed_identity();
        if self.proxy_required && proxy.is_none() {
            return refuse(RefusalReason::ProxyRequired, identity);
        }
        let refusal = Refusal { reason: RefusalReason::AuthenticationFailure, identity: identity.clone() };
        let (stored, shown, name_matches) = match &self.single {
            None => return Decision::Refuse(refusal),
            Some(Single::Token(token)) => (token, presented.auth_token.as_ref().map_or("", Secret::expose), true),
            Some(Single::User(name, password)) => {
                (password, presented.password(), presented.user() == Some(name.as_str()))
            }
        };
        let grant = grant_in_global(identity, proxy, Some(stored.clone()));
        if name_matches {
            return compare(Some(stored.clone()), shown, grant, refusal);
        }
        if !stored.is_bcrypt() || presented.user().is_none() {
            return Decision::Refuse(refusal);
        }
        let check = PasswordCheck::new(stored.clone(), Secret::new(shown), None, refusal);
        Decision::CheckPassword(Box::new(check))
    }
}

/// Whether nats-server's `Plaintext passwords detected, use nkeys or bcrypt` applies to `options`.
///
/// Tokens do not count; a user without password does, unless certificates name the users.
#[must_use]
pub fn has_plaintext_passwords(options: &Options) -> bool {
    let single = options.auth.password.as_ref().filter(|password| !password.expose().is_empty());
    let maps_certificates = options.tls.as_ref().is_some_and(|tls| tls.verify_and_map);
    let of_users = options.auth.users.iter().filter_map(|user| match &user.credential {
        Credential::Password { password, .. } if password.expose().is_empty() && maps_certificates => None,
        Credential::Password { password, .. } => Some(password),
        Credential::Nkey(_) => None,
    });
    single.into_iter().chain(of_users).any(|password| !password.is_bcrypt())
}

/// The same without the right to ask the service in the server's name.
fn without_requests(grant: Grant) -> Grant {
    let own = grant.permissions.as_ref().map(|permissions| permissions.source().clone());
    let permissions = Some(Arc::new(CompiledPermissions::compile(&denying_requests(own))));
    Grant { permissions, ..grant }
}

fn refuse(reason: RefusalReason, identity: Identity) -> Decision {
    Decision::Refuse(Refusal { reason, identity })
}

fn grant_in_global(identity: Identity, proxy_key: Option<Arc<str>>, checked_against: Option<Secret>) -> Grant {
    Grant {
        account: GLOBAL_ACCOUNT.into(),
        identity,
        permissions: None,
        proxy_key,
        limits: UserLimits::default(),
        expires: None,
        token: None,
        ends_with_account: false,
        is_delegated: false,
        checked_against,
    }
}

/// A `no_auth_user` with a hashed password lets nobody in: its own hash is what nats-server compares it with.
fn decide_no_auth_user(presented: &Presented, user: &UserRecord, proxy: Option<Arc<str>>) -> Decision {
    let identity = user.identity().clone();
    if !user.may_use(presented.connection_type) {
        return refuse(RefusalReason::AuthenticationFailure, identity);
    }
    if user.proxy_required && proxy.is_none() {
        return refuse(RefusalReason::ProxyRequired, identity);
    }
    if user.password.as_ref().is_some_and(Secret::is_bcrypt) {
        return refuse(RefusalReason::AuthenticationFailure, identity);
    }
    let mut grant = user.grant(proxy);
    if let Some(nkey) = presented.nkey() {
        grant.identity = Identity::Nkey(nkey.to_owned());
    }
    Decision::Accept(grant)
}

fn compare(stored: Option<Secret>, shown: &str, grant: Grant, refusal: Refusal) -> Decision {
    let Some(stored) = stored else { return Decision::Refuse(refusal) };
    if stored.is_bcrypt() {
        let check = PasswordCheck::new(stored, Secret::new(shown), Some(grant), refusal);
        return Decision::CheckPassword(Box::new(check));
    }
    if bool::from(stored.expose().as_bytes().ct_eq(shown.as_bytes())) {
        Decision::Accept(grant)
    } else {
        Decision::Refuse(refusal)
    }
}

/// Whether the system account is the only one declared and nothing else says who may enter: anonymous
/// connections then stay in `$G`.
fn leaves_anonymous_in_global(options: &Options) -> bool {
    let auth = &options.auth;
    let system = options.system_account.as_deref().unwrap_or(DEFAULT_SYSTEM_ACCOUNT);
    let has_authorization = auth.is_block_defined
        || auth.username.is_some()
        || auth.password.is_some()
        || auth.token.is_some()
        || auth.timeout.is_some()
        || auth.default_permissions.is_some()
        || auth.proxy_required
        || auth.users.iter().any(|user| user.account.is_none());
    !has_authorization
        && auth.no_auth_user.is_none()
        && options.accounts.len() == 1
        && options.accounts.get(system).is_some()
}

fn random_user_name() -> String {
    let suffix: String = rand::rng().sample_iter(Alphanumeric).take(8).map(char::from).collect();
    format!("nats-{suffix}")
}

#[cfg(test)]
#[path = "authenticator_test.rs"]
mod tests;
