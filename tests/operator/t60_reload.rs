//! Reloads that would change who is trusted.

use nix::sys::signal::Signal;
use serde_json::json;
use troupe_tests::{Config, Server, on_both};

use super::asker::may_enter;
use super::tokens::{World, showing};

/// Has a server read another configuration, which it refuses in these words.
fn refuses(server: &Server, config: &str, words: &str) {
    let config = Config::new(config).port(server.address().port());
    std::fs::write(server.dir().join("server.conf"), config.text()).expect("it is written");
    server.signal(Signal::SIGHUP);
    let line = server.wait_log("Failed to reload server configuration");
    assert!(line.contains(words), "{}: {line}", server.name());
}

/// A configuration of keys that are trusted without an operator's token.
fn with_keys(world: &World, keys: &[&World]) -> String {
    let preload = format!("{}: {}", world.system.public_key(), world.account(&world.system, "SYS", json!({})));
    let keys: Vec<String> = keys.iter().map(|world| world.operator.public_key()).collect();
    format!(
        "trusted_keys: [{}]\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{ {preload} }}\n",
        keys.join(", "),
        world.system.public_key()
    )
}

#[test]
fn another_operator() {
    let (world, other) = (World::new(), World::new());
    let (before, after) = (world.config(json!({}), json!({})), world.config(json!({}), json!({})));
    // The same system account, for whom somebody else vouches.
    let nats = json!({"system_account": world.system.public_key(), "type": "operator", "version": 2});
    let operator = super::tokens::token(&other.operator, &other.operator.public_key(), "O", nats, json!({}));
    let after = after.replace(&world.operator_token(), &operator);
    on_both(before, |server| {
        refuses(server, &after, "config reload not supported for TrustedOperators: old=[");
        let user = nkeys::KeyPair::new_user();
        let options = showing(&world.user(&world.one, &user, json!({}), json!({})), &user);
        assert!(may_enter(server.address(), &options, &user), "{}", server.name());
    });
}

#[test]
fn other_keys() {
    let (world, other) = (World::new(), World::new());
    let key = |world: &World| world.operator.public_key();
    let mut both = [key(&world), key(&other)];
    both.sort();
    let words = format!("config reload not supported for TrustedKeys: old=[{}], new=[{}]", key(&world), both.join(" "));
    on_both(with_keys(&world, &[&world]), |server| refuses(server, &with_keys(&world, &[&world, &other]), &words));
}

#[test]
fn a_server_without_tokens_gets_none() {
    let world = World::new();
    on_both("max_payload: 1000\n", |server| {
        refuses(server, &world.config(json!({}), json!({})), "config reload not supported for ");
    });
}
