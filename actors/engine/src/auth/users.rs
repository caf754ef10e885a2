//! The users of a configuration, ready to be looked up.

use std::sync::Arc;

use ahash::AHashMap;

use super::certificate::{CertificateNames, NameCandidate};
use super::decision::{Grant, Identity, UserLimits};
use super::distinguished_name::DistinguishedName;
use super::permissions::CompiledPermissions;
use crate::options::{
    ConnectionType, Credential, GLOBAL_ACCOUNT, Options, Permissions, Secret, UserLimitOptions, UserOptions,
};

/// One user.
#[derive(Debug)]
pub(super) struct UserRecord {
    /// Password or hash; `None` for nkey users.
    pub(super) password: Option<Secret>,
    pub(super) proxy_required: bool,
    allowed: Option<Vec<ConnectionType>>,
    account: Arc<str>,
    identity: Identity,
    permissions: Option<Arc<CompiledPermissions>>,
    limits: UserLimits,
}

impl UserRecord {
    pub(super) fn may_use(&self, connection_type: ConnectionType) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.is_empty() || allowed.contains(&connection_type))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What entering as this user gives.
    pub(super) fn grant(&self, proxy_key: Option<Arc<str>>) -> Grant {
        Grant {
            account: Arc::clone(&self.account),
            identity: self.identity.clone(),
            permissions: self.permissions.clone(),
            proxy_key,
            limits: self.limits,
            expires: None,
            token: None,
            ends_with_account: false,
            is_delegated: false,
            checked_against: self.password.clone(),
        }
    }
}

/// All users by what they show.
#[derive(Debug, Default)]
pub(super) struct Directory {
    by_name: AHashMap<String, UserRecord>,
    by_nkey: AHashMap<String, UserRecord>,
    /// User names that are distinguished names, for certificates.
    distinguished: Vec<(DistinguishedName, String)>,
    /// A hash of the configuration, to spend the time of a comparison for names that do not exist.
    sample_hash: Option<Secret>,
}

impl Directory {
    pub(super) fn new(options: &Options) -> Self {
        let mut directory = Self::default();
        let mut compiler = Compiler::default();
        let defaults = Defaults::new(options);
        for user in &options.auth.users {
            let permissions = defaults.effective(user).map(|permissions| compiler.compile(permissions));
            directory.add(user, permissions);
        }
        directory
    }

    fn add(&mut self, user: &UserOptions, permissions: Option<Arc<CompiledPermissions>>) {
        let (identity, password) = match &user.credential {
            Credential::Password { name, password } => (Identity::User(name.clone()), Some(password.clone())),
            Credential::Nkey(key) => (Identity::Nkey(key.clone()), None),
        };
        if self.sample_hash.is_none() {
            self.sample_hash = password.clone().filter(Secret::is_bcrypt);
        }
        let record = UserRecord {
            password,
            proxy_required: user.proxy_required,
            allowed: user.allowed_connection_types.clone(),
            account: user.account.as_deref().unwrap_or(GLOBAL_ACCOUNT).into(),
            identity,
            permissions,
            limits: limits(&user.limits),
        };
        match &user.credential {
            Credential::Password { name, .. } => {
                self.distinguished.extend(DistinguishedName::parse(name).map(|parsed| (parsed, name.clone())));
                self.by_name.insert(name.clone(), record);
            }
            Credential::Nkey(key) => {
                self.by_nkey.insert(key.clone(), record);
            }
        }
    }

    /// The user that anonymous connections become in `$G` when only the system account has users.
    pub(super) fn add_anonymous(&mut self, name: &str) {
        let record = UserRecord {
            password: Some(Secret::new("")),
            proxy_required: false,
            allowed: None,
            account: GLOBAL_ACCOUNT.into(),
            identity: Identity::User(name.to_owned()),
            permissions: None,
            limits: UserLimits::default(),
        };
        self.by_name.insert(name.to_owned(), record);
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_names() && !self.has_nkeys()
    }

    pub(super) fn has_names(&self) -> bool {
        !self.by_name.is_empty()
    }

    pub(super) fn has_nkeys(&self) -> bool {
        !self.by_nkey.is_empty()
    }

    pub(super) fn by_name(&self, name: &str) -> Option<&UserRecord> {
        self.by_name.get(name)
    }

    pub(super) fn by_nkey(&self, key: &str) -> Option<&UserRecord> {
        self.by_nkey.get(key)
    }

    pub(super) fn sample_hash(&self) -> Option<&Secret> {
        self.sample_hash.as_ref()
    }

    /// The user a certificate belongs to: the first name of it that is a user's decides. `tell` gets the lines for the log.
    pub(super) fn by_certificate(
        &self,
        names: &CertificateNames,
        kind: ConnectionType,
        tell: &mut dyn FnMut(String),
    ) -> Option<&UserRecord> {
        for candidate in names.candidates() {
            let found = match &candidate {
                NameCandidate::Subject { name, .. } => self.by_distinguished_name(name, kind),
                other => other.user().and_then(|user| self.by_name.get_key_value(user)),
            };
            match found.filter(|(_, user)| user.may_use(kind)) {
                Some((name, user)) => {
                    tell(candidate.used_text(name));
                    return Some(user);
                }
                None => candidate.unused_text().into_iter().for_each(&mut *tell),
            }
        }
        None
    }

    /// The user whose name is `subject`, else one whose name has the same parts in another order.
    fn by_distinguished_name(
        &self,
        subject: &DistinguishedName,
        kind: ConnectionType,
    ) -> Option<(&String, &UserRecord)> {
        let search = |is_same: fn(&DistinguishedName, &DistinguishedName) -> bool| {
            let known = self.distinguished.iter().filter(move |(name, _)| is_same(name, subject));
            let mut users = known.filter_map(|(_, name)| self.by_name.get_key_value(name));
            users.find(|(_, user)| user.may_use(kind))
        };
        search(DistinguishedName::matches).or_else(|| search(DistinguishedName::matches_in_any_order))
    }
}

fn limits(options: &UserLimitOptions) -> UserLimits {
    UserLimits {
        max_subscriptions: options.max_subscriptions,
        max_payload: options.max_payload,
        max_connections: options.max_connections,
        rate: options.rate,
    }
}

/// Permissions of users that have none of their own.
struct Defaults<'a> {
    of_accounts: AHashMap<&'a str, Option<&'a Permissions>>,
    of_server: Option<&'a Permissions>,
}

impl<'a> Defaults<'a> {
    fn new(options: &'a Options) -> Self {
        // With tokens there may be very many accounts, and there are no users.
        let accounts = (!options.auth.users.is_empty()).then(|| options.accounts.iter()).into_iter().flatten();
        Self {
            of_accounts: accounts.map(|a| (a.name.as_str(), a.default_permissions.as_ref())).collect(),
            of_server: options.auth.default_permissions.as_ref(),
        }
    }

    /// Own permissions, or the defaults of the account, or for users of no account those of the server.
    fn effective(&self, user: &'a UserOptions) -> Option<&'a Permissions> {
        let defaults = || match &user.account {
            Some(account) => self.of_accounts.get(account.as_str()).copied().flatten(),
            None => self.of_server,
        };
        user.permissions.as_ref().or_else(defaults)
    }
}

/// Users that take the same default permissions share one compiled form.
#[derive(Default)]
struct Compiler {
    last: Option<Arc<CompiledPermissions>>,
}

impl Compiler {
    fn compile(&mut self, source: &Permissions) -> Arc<CompiledPermissions> {
        match &self.last {
            Some(last) if last.source() == source => Arc::clone(last),
            _ => Arc::clone(self.last.insert(Arc::new(CompiledPermissions::compile(source)))),
        }
    }
}
