//! The spellings of keys that have more than one.

use config::{Map, Value};

/// Blocks (the top level is `""`), the spelling the readers use, and the others.
const ALIASES: &[(&str, &str, &[&str])] = &[
    ("", "host", &["net"]),
    ("", "log_file", &["logfile"]),
    ("", "log_size_limit", &["logfile_size_limit"]),
    ("", "log_max_num", &["logfile_max_num"]),
    ("", "pid_file", &["pidfile"]),
    ("", "max_connections", &["max_conn"]),
    ("", "max_subscriptions", &["max_subs"]),
    ("", "max_sub_tokens", &["max_subscription_tokens"]),
    ("", "system_account", &["system"]),
    ("", "no_system_account", &["no_system", "no_sys_acc"]),
    ("", "mappings", &["maps"]),
    ("", "operator", &["operators", "root", "roots", "root_operator", "root_operators"]),
    ("", "resolver", &["account_resolver", "accounts_resolver"]),
    ("", "trusted_keys", &["trusted"]),
    ("", "http_port", &["monitor_port"]),
    ("", "leafnodes", &["leaf"]),
    ("", "websocket", &["ws"]),
    ("", "store_dir", &["storedir"]),
    ("", "disable_sublist_cache", &["no_sublist_cache"]),
    ("authorization", "user", &["username"]),
    ("authorization", "password", &["pass"]),
    ("authorization", "default_permissions", &["default_permission", "permissions"]),
    ("authorization", "auth_callout", &["auth_hook"]),
    ("jetstream", "enabled", &["enable"]),
    ("tls", "certs", &["certificates"]),
    ("tls", "handshake_first", &["first", "immediate"]),
];

/// Keys of the top level and of the blocks above without aliases.
const PLAIN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "listen",
            "client_advertise",
            "port",
            "server_name",
            "server_tags",
            "server_metadata",
            "debug",
            "trace",
            "trace_verbose",
            "trace_headers",
            "logtime",
            "logtime_utc",
            "log_format",
            "syslog",
            "remote_syslog",
            "ports_file_dir",
            "prof_port",
            "prof_block_rate",
            "max_control_line",
            "max_payload",
            "max_pending",
            "max_traced_msg_len",
            "max_closed_clients",
            "ping_interval",
            "ping_max",
            "write_deadline",
            "write_timeout",
            "lame_duck_duration",
            "lame_duck_grace_period",
            "no_fast_producer_stall",
            "proxy_protocol",
            "proxies",
            "no_auth_user",
            "authorization",
            "accounts",
            "default_sentinel",
            "resolver_preload",
            "resolver_pinned_accounts",
            "resolver_tls",
            "http",
            "https",
            "https_port",
            "http_base_path",
            "http_auth",
            "tls",
            "allow_non_tls",
            "ocsp",
            "ocsp_cache",
            "cluster",
            "gateway",
            "jetstream",
            "mqtt",
            "connect_error_reports",
            "reconnect_error_reports",
            "no_header_support",
            "default_js_domain",
            "feature_flags",
        ],
    ),
    ("authorization", &["token", "timeout", "users", "proxy_required"]),
    (
        "tls",
        &[
            "cert_file",
            "key_file",
            "ca_file",
            "insecure",
            "verify",
            "verify_and_map",
            "verify_cert_and_check_known_urls",
            "allow_insecure_cipher_suites",
            "cipher_suites",
            "curve_preferences",
            "timeout",
            "connection_rate_limit",
            "pinned_certs",
            "cert_store",
            "cert_match_by",
            "cert_match",
            "ca_certs_match",
            "cert_match_skip_invalid",
            "ocsp_peer",
            "min_version",
            "watch",
        ],
    ),
];

/// The one spelling of a key of `block`; `None` when the key is not known there.
pub(super) fn canonical(block: &str, key: &str) -> Option<&'static str> {
    let plain = PLAIN.iter().filter(|(known, _)| *known == block).flat_map(|(_, keys)| keys.iter().copied());
    let aliased = ALIASES.iter().filter(|(known, ..)| *known == block);
    let mut same = plain.chain(aliased.clone().map(|(_, name, _)| *name));
    if let Some(name) = same.find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(name);
    }
    let is_alias = |names: &&[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(key));
    aliased.clone().find(|(_, _, names)| is_alias(names)).map(|(_, name, _)| *name)
}

/// Gives the known keys of a block one spelling each.
pub(super) fn canonical_keys(block: &str, table: Map<String, Value>) -> Map<String, Value> {
    let rename = |key: String| canonical(block, &key).map_or(key, str::to_owned);
    table.into_iter().map(|(key, value)| (rename(key), value)).collect()
}

/// The one spelling of a dotted override key such as `authorization.pass`.
pub(super) fn canonical_path(path: &str) -> String {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let first = canonical("", first).unwrap_or(first);
    match rest {
        None => first.to_owned(),
        Some(rest) => format!("{first}.{}", canonical(first, rest).unwrap_or(rest)),
    }
}
