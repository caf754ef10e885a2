//! Tokens that let an account import what is exported to holders only.

use troupe_codecs::jwt::{ActivationClaims, decode};
use troupe_codecs::subject::is_subset;

use crate::options::{AccountOptions, ImportOptions};

/// Whether an import shows a token that the exporting account gave to this very account, for this subject, and that is in
/// force at `now`, in seconds since 1970; without a moment its times are not looked at.
#[must_use]
pub fn is_activated(importer: &str, import: &ImportOptions, exporter: &AccountOptions, now: Option<i64>) -> bool {
    let Some(token) = &import.token else { return false };
    let Ok(claims) = decode::<ActivationClaims>(token) else { return false };
    let is_owner = claims.iss == exporter.name
        || claims.nats.issuer_account == exporter.name && exporter.signing_keys.contains(&claims.iss);
    is_owner
        && claims.sub == importer
        && is_subset(import.subject.as_bytes(), claims.nats.subject.as_bytes())
        && now.is_none_or(|now| claims.is_alive(now))
}
