//! `tls` blocks.

use std::time::Duration;

use config::{Value, ValueKind};
use troupe_codecs::conf::parse_duration;
use troupe_engine::options::{CertificatePair, HandshakeFirst, TlsOptions, TlsVersion};

use super::aliases::canonical_keys;
use super::ocsp;
use super::reader::{Reader, go_type, is_flag, shown};
use super::report::WarningKind;

/// Cipher suites by Go's names that Troupe can use.
const CIPHER_SUITES: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
/// Suites nats-server takes for safe, which Troupe has not.
const MISSING_CIPHER_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];
/// Suites that need `allow_insecure_cipher_suites` in nats-server. Troupe has none of them.
const INSECURE_CIPHER_SUITES: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];
/// Key exchange groups by Go's names that Troupe can use.
const CURVES: &[&str] = &["X25519", "CurveP256", "CurveP384", "X25519MLKEM768", "SecP256r1MLKEM768"];
/// Groups that only nats-server has.
const MISSING_CURVES: &[&str] = &["CurveP521", "SecP384r1MLKEM1024"];

/// Reads the block of connections between servers, which show certificates on both sides.
pub(super) fn read_for_servers(reader: &mut Reader, block: &Value) -> Option<TlsOptions> {
    let mut tls = read_block(reader, block, &mut false)?;
    tls.verify = true;
    ignore_peer(reader, block, &mut tls);
    Some(tls)
}

/// Reads the block of connections to a web server with tokens of accounts.
pub(super) fn read_for_resolver(reader: &mut Reader, block: &Value) -> Option<TlsOptions> {
    let mut tls = read_block(reader, block, &mut false)?;
    ignore_peer(reader, block, &mut tls);
    Some(tls)
}

/// `ocsp_peer` is about clients only. In other blocks nats-server takes it and does nothing.
fn ignore_peer(reader: &mut Reader, block: &Value, tls: &mut TlsOptions) {
    if std::mem::take(&mut tls.ocsp_peer).verify {
        reader.warn(block, "\"ocsp_peer\" has no effect in this block", WarningKind::Unsupported);
    }
}

/// Reads the block of the client listener. `false` as a flag switches TLS off.
pub(super) fn read(reader: &mut Reader, block: &Value, watch_disabled: &mut bool) -> Option<TlsOptions> {
    if is_flag(block) && matches!(block.kind, ValueKind::Boolean(false)) {
        return None;
    }
    let tls = read_block(reader, block, watch_disabled)?;
    if tls.checks_known_urls {
        let place = match &block.kind {
            ValueKind::Table(table) => table.get("verify_cert_and_check_known_urls").unwrap_or(block),
            _ => block,
        };
        reader.error(place, "verify_cert_and_check_known_urls not supported in this context");
    }
    Some(tls)
}

fn read_block(reader: &mut Reader, block: &Value, watch_disabled: &mut bool) -> Option<TlsOptions> {
    // Blocks inside of others come with the spellings of the file.
    let mut block = block.clone();
    if let ValueKind::Table(table) = &mut block.kind {
        *table = canonical_keys("tls", std::mem::take(table));
    }
    let block = &block;
    let table = reader.table(block)?;
    let mut tls = TlsOptions::default();
    let mut pair = (None, None);
    for (key, value) in table {
        let known = files(reader, key, value, &mut pair, &mut tls)
            || switches(reader, key, value, &mut tls, watch_disabled)
            || algorithms(reader, key, value, block, &mut tls)
            || ocsp::read_peer(reader, key, value, &mut tls.ocsp_peer)
            || refused(reader, key, value);
        if !known {
            reader.error(value, format!("error parsing tls config, unknown field {key:?}"));
        }
    }
    add_pair(reader, block, pair, &mut tls);
    Some(tls)
}

type Pair<'v> = (Option<&'v str>, Option<&'v str>);

fn files<'v>(reader: &mut Reader, key: &str, value: &'v Value, pair: &mut Pair<'v>, tls: &mut TlsOptions) -> bool {
    match key {
        "cert_file" => pair.0 = file(reader, key, value),
        "key_file" => pair.1 = file(reader, key, value),
        "ca_file" => tls.ca_file = file(reader, key, value).map(Into::into),
        "certs" => certificates(reader, value, tls),
        _ => return false,
    }
    true
}

fn file<'v>(reader: &mut Reader, key: &str, value: &'v Value) -> Option<&'v str> {
    if let ValueKind::String(path) = &value.kind {
        return Some(path.as_str()).filter(|path| !path.is_empty());
    }
    reader.error(value, format!("error parsing tls config, expected '{key}' to be filename"));
    None
}

fn certificates(reader: &mut Reader, value: &Value, tls: &mut TlsOptions) {
    let unsupported = |value: &Value| format!("error parsing certificates config: unsupported type {}", go_type(value));
    let ValueKind::Array(items) = &value.kind else { return reader.error(value, unsupported(value)) };
    for item in items {
        let ValueKind::Table(table) = &item.kind else {
            reader.error(item, unsupported(item));
            continue;
        };
        let (mut pair, mut last) = ((None, None), item);
        for (key, value) in table {
            last = value;
            match (key.as_str(), &value.kind) {
                ("cert_file", ValueKind::String(path)) => pair.0 = Some(path.clone()).filter(|path| !path.is_empty()),
                ("key_file", ValueKind::String(path)) => pair.1 = Some(path.clone()).filter(|path| !path.is_empty()),
                (_, ValueKind::String(_)) => {
                    reader.error(value, format!("error parsing tls certs config, unknown field {key:?}"));
                }
                _ => reader.error(value, unsupported(value)),
            }
        }
        match pair {
            (Some(cert), Some(key)) => {
                tls.certificates.push(CertificatePair { cert_file: cert.into(), key_file: key.into() });
            }
            _ => {
                let reason = "error parsing certificates config: both 'cert_file' and 'cert_key' options are required";
                reader.error(last, reason);
            }
        }
    }
}

fn add_pair(reader: &mut Reader, value: &Value, pair: Pair<'_>, tls: &mut TlsOptions) {
    match pair {
        (Some(_), _) if !tls.certificates.is_empty() => {
            reader.error(value, "error parsing tls config, cannot combine 'cert_file' option with 'certs' option");
        }
        (Some(_), None) => reader.error(value, "missing 'key_file' in TLS configuration"),
        (None, Some(_)) => reader.error(value, "missing 'cert_file' in TLS configuration"),
        (Some(cert), Some(key)) => {
            tls.certificates.push(CertificatePair { cert_file: cert.into(), key_file: key.into() });
        }
        (None, None) => {}
    }
}

fn switches(reader: &mut Reader, key: &str, value: &Value, tls: &mut TlsOptions, watch_disabled: &mut bool) -> bool {
    match key {
        "verify" => tls.verify |= boolean(reader, key, value),
        "verify_and_map" => {
            tls.verify_and_map = boolean(reader, key, value);
            tls.verify |= tls.verify_and_map;
        }
        "verify_cert_and_check_known_urls" => {
            tls.checks_known_urls = boolean(reader, key, value);
            tls.verify |= tls.checks_known_urls;
        }
        "insecure" => tls.insecure = boolean(reader, key, value),
        "allow_insecure_cipher_suites" => _ = boolean(reader, key, value),
        "watch" => *watch_disabled = !boolean(reader, key, value),
        "timeout" => {
            if let Some(timeout) = reader.seconds("tls", value) {
                tls.timeout = timeout;
            }
        }
        "connection_rate_limit" => match value.kind {
            ValueKind::I64(limit) => tls.connection_rate_limit = u32::try_from(limit.max(0)).unwrap_or(u32::MAX),
            _ => reader.error(value, "error parsing tls config, 'connection_rate_limit' wrong type"),
        },
        "handshake_first" => tls.handshake_first = handshake_first(reader, key, value),
        _ => return false,
    }
    true
}

fn boolean(reader: &mut Reader, key: &str, value: &Value) -> bool {
    if let ValueKind::Boolean(on) = value.kind {
        return on;
    }
    reader.error(value, format!("error parsing tls config, expected '{key}' to be a boolean"));
    false
}

fn handshake_first(reader: &mut Reader, key: &str, value: &Value) -> HandshakeFirst {
    let text = match &value.kind {
        ValueKind::Boolean(true) => return HandshakeFirst::Yes,
        ValueKind::Boolean(false) => return HandshakeFirst::No,
        ValueKind::String(text) => text,
        _ => {
            let found = go_type(value);
            reader.error(value, format!("field {key:?} should be a boolean or a string, got {found}"));
            return HandshakeFirst::No;
        }
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" => HandshakeFirst::Yes,
        "false" | "off" => HandshakeFirst::No,
        "auto" | "auto_fallback" => HandshakeFirst::AUTO,
        _ => match parse_duration(text) {
            Ok(nanoseconds) if nanoseconds > 0 => {
                HandshakeFirst::After(Duration::from_nanos(nanoseconds.unsigned_abs()))
            }
            Ok(_) => HandshakeFirst::Yes,
            Err(_) => {
                reader.error(value, format!("field {key:?}'s value {text:?} is invalid"));
                HandshakeFirst::No
            }
        },
    }
}

fn algorithms(reader: &mut Reader, key: &str, value: &Value, block: &Value, tls: &mut TlsOptions) -> bool {
    match key {
        "cipher_suites" => cipher_suites(reader, value, block, tls),
        "curve_preferences" => {
            let Some(names) = names(reader, key, value) else { return true };
            for (name, value) in names {
                if CURVES.contains(&name) {
                    tls.curve_preferences.push(name.to_owned());
                } else if MISSING_CURVES.contains(&name) {
                    reader.unsupported(name, value);
                } else {
                    reader.error(value, format!("unrecognized curve preference {name}"));
                }
            }
            require_one(reader, value, &tls.curve_preferences);
        }
        "min_version" => match &value.kind {
            ValueKind::String(version) => match version.as_str() {
                "1.2" => tls.min_version = TlsVersion::Tls12,
                "1.3" => tls.min_version = TlsVersion::Tls13,
                "1.0" | "1.1" => {
                    reader.error(value, format!("error parsing tls config: unsupported TLS version: TLS {version}"));
                }
                _ => reader.error(value, format!("error parsing tls config: unknown version: {version}")),
            },
            _ => {
                let found = shown(value);
                reader.error(value, format!("error parsing tls config: 'min_version' wrong type: {found}"));
            }
        },
        "pinned_certs" => pinned_certs(reader, value, tls),
        _ => return false,
    }
    true
}

fn cipher_suites(reader: &mut Reader, value: &Value, block: &Value, tls: &mut TlsOptions) {
    let Some(names) = names(reader, "cipher_suites", value) else { return };
    let mut insecure = Vec::new();
    for (name, value) in names {
        if CIPHER_SUITES.contains(&name) {
            tls.cipher_suites.push(name.to_owned());
        } else if MISSING_CIPHER_SUITES.contains(&name) {
            reader.unsupported(name, value);
        } else if INSECURE_CIPHER_SUITES.contains(&name) {
            insecure.push((name, value));
        } else {
            reader.error(value, format!("unrecognized cipher {name}"));
        }
    }
    if !insecure.is_empty() && !allows_insecure(block) {
        let names: Vec<_> = insecure.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        let reason =
            format!("insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: {names}");
        return reader.error(block, reason);
    }
    for (name, value) in insecure {
        reader.unsupported(name, value);
    }
    require_one(reader, value, &tls.cipher_suites);
}

fn allows_insecure(block: &Value) -> bool {
    let ValueKind::Table(table) = &block.kind else { return false };
    let allowed = table.get("allow_insecure_cipher_suites");
    allowed.is_some_and(|value| matches!(value.kind, ValueKind::Boolean(true)))
}

/// An empty list would stand for the library's choice, which is not what was asked for.
fn require_one(reader: &mut Reader, value: &Value, usable: &[String]) {
    if usable.is_empty() && !reader.has_errors() {
        reader.error(value, "none of the values is supported yet");
    }
}

fn names<'v>(reader: &mut Reader, key: &str, value: &'v Value) -> Option<Vec<(&'v str, &'v Value)>> {
    let items = reader.array(value)?;
    if items.is_empty() {
        reader.error(value, format!("error parsing tls config, '{key}' cannot be empty"));
        return None;
    }
    items.iter().map(|item| reader.text(item).map(|name| (name, item))).collect()
}

fn pinned_certs(reader: &mut Reader, value: &Value, tls: &mut TlsOptions) {
    const WHAT: &str = "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo";

    let ValueKind::Array(items) = &value.kind else {
        let reason = format!("error parsing tls config, expected 'pinned_certs' to be a list of {WHAT}");
        return reader.error(value, reason);
    };
    for item in items {
        let Some(text) = reader.text(item) else { continue };
        let pin = text.to_ascii_lowercase();
        if pin.len() == 64 && pin.bytes().all(|b| b.is_ascii_hexdigit()) {
            tls.pinned_certs.push(pin);
        } else {
            reader.error(item, format!("error parsing tls config, 'pinned_certs' key {pin} does not look like {WHAT}"));
        }
    }
}

/// Keys of other systems.
fn refused(reader: &mut Reader, key: &str, value: &Value) -> bool {
    match key {
        "cert_store" => reader.error(value, "cert_store not compatible with current operating system"),
        "cert_match_by" | "cert_match" | "ca_certs_match" | "cert_match_skip_invalid" => {
            reader.unsupported(key, value);
        }
        _ => return false,
    }
    true
}
