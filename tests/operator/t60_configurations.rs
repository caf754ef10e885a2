//! Configurations of resolvers that are refused.

use serde_json::json;
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::{Config, reference};

use super::tokens::{World, token};

/// Configurations, and what a server says of each.
fn refused(world: &World) -> Vec<(String, &'static str)> {
    let operator = world.operator_token();
    let key = world.operator.public_key();
    let nats = json!({"type": "operator", "version": 2});
    let without_system = token(&world.operator, &key, "O", nats.clone(), json!({}));
    let mut with_server = nats;
    with_server["account_server_url"] = json!("http://127.0.0.1:1/jwt/v1");
    let with_server = token(&world.operator, &key, "O", with_server, json!({}));
    let preload = format!(
        "resolver_preload {{ {}: {} }}\n",
        world.system.public_key(),
        world.account(&world.system, "SYS", json!({}))
    );
    let of_operator = |rest: &str| format!("operator: {operator}\n{rest}\n");
    vec![
        (of_operator("resolver: foo"), "error parsing account resolver, should be MEM or  URL(\"url\")"),
        (of_operator("resolver: URL(ftp://127.0.0.1:1/x)"), "unsupported protocol scheme \"ftp\""),
        (of_operator("resolver: URL(\"\")"), "unsupported protocol scheme \"\""),
        (of_operator("resolver: URL(http://[::1/x)"), "error parsing account resolver url [\"http://[::1/x\"]"),
        (
            of_operator(&format!("resolver: URL(http://127.0.0.1:1/)\n{preload}")),
            "resolver preloads only available for",
        ),
        (
            format!("operator: {with_server}\n"),
            "could not fetch <\"http://127.0.0.1:1/jwt/v1/accounts/\">: Get \"http://127.0.0.1:1/jwt/v1/accounts/\": dial tcp 127.0.0.1:1: connect: connection refused",
        ),
        (of_operator("resolver { type: cache, dir: jwt, interval: \"1m\" }"), "CACHE does not accept sync"),
        (of_operator("resolver { type: cache, dir: jwt, allow_delete: true }"), "CACHE does not accept allow_delete"),
        (of_operator("resolver { type: cache, dir: jwt, hard_delete: false }"), "CACHE does not accept hard_delete"),
        (of_operator("resolver { type: cache, dir: jwt, timeout: \"0s\" }"), "Fetch timeout 0s is too smal"),
        (of_operator("resolver { type: cache }"), "dir has no value and needs to point to a directory"),
        (
            of_operator(&format!("resolver: MEM\n{preload}resolver_tls {{ foo: 1 }}")),
            "error parsing tls config, unknown field \"foo\"",
        ),
        (
            format!("operator: {without_system}\nresolver {{ type: cache, dir: jwt }}\n"),
            "using nats based account resolver - the system account needs to be specified",
        ),
        (
            format!("operator: {without_system}\nresolver {{ type: full, dir: jwt }}\n"),
            "using nats based account resolver - the system account needs to be specified",
        ),
        (
            format!("trusted_keys: {key}\noperator: {operator}\nresolver: MEM\n{preload}"),
            "conflicting options for 'TrustedKeys'",
        ),
        ("trusted_keys: foo\n".to_owned(), "trust key \"foo\" required to be a valid public operator nkey"),
        ("trusted: 7\n".to_owned(), "error parsing trusted: unsupported type int64"),
        (
            format!("trusted_keys: {key}\nresolver {{ type: full, dir: jwt }}\n"),
            "Could not start resolver: no operator key found",
        ),
    ]
}

#[test]
fn resolvers_that_cannot_be() {
    let world = World::new();
    for (text, words) in refused(&world) {
        for binary in reference::binary().into_iter().chain([troupe_binary()]) {
            let mut process = ServerProcess::spawn(&binary, &Config::new(text.clone()));
            assert!(!process.wait_exit().success(), "{}: {words}", binary.display());
            let is_said = || process.log().iter().any(|line| line.contains(words)).then_some(());
            assert!(
                troupe_tests::wait::patiently(is_said).is_some(),
                "{} does not say {words:?}: {:?}",
                binary.display(),
                process.log()
            );
        }
    }
}
