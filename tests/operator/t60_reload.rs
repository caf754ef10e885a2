//! Reloads that would change who is trusted, and those that meet a token on its way.

use std::time::Duration;

use nix::sys::signal::Signal;
use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::authority::{Authority, Says};
use troupe_tests::frames::Frame;
use troupe_tests::wait::eventually;
use troupe_tests::{Config, Server, on_both};

use super::asker::{Asker, may_enter};
use super::tokens::{World, showing};

const SERIAL: u64 = 0x1001;

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
        let user = KeyPair::new_user();
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

#[test]
fn a_token_that_is_pushed_during_a_reload() {
    let world = World::new();
    let authority = Authority::start();
    authority.issue_to_staple("server", SERIAL);
    let config = |payload: usize| {
        let system = world.account(&world.system, "SYS", json!({}));
        format!(
            "max_payload: {payload}\nallow_non_tls: true\n{}operator: {}\nresolver {{ type: full, dir: \"jwt\" }}\nresolver_preload {{ {}: {system} }}\n",
            authority.tls_block("server", ""),
            world.operator_token(),
            world.system.public_key()
        )
    };
    let server = Server::troupe(config(1000));
    let user = KeyPair::new_user();
    let options = showing(&world.user(&world.one, &user, json!({}), json!({})), &user);
    let mut asker = Asker::new(&world, server.address());
    // The reload waits for what the authority says of the certificate, the token comes meanwhile.
    let asked = authority.num_asked();
    authority.say(SERIAL, Says::Later);
    std::thread::scope(|scope| {
        scope.spawn(|| server.reload(config(2000)));
        eventually("the reload", || (authority.num_asked() > asked).then_some(()));
        let token = world.account(&world.one, "ONE", json!({}));
        asker.client.send(format!("SUB pushed p\r\nPUB $SYS.REQ.CLAIMS.UPDATE pushed {}\r\n{token}\r\n", token.len()));
        // One change at a time: it waits for the reload, however long that takes.
        asker.client.set_patience(Duration::from_secs(1));
        let is_answer = |frame: &Frame| frame.starts_with("MSG pushed ");
        asker.client.wait(|frames| frames.iter().any(is_answer));
        assert!(!asker.client.frames().iter().any(is_answer), "{}", asker.client.text());
        asker.client.set_patience(Duration::from_secs(30));
        authority.say(SERIAL, Says::Good);
    });
    assert_eq!(asker.client.expect("MSG pushed p ").json()["data"]["code"], 200);
    assert!(may_enter(server.address(), &options, &user), "the token is in force");
    let mut client = server.connect();
    assert_eq!(client.info_field("max_payload"), "2000", "the configuration is in force");
}
