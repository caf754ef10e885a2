//! Servers of one cluster that have accounts from each other.

use std::net::SocketAddr;

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::wait::eventually;

use super::asker::{Asker, enter, files, may_enter};
use super::tokens::{World, limits, showing, token};
use super::web::Web;

const T: Kind = Kind::Troupe;
const R: Kind = Kind::Reference;

/// Starts a server with this resolver that knows the system account.
fn node(world: &World, kind: Kind, name: &str, routes: &[SocketAddr], resolver: &str) -> Option<Node> {
    let preload = format!(
        "resolver_preload {{ {}: {} }}\n",
        world.system.public_key(),
        world.account(&world.system, "SYS", json!({}))
    );
    let server = format!("operator: {}\nresolver {{ dir: \"jwt\", {resolver} }}\n{preload}", world.operator_token());
    Node::start(kind, name, "c1", routes, &ClusterConfig { server, ..ClusterConfig::default() })
}

/// Waits until `node` knows what `other` listens for.
fn settle(world: &World, node: &Node, other: &Node) {
    let mut listener = Asker::new(world, other.process.address());
    listener.client.flush("SUB settle settle\r\n");
    let mut sender = Asker::new(world, node.process.address());
    eventually("interest of the other server", || {
        sender.client.flush("PUB settle 0\r\n\r\n");
        listener.client.flush("");
        listener.client.text().contains("MSG settle").then_some(())
    });
}

fn user_of(world: &World, account: &KeyPair) -> (KeyPair, String) {
    let user = KeyPair::new_user();
    let options = showing(&world.user(account, &user, json!({}), json!({})), &user);
    (user, options)
}

fn has(node: &Node, world: &World) -> bool {
    let name = format!("{}.jwt", world.one.public_key());
    files(node.process.dir()).iter().any(|(file, _)| *file == name)
}

#[test]
fn a_cache_has_accounts_from_a_server_that_has_all() {
    for (full, cache) in [(T, T), (R, T), (T, R)] {
        let world = World::new();
        let Some(full) = node(&world, full, "full", &[], "type: full") else { return };
        let Some(cache) = node(&world, cache, "cache", &[full.route], "type: cache, ttl: \"1h\"") else { return };
        settle(&world, &cache, &full);
        settle(&world, &full, &cache);
        let mut asker = Asker::new(&world, full.process.address());
        let publish = "$SYS.REQ.CLAIMS.UPDATE";
        let said = asker.all_said(publish, &world.account(&world.one, "ONE", json!({})), 2);
        assert_eq!(said[0]["data"]["message"], "jwt update cache skipped");
        assert_eq!(said[1]["data"]["message"], "jwt updated");
        assert!(!has(&cache, &world));
        let (user, options) = user_of(&world, &world.one);
        let mut client = enter(cache.process.address(), &options, &user);
        client.flush("");
        assert!(has(&cache, &world));
        let (stranger, strange) = user_of(&world, &world.two);
        assert!(!may_enter(cache.process.address(), &strange, &stranger));
        cache.process.wait_log("Account fetch failed: account jwt not found");
        let update =
            world.account(&world.one, "ONE", json!({"revocations": {user.public_key(): super::tokens::now()}}));
        let said = asker.all_said(&format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", world.one.public_key()), &update, 2);
        assert_eq!(said[0]["data"]["message"], "jwt updated cache");
        assert_eq!(said[1]["data"]["message"], "jwt updated");
        client.expect("-ERR 'User Authentication Revoked'");
    }
}

#[test]
fn what_was_pushed_while_a_server_was_down_comes_when_it_is_there() {
    for (first, second) in [(T, T), (R, T), (T, R)] {
        let world = World::new();
        let resolver = "type: full, interval: \"500ms\"";
        let Some(first) = node(&world, first, "first", &[], resolver) else { return };
        let mut asker = Asker::new(&world, first.process.address());
        let publish = "$SYS.REQ.CLAIMS.UPDATE";
        asker.said(publish, &world.account(&world.one, "ONE", json!({})));
        let others: Vec<KeyPair> = (0..20).map(|_| KeyPair::new_account()).collect();
        for other in &others {
            asker.said(publish, &world.account(other, "OTHER", json!({})));
        }
        // Interest that another server hears of before it knows the account.
        let (user, options) = user_of(&world, &world.one);
        let mut reader = enter(first.process.address(), &options, &user);
        reader.flush("SUB news 1\r\n");
        let Some(second) = node(&world, second, "second", &[first.route], resolver) else { return };
        eventually("all accounts", || (files(second.process.dir()) == files(first.process.dir())).then_some(()));
        let mut writer = enter(second.process.address(), &options, &user);
        writer.flush("");
        eventually("a message", || {
            writer.flush("PUB news 5\r\nhello\r\n");
            reader.flush("");
            reader.text().contains("MSG news 1 5").then_some(())
        });
        // The newer token counts, whoever has it.
        let nats = json!({"limits": limits(), "type": "account", "version": 2});
        let newer =
            token(&world.operator, &world.one.public_key(), "NEWER", nats, json!({"iat": super::tokens::now()}));
        asker.all_said(publish, &newer, 2);
        assert_eq!(files(second.process.dir()), files(first.process.dir()));
    }
}

#[test]
fn a_pack_is_put_in_force_at_once() {
    let world = World::new();
    let resolver = "type: full";
    let Some(first) = node(&world, T, "first", &[], resolver) else { return };
    let mut asker = Asker::new(&world, first.process.address());
    for _ in 0..30 {
        asker.said("$SYS.REQ.CLAIMS.UPDATE", &world.account(&KeyPair::new_account(), "OTHER", json!({})));
    }
    let Some(second) = node(&world, T, "second", &[first.route], resolver) else { return };
    second.process.wait_log("DirResolver - Merging finished and changed 30 accounts");
}

#[test]
fn a_login_finds_an_account_that_only_another_server_has() {
    for (first, second) in [(T, T), (R, T)] {
        let world = World::new();
        let resolver = "type: full, interval: \"1h\"";
        let Some(first) = node(&world, first, "first", &[], resolver) else { return };
        let Some(second) = node(&world, second, "second", &[first.route], resolver) else { return };
        settle(&world, &second, &first);
        settle(&world, &first, &second);
        // Past the other server, as it would be had it been down.
        let text = world.account(&world.one, "ONE", json!({}));
        let mut asker = Asker::new(&world, first.process.address());
        asker.all_said("$SYS.REQ.CLAIMS.UPDATE", &text, 2);
        std::fs::remove_file(second.process.dir().join("jwt").join(format!("{}.jwt", world.one.public_key()))).ok();
        let (user, options) = user_of(&world, &world.one);
        second.process.signal(nix::sys::signal::Signal::SIGHUP);
        second.process.wait_log("Reloaded server configuration");
        assert!(!has(&second, &world));
        assert!(may_enter(second.process.address(), &options, &user));
        assert!(has(&second, &world));
    }
}

#[test]
fn an_account_with_routes_of_its_own_need_not_be_known_yet() {
    for kinds in [[T, T], [R, T], [T, R]] {
        let world = World::new();
        let tokens = [(&world.system, "SYS"), (&world.one, "ONE")];
        let web = Web::serve(tokens.map(|(key, name)| (key.public_key(), world.account(key, name, json!({})))));
        let server = format!("operator: {}\nresolver: URL({})\n", world.operator_token(), web.url());
        let cluster = format!("accounts: [{}]", world.one.public_key());
        let config = ClusterConfig { server, cluster, ..ClusterConfig::default() };
        let Some(first) = Node::start(kinds[0], "first", "c1", &[], &config) else { return };
        let Some(second) = Node::start(kinds[1], "second", "c1", &[first.route], &config) else { return };
        settle(&world, &first, &second);
        let client = |node: &Node| {
            let (user, options) = user_of(&world, &world.one);
            let mut client = enter(node.process.address(), &options, &user);
            client.flush("");
            client
        };
        let (mut reader, mut writer) = (client(&second), client(&first));
        reader.flush("SUB news 1\r\n");
        eventually("a message on the account's own route", || {
            writer.flush("PUB news 0\r\n\r\n");
            reader.flush("");
            reader.text().contains("MSG news 1 0").then_some(())
        });
        for node in [&first, &second].into_iter().filter(|node| node.kind == T) {
            let log = node.process.log();
            assert!(!log.iter().any(|line| line.contains("Unable to lookup account")), "{kinds:?}: {}", log.join("\n"));
        }
    }
}
