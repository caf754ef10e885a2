//! Reload: what changed between two configurations, and whether it can be applied live.
//!
//! A reload is all or nothing: one change that needs a restart refuses all others. The words are nats-server's, so the
//! names in refusals are those of its Go fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};
use std::path::Path;
use std::time::Duration;

use troupe_codecs::conf::format_duration;
use troupe_codecs::jwt::OperatorClaims;

use super::jetstream_diff::jetstream_changes;
use super::trust::Token;
use super::{
    CalloutOptions, ClusterOptions, Credential, HandshakeFirst, MonitorOptions, Options, TlsOptions, TrustOptions,
    UserOptions, WriteTimeoutPolicy, tls,
};

/// Who has to act on a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeScope {
    /// Destination and look of log lines, trace levels, traced length.
    Logging,
    /// Certificates, time-outs and handshakes of the client listener.
    Tls,
    /// Users, accounts, permissions: every connection is judged again.
    Auth,
    /// Public keys of trusted proxies: connections of removed ones are closed.
    Proxies,
    /// Sizes and counts of client connections.
    Limits,
    /// Pings and deadlines.
    Timing,
    /// Tags, metadata, cluster name, advertised address: INFO and events.
    Identity,
    /// Routes, their pools, compression and rights.
    Cluster,
    /// Process id and ports files.
    Files,
    /// Producer stall.
    Delivery,
    /// Failed attempts between two log lines.
    Reports,
    /// Limits of JetStream.
    JetStream,
}

/// One change that can be applied live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who has to act.
    pub scope: ChangeScope,
    /// The log line once it is applied; `None` logs nothing.
    pub line: Option<String>,
}

/// Why a whole reload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// An option that needs a restart changed.
    #[error("config reload not supported for {field}: old={old}, new={new}")]
    NotSupported {
        /// nats-server's name of the field.
        field: &'static str,
        /// Value in force.
        old: String,
        /// Value asked for.
        new: String,
    },
    /// JetStream cannot change so without a restart.
    #[error("config reload not supported for {0}")]
    JetStream(&'static str),
    /// Tokens of accounts cannot be switched on or off.
    #[error("config reload does not support moving to or from an account resolver")]
    Resolver,
    /// `client_advertise` is no `host[:port]`.
    #[error("invalid ClientAdvertise value of {value}, err={reason}")]
    ClientAdvertise {
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Compares the options in force with new ones that were loaded with the same flags.
///
/// `old.listen.port` may be the port that was bound; a new port of `-1` always fits. Authentication is reported as
/// changed each time, as nats-server does: accounts are rebuilt and connections judged again at every reload.
/// Certificate files that changed under the same name are not seen here; see [`tls_change`].
///
/// # Errors
/// The first change, in nats-server's order, that cannot be applied live.
pub fn diff(old: &Options, new: &Options) -> Result<Vec<Change>, ReloadError> {
    let mut differ = Differ { old, new, changes: Vec::new() };
    differ.identity()?;
    differ.trace_levels()?;
    differ.client_limits()?;
    differ.users()?;
    differ.single_user()?;
    differ.sizes_and_timing()?;
    differ.files_and_logging()?;
    differ.tls()?;
    differ.trust()?;
    differ.rest()?;
    Ok(differ.changes)
}

/// The change that new certificates bring, or that TLS is switched on or off.
#[must_use]
pub fn tls_change(enabled: bool) -> Change {
    let state = if enabled { "enabled" } else { "disabled" };
    Change { scope: ChangeScope::Tls, line: Some(format!("Reloaded: tls = {state}")) }
}

struct Differ<'a> {
    old: &'a Options,
    new: &'a Options,
    changes: Vec<Change>,
}

impl Differ<'_> {
    fn change(&mut self, scope: ChangeScope, line: String) {
        self.changes.push(Change { scope, line: Some(line) });
    }

    /// Adds `Reloaded: <name> = <new>` when the values differ.
    fn report<T: PartialEq + Display>(&mut self, scope: ChangeScope, name: &str, old: T, new: T) {
        if old != new {
            self.change(scope, format!("Reloaded: {name} = {new}"));
        }
    }

    fn identity(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (self.old, self.new);
        refuse("ServerName", text(&old.server_name), text(&new.server_name))?;
        refuse("Host", &old.listen.host, &new.listen.host)?;
        if new.listen.port != -1 {
            refuse("Port", old.listen.port, new.listen.port)?;
        }
        let (old_monitor, new_monitor) = (&old.monitor, &new.monitor);
        refuse("HTTPHost", old_monitor.host(&old.listen), new_monitor.host(&new.listen))?;
        refuse("HTTPPort", old_monitor.http_port, new_monitor.http_port)?;
        refuse("HTTPBasePath", &old_monitor.base_path, &new_monitor.base_path)?;
        refuse("HTTPSPort", old_monitor.https_port, new_monitor.https_port)?;
        let verifies = |monitor: &MonitorOptions| monitor.auth.as_ref().is_some_and(|auth| auth.verify);
        refuse("HTTPAuth.Verify", verifies(old_monitor), verifies(new_monitor))?;
        let authorities =
            |monitor: &MonitorOptions| path(monitor.auth.as_ref().and_then(|auth| auth.ca_file.as_deref()));
        refuse("HTTPAuth.CaFile", authorities(old_monitor), authorities(new_monitor))?;
        if old_monitor.auth != new_monitor.auth {
            self.change(ChangeScope::Auth, "Reloaded: http_auth".to_owned());
        }
        refuse("UnixPath", path(old.listen.unix_path.as_deref()), path(new.listen.unix_path.as_deref()))?;
        if old.listen.client_advertise != new.listen.client_advertise {
            let address = text(&new.listen.client_advertise);
            check_advertised(address)?;
            self.change(ChangeScope::Identity, format!("Reload: client_advertise = {address}"));
        }
        Ok(())
    }

    fn trace_levels(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (&self.old.logging, &self.new.logging);
        let scope = ChangeScope::Logging;
        self.report(scope, "trace", old.trace, new.trace);
        self.report(scope, "debug", old.debug, new.debug);
        self.report(scope, "trace_verbose", old.trace_verbose, new.trace_verbose);
        self.report(scope, "trace_headers", old.trace_headers, new.trace_headers);
        refuse("NoSublistCache", self.old.disable_sublist_cache, self.new.disable_sublist_cache)?;
        refuse("NoHeaderSupport", self.old.no_header_support, self.new.no_header_support)?;
        self.report(scope, "logtime", old.logtime, new.logtime);
        self.report(scope, "logtime_utc", old.logtime_utc, new.logtime_utc);
        Ok(())
    }

    fn client_limits(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (&self.old.limits, &self.new.limits);
        self.report(ChangeScope::Limits, "max_connections", old.max_connections, new.max_connections);
        refuse("MaxSubs", old.max_subscriptions, new.max_subscriptions)?;
        refuse("MaxSubTokens", old.max_sub_tokens, new.max_sub_tokens)
    }

    fn users(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (self.old, self.new);
        if nkey_users(old) != nkey_users(new) {
            self.change(ChangeScope::Auth, "Reloaded: authorization nkey users".to_owned());
        }
        self.change(ChangeScope::Auth, "Reloaded: authorization users".to_owned());
        self.change(ChangeScope::Auth, "Reloaded: accounts".to_owned());
        // A default user may only go together with its definition.
        let (old_user, new_user) = (text(&old.auth.no_auth_user), text(&new.auth.no_auth_user));
        let is_left = new_user.is_empty() && !is_password_user(new, old_user);
        if !is_left {
            refuse("NoAuthUser", old_user, new_user)?;
        }
        let (old_account, new_account) = (text(&old.system_account), text(&new.system_account));
        if !(old_account == super::DEFAULT_SYSTEM_ACCOUNT && new_account.is_empty()) {
            refuse("SystemAccount", old_account, new_account)?;
        }
        refuse("NoSystemAccount", old.no_system_account, new.no_system_account)
    }

    fn single_user(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (&self.old.auth, &self.new.auth);
        let scope = ChangeScope::Auth;
        if old.username != new.username {
            self.change(scope, "Reloaded: authorization username".to_owned());
        }
        if old.password != new.password {
            self.change(scope, "Reloaded: authorization password".to_owned());
        }
        refuse("AuthCallout", callout(old.callout.as_ref()), callout(new.callout.as_ref()))?;
        refuse("ProxyRequired", old.proxy_required, new.proxy_required)?;
        refuse("ProxyProtocol", self.old.listen.proxy_protocol, self.new.listen.proxy_protocol)?;
        if old.token != new.token {
            self.change(scope, "Reloaded: authorization token".to_owned());
        }
        Ok(())
    }

    fn sizes_and_timing(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (&self.old.timing, &self.new.timing);
        let scope = ChangeScope::Timing;
        self.report(scope, "ping_interval", duration(old.ping_interval), duration(new.ping_interval));
        self.report(scope, "ping_max", old.max_pings_out, new.max_pings_out);
        let (old_timeout, new_timeout) = (self.old.auth_timeout(), self.new.auth_timeout());
        let scope = ChangeScope::Auth;
        self.report(scope, "authorization timeout", old_timeout.as_secs_f64(), new_timeout.as_secs_f64());
        let (old, new) = (&self.old.limits, &self.new.limits);
        let scope = ChangeScope::Limits;
        self.report(scope, "max_control_line", old.max_control_line, new.max_control_line);
        self.report(scope, "max_payload", old.max_payload, new.max_payload);
        refuse("MaxPending", old.max_pending, new.max_pending)?;
        let no_stall = self.new.no_fast_producer_stall;
        if self.old.no_fast_producer_stall != no_stall {
            let not = if no_stall { "not " } else { "" };
            self.change(ChangeScope::Delivery, format!("Reloaded: fast producers will {not}be stalled"));
        }
        self.cluster()
    }

    fn cluster(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (&self.old.cluster, &self.new.cluster);
        refuse("cluster host", &old.host, &new.host)?;
        if new.port != -1 || old.port == 0 {
            refuse("cluster port", old.port, new.port)?;
        }
        let has_routes_changed = old.routes != new.routes;
        let without_places =
            |cluster: &ClusterOptions| ClusterOptions { routes: Vec::new(), port: 0, ..cluster.clone() };
        if without_places(old) != without_places(new) {
            self.change(ChangeScope::Cluster, "Reloaded: cluster".to_owned());
        }
        if has_routes_changed {
            self.change(ChangeScope::Cluster, "Reloaded: cluster routes".to_owned());
        }
        Ok(())
    }

    fn files_and_logging(&mut self) -> Result<(), ReloadError> {
        let (old_file, new_file) = (path(self.old.pid_file.as_deref()), path(self.new.pid_file.as_deref()));
        if old_file != new_file {
            let line = Some(format!("Reloaded: pid_file = {new_file}")).filter(|_| !new_file.is_empty());
            self.changes.push(Change { scope: ChangeScope::Files, line });
        }
        let (old_dir, new_dir) = (&self.old.ports_file_dir, &self.new.ports_file_dir);
        self.report(ChangeScope::Files, "ports_file_dir", path(old_dir.as_deref()), path(new_dir.as_deref()));
        let (old, new) = (&self.old.logging, &self.new.logging);
        let scope = ChangeScope::Logging;
        self.report(scope, "log_file", path(old.log_file.as_deref()), path(new.log_file.as_deref()));
        refuse("LogSizeLimit", old.log_size_limit, new.log_size_limit)?;
        refuse("LogMaxFiles", old.log_max_num, new.log_max_num)?;
        self.report(scope, "syslog", old.syslog, new.syslog);
        self.report(scope, "remote_syslog", text(&old.remote_syslog), text(&new.remote_syslog));
        self.report(scope, "log_format", old.format.as_str(), new.format.as_str());
        Ok(())
    }

    fn tls(&mut self) -> Result<(), ReloadError> {
        let default = TlsOptions::default();
        let old = self.old.tls.as_ref().unwrap_or(&default);
        let new = self.new.tls.as_ref().unwrap_or(&default);
        let scope = ChangeScope::Tls;
        self.report(scope, "tls timeout", old.timeout.as_secs_f64(), new.timeout.as_secs_f64());
        refuse("TLSMap", old.verify_and_map, new.verify_and_map)?;
        if self.old.tls.is_some() != self.new.tls.is_some() || material(old) != material(new) {
            self.changes.push(tls_change(self.new.tls.is_some()));
        }
        if sorted(&old.pinned_certs) != sorted(&new.pinned_certs) {
            self.change(scope, format!("Reloaded: {} pinned_certs", new.pinned_certs.len()));
        }
        refuse("TLSRateLimit", old.connection_rate_limit, new.connection_rate_limit)?;
        let (old_first, old_wait) = handshake(old.handshake_first);
        let (new_first, new_wait) = handshake(new.handshake_first);
        if old_first != new_first {
            self.change(scope, format!("Reloaded: Client TLS handshake first: {new_first}"));
        }
        if old_wait != new_wait {
            let wait = duration(new_wait);
            self.change(scope, format!("Reloaded: Client TLS handshake first fallback delay: {wait}"));
        }
        refuse("AllowNonTLS", self.old.allow_non_tls, self.new.allow_non_tls)?;
        self.report(scope, "tls watch", self.old.watches_certificates(), self.new.watches_certificates());
        if self.old.ocsp != self.new.ocsp {
            self.change(scope, "Reloaded: OCSP".to_owned());
        }
        if self.old.ocsp_cache != self.new.ocsp_cache {
            self.change(scope, "Reloaded OCSP peer cache".to_owned());
        }
        Ok(())
    }

    /// Who is trusted is decided at the start.
    fn trust(&self) -> Result<(), ReloadError> {
        let (old, new) = (self.old.trust.as_ref(), self.new.trust.as_ref());
        let keys = |trust: Option<&TrustOptions>| {
            // Their order does not count.
            let keys: BTreeSet<&String> = trust.iter().flat_map(|trust| trust.keys.iter()).collect();
            list(keys.into_iter())
        };
        refuse("TrustedKeys", keys(old), keys(new))?;
        let operators =
            |trust: Option<&'_ TrustOptions>| trust.map(|trust| trust.operators.clone()).unwrap_or_default();
        let (old_operators, new_operators) = (operators(old), operators(new));
        if old_operators != new_operators {
            let shown = |tokens: &[Token<OperatorClaims>]| list(tokens.iter().map(|token| &token.claims.sub));
            let (old, new) = (shown(&old_operators), shown(&new_operators));
            return Err(ReloadError::NotSupported { field: "TrustedOperators", old, new });
        }
        match old.is_some() == new.is_some() {
            true => Ok(()),
            false => Err(ReloadError::Resolver),
        }
    }

    fn rest(&mut self) -> Result<(), ReloadError> {
        let (old, new) = (self.old, self.new);
        let (old_deadline, new_deadline) = (old.timing.write_deadline, new.timing.write_deadline);
        self.report(ChangeScope::Timing, "write_deadline", duration(old_deadline), duration(new_deadline));
        refuse("WriteTimeout", policy(old.timing.write_timeout), policy(new.timing.write_timeout))?;
        refuse("MaxClosedClients", old.limits.max_closed_clients, new.limits.max_closed_clients)?;
        refuse("LameDuckDuration", duration(old.lame_duck.duration), duration(new.lame_duck.duration))?;
        let (old_grace, new_grace) = (old.lame_duck.grace_period, new.lame_duck.grace_period);
        refuse("LameDuckGracePeriod", duration(old_grace), duration(new_grace))?;
        let scope = ChangeScope::Logging;
        self.report(scope, "max_traced_msg_len", old.limits.max_traced_msg_len, new.limits.max_traced_msg_len);
        let scope = ChangeScope::Reports;
        self.report(scope, "connect_error_reports", old.connect_error_reports, new.connect_error_reports);
        self.report(scope, "reconnect_error_reports", old.reconnect_error_reports, new.reconnect_error_reports);
        if old.server_tags != new.server_tags {
            self.change(ChangeScope::Identity, "Reloaded: tags".to_owned());
        }
        if old.server_metadata != new.server_metadata {
            self.change(ChangeScope::Identity, "Reloaded: metadata".to_owned());
        }
        refuse("FeatureFlags", flags(&old.feature_flags), flags(&new.feature_flags))?;
        self.changes.extend(jetstream_changes(&old.jetstream, &new.jetstream)?);
        self.proxies();
        Ok(())
    }

    fn proxies(&mut self) {
        let (old, new) = (&self.old.auth.trusted_proxies, &self.new.auth.trusted_proxies);
        for (from, to, what) in [(old, new, "removed"), (new, old, "added")] {
            let keys: Vec<_> = from.iter().filter(|key| !to.contains(key)).map(|key| format!("{key:?}")).collect();
            if !keys.is_empty() {
                let keys = keys.join(" ");
                self.change(ChangeScope::Proxies, format!("Reloaded: proxies trusted keys [{keys}] were {what}"));
            }
        }
    }
}

pub(super) fn refuse<T: PartialEq + Display>(field: &'static str, old: T, new: T) -> Result<(), ReloadError> {
    if old == new {
        return Ok(());
    }
    Err(ReloadError::NotSupported { field, old: old.to_string(), new: new.to_string() })
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn path(value: Option<&Path>) -> String {
    value.map(|path| path.display().to_string()).unwrap_or_default()
}

/// Texts as Go prints a list.
fn list<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let texts: Vec<_> = texts.map(String::as_str).collect();
    format!("[{}]", texts.join(" "))
}

fn duration(value: Duration) -> String {
    format_duration(i64::try_from(value.as_nanos()).unwrap_or(i64::MAX))
}

fn policy(policy: WriteTimeoutPolicy) -> &'static str {
    match policy {
        WriteTimeoutPolicy::Default => "default",
        WriteTimeoutPolicy::Close => "close",
        WriteTimeoutPolicy::Retry => "retry",
    }
}

/// Flags as Go prints a map.
fn flags(flags: &BTreeMap<String, bool>) -> String {
    let flags: Vec<_> = flags.iter().map(|(name, on)| format!("{name}:{on}")).collect();
    format!("map[{}]", flags.join(" "))
}

/// Everything that makes a new TLS configuration necessary.
fn material(tls: &TlsOptions) -> impl PartialEq + Debug + '_ {
    let files = (&tls.certificates, &tls.ca_file, tls.verify, &tls.ocsp_peer);
    (files, tls.min_version, &tls.cipher_suites, &tls.curve_preferences)
}

fn sorted(pins: &[String]) -> Vec<&String> {
    let mut pins: Vec<_> = pins.iter().collect();
    pins.sort();
    pins
}

fn handshake(first: HandshakeFirst) -> (bool, Duration) {
    match first {
        HandshakeFirst::No => (false, Duration::ZERO),
        HandshakeFirst::Yes => (true, Duration::ZERO),
        HandshakeFirst::After(wait) => (true, wait),
    }
}

/// A service as Go shows it.
fn callout(callout: Option<&CalloutOptions>) -> String {
    let Some(callout) = callout else { return "<nil>".to_owned() };
    let CalloutOptions { issuer, account, auth_users, xkey, allowed_accounts } = callout;
    let (users, accounts) = (auth_users.join(" "), allowed_accounts.join(" "));
    format!("&{{{issuer} {account} [{users}] {} [{accounts}]}}", xkey.as_deref().unwrap_or_default())
}

fn nkey_users(options: &Options) -> BTreeMap<&str, &UserOptions> {
    let users = options.auth.users.iter().filter_map(|user| match &user.credential {
        Credential::Nkey(key) => Some((key.as_str(), user)),
        Credential::Password { .. } => None,
    });
    users.collect()
}

fn is_password_user(options: &Options, name: &str) -> bool {
    let is_named =
        |user: &UserOptions| matches!(&user.credential, Credential::Password { name: user, .. } if user == name);
    options.auth.users.iter().any(is_named)
}

/// Checks `host[:port]`; empty is fine.
fn check_advertised(address: &str) -> Result<(), ReloadError> {
    let bare = address.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(address, |(_, rest)| rest);
    let reason = match bare.split_once(':') {
        Some((_, port)) if port.contains(':') => format!("address {address}: too many colons in address"),
        Some((_, port)) if port.parse::<i32>().is_err() => {
            format!("strconv.Atoi: parsing {port:?}: invalid syntax")
        }
        _ => return Ok(()),
    };
    Err(ReloadError::ClientAdvertise { value: address.to_owned(), reason })
}

impl Options {
    /// Time for CONNECT: as configured, or 2 s, or the time for the TLS handshake and one second more.
    #[must_use]
    pub fn auth_timeout(&self) -> Duration {
        match (&self.auth.timeout, &self.tls) {
            (Some(timeout), _) => *timeout,
            (None, Some(tls)) => tls.timeout + Duration::from_secs(1),
            (None, None) => tls::DEFAULT_TLS_TIMEOUT,
        }
    }
}
