//! Rules between keys, checked once every key by itself is good. nats-server checks them when it starts.

use config::{Map, Value};
use troupe_codecs::conf::format_duration;
use troupe_engine::options::{Credential, GLOBAL_ACCOUNT, Options};

use super::reader::Reader;
use super::report::WarningKind;

/// Larger payloads are discouraged.
const MAX_WISE_PAYLOAD: usize = 8 * 1024 * 1024;

/// Checks `options`, in nats-server's order.
pub(super) fn check(reader: &mut Reader, root: &Map<String, Value>, options: &Options) {
    let place = |keys: &[&str]| keys.iter().find_map(|key| root.get(*key));
    let nanoseconds = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let (grace, duration) = (options.lame_duck.grace_period, options.lame_duck.duration);
    if grace >= duration {
        let (grace, duration) = (format_duration(nanoseconds(grace)), format_duration(nanoseconds(duration)));
        let reason =
            format!("lame duck grace period ({grace}) should be strictly lower than lame duck duration ({duration})");
        reader.error_at(place(&["lame_duck_grace_period", "lame_duck_duration"]), reason);
    }
    let (payload, pending) = (options.limits.max_payload, options.limits.max_pending);
    if payload > pending {
        let reason = format!("max_payload ({payload}) cannot be higher than max_pending ({pending})");
        reader.error_at(place(&["max_payload", "max_pending"]), reason);
    }
    super::monitor::check(reader, root, &options.monitor, options.tls.is_some());
    if options.tls.as_ref().is_some_and(|tls| tls.ocsp_peer.verify && !tls.verify) {
        let reason = "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled";
        reader.error_at(place(&["tls"]), reason);
    }
    if let Err(reason) = no_auth_user(options) {
        reader.error_at(place(&["no_auth_user"]), reason);
    }
    if let Some(reason) = super::callout::missing_account(options) {
        reader.error_at(place(&["authorization"]), reason);
    }
    if let Some(name) = &options.system_account {
        let may_come = options.trust.as_ref().is_some_and(|trust| trust.bootstrap.as_ref() == Some(name));
        let is_known =
            may_come || name == GLOBAL_ACCOUNT || options.accounts.iter().any(|account| account.name == *name);
        if !is_known {
            reader.error_at(place(&["system_account"]), "error resolving system account: account missing");
        }
    }
    if payload > MAX_WISE_PAYLOAD {
        let text = "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor performance";
        reader.warn_plain(text.to_owned(), WarningKind::Runtime);
    }
}

fn no_auth_user(options: &Options) -> Result<(), String> {
    let Some(name) = &options.auth.no_auth_user else { return Ok(()) };
    if options.auth.users.is_empty() {
        return Err(format!("no_auth_user: \"{name}\" present, but users/nkeys are not defined"));
    }
    let is_user = options.auth.users.iter().any(|user| match &user.credential {
        Credential::Password { name: user, .. } | Credential::Nkey(user) => user == name,
    });
    if is_user {
        return Ok(());
    }
    Err(format!("no_auth_user: \"{name}\" not present as user or nkey in authorization block or account configuration"))
}
