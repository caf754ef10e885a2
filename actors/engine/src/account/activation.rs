//! Tokens that let an account import what is exported to holders only.

use troupe_codecs::jwt::claims::is_revoked;
use troupe_codecs::jwt::{ActivationClaims, decode};
use troupe_codecs::subject::is_subset;

use crate::options::{AccountOptions, ExportKind, ImportKind, ImportOptions};

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
        && !is_taken_back(importer, import, exporter, claims.iat)
}

/// Whether the export that the import uses takes tokens of this age back.
fn is_taken_back(importer: &str, import: &ImportOptions, exporter: &AccountOptions, issued: i64) -> bool {
    let is_stream = matches!(import.kind, ImportKind::Stream { .. });
    let mut exports = exporter.exports.iter().filter(|export| {
        (export.kind == ExportKind::Stream) == is_stream
            && is_subset(import.subject.as_bytes(), export.subject.as_bytes())
    });
    exports.any(|export| is_revoked(&export.revocations, importer, issued))
}

/// The last moment of an activation token, in seconds since 1970; `None` where it has no end, or is none.
#[must_use]
pub fn last_moment(token: &str) -> Option<i64> {
    decode::<ActivationClaims>(token).ok().map(|claims| claims.exp).filter(|end| *end > 0)
}
