//! Tokens of accounts that come while the server runs: `nsc push`, `pull`, `delete`.

use nkeys::KeyPair;
use serde_json::{Value, json};
use troupe_tests::{Config, Server, on_both};

use super::asker::{Asker, enter, files};
use super::tokens::{World, limits, now, showing, token};

/// A configuration with a full resolver in the directory of the server that holds only the system account.
fn config(world: &World, more: &str) -> Config {
    let operator = world.operator_token();
    let system = world.account(&world.system, "SYS", json!({}));
    Config::new(format!(
        "debug: true\noperator: {operator}\nresolver {{ type: full, dir: \"jwt\", limit: 3{more} }}\nresolver_preload {{ {}: {system} }}\n",
        world.system.public_key()
    ))
}

fn deletion(by: &KeyPair, sub: &str, accounts: &[String]) -> String {
    token(by, sub, "", json!({"accounts": accounts, "type": "generic", "version": 2}), json!({}))
}

#[test]
fn requests_are_answered_alike() {
    let world = World::new();
    let stranger = KeyPair::new_operator();
    let third = KeyPair::new_account();
    let (one, two) = (world.one.public_key(), world.two.public_key());
    let operator = world.operator.public_key();
    let of_one = world.account(&world.one, "ONE", json!({}));
    let too_many = json!({"limits": {"imports": 0, "exports": -1, "conn": -1, "subs": -1, "data": -1, "payload": -1, "leaf": -1}, "imports": [{"name": "x", "subject": "x", "account": two, "type": "stream"}]});
    let requests = [
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), of_one.clone()),
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), "junk".to_owned()),
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), String::new()),
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), world.account(&world.one, "ONE", too_many)),
        (format!("$SYS.REQ.ACCOUNT.{one}.CLAIMS.UPDATE"), of_one.clone()),
        (format!("$SYS.REQ.ACCOUNT.{two}.CLAIMS.UPDATE"), of_one),
        (format!("$SYS.ACCOUNT.{two}.CLAIMS.UPDATE"), world.account(&world.two, "TWO", json!({}))),
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), world.account(&third, "THREE", json!({}))),
        ("$SYS.REQ.CLAIMS.LIST".to_owned(), String::new()),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), deletion(&stranger, &stranger.public_key(), std::slice::from_ref(&two))),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), deletion(&world.operator, &one, std::slice::from_ref(&two))),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), "zz".to_owned()),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), deletion(&world.operator, &operator, &["foo".to_owned()])),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), deletion(&world.operator, &operator, &[world.system.public_key()])),
        ("$SYS.REQ.CLAIMS.DELETE".to_owned(), deletion(&world.operator, &operator, &[two])),
        ("$SYS.REQ.CLAIMS.LIST".to_owned(), String::new()),
    ];
    for more in [", allow_delete: true", ""] {
        let Some(reference) = Server::reference(config(&world, more)) else { return };
        let troupe = Server::troupe(config(&world, more));
        let [wanted, got] = [reference, troupe].map(|server| {
            let mut asker = Asker::new(&world, server.address());
            let answers = requests.iter().map(|(subject, body)| asker.said(subject, body)).collect::<Vec<_>>();
            let looked_up = asker.ask(&format!("$SYS.REQ.ACCOUNT.{one}.CLAIMS.LOOKUP"), b"", |_| true);
            let not_found = asker.ask(&format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", third.public_key()), b"", |_| true);
            let mut packed = asker.ask("$SYS.REQ.CLAIMS.PACK", b"", <[u8]>::is_empty);
            packed.sort();
            (answers, looked_up, not_found, packed, files(server.dir()))
        });
        assert_eq!(wanted, got, "{more}");
    }
}

#[test]
fn tokens_that_come_together() {
    let world = World::new();
    let third = KeyPair::new_account();
    let push = |key: &KeyPair, name: String| world.account(key, &name, json!({}));
    let mut tokens: Vec<String> = Vec::new();
    for number in 0..20 {
        tokens.push(push(&world.one, format!("ONE{number}")));
        tokens.push(push(&world.two, format!("TWO{number}")));
        tokens.push("junk".to_owned());
        tokens.push(push(&third, format!("THREE{number}")));
    }
    let Some(reference) = Server::reference(config(&world, "")) else { return };
    let [wanted, got] = [reference, Server::troupe(config(&world, ""))].map(|server| {
        let mut client = Asker::new(&world, server.address()).client;
        client.flush("SUB inbox 1\r\n");
        let pushes =
            tokens.iter().map(|token| format!("PUB $SYS.REQ.CLAIMS.UPDATE inbox {}\r\n{token}\r\n", token.len()));
        client.send(pushes.collect::<String>());
        client.wait(|frames| frames.iter().filter(|frame| frame.starts_with("MSG inbox ")).count() == tokens.len());
        let answers = client.frames().iter().filter(|frame| frame.starts_with("MSG inbox "));
        let answers = answers.map(|frame| {
            let mut answer: Value = frame.json();
            answer["server"] = json!("");
            answer
        });
        let mut answers: Vec<String> = answers.map(|answer| answer.to_string()).collect();
        // nats-server answers in some order.
        if server.name() != "reference" {
            let kinds: Vec<bool> = answers.iter().map(|answer| answer.contains("\"code\":200")).collect();
            // There is room for two of the accounts.
            assert_eq!(kinds, [true, true, false, false].repeat(20), "{answers:?}");
        }
        answers.sort();
        (answers, files(server.dir()))
    });
    assert_eq!(wanted, got);
}

#[test]
fn updates_are_in_force_at_once() {
    let world = World::new();
    let user = KeyPair::new_user();
    let options = showing(&world.user(&world.one, &user, json!({}), json!({})), &user);
    let publish = "$SYS.REQ.CLAIMS.UPDATE";
    on_both(config(&world, ", allow_delete: true"), |server| {
        let mut asker = Asker::new(&world, server.address());
        let mut push = |more: Value, extra: Value| {
            let mut nats = json!({"limits": limits(), "type": "account", "version": 2});
            nats.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let token = token(&world.operator, &world.one.public_key(), "ONE", nats, extra);
            assert_eq!(asker.said(publish, &token)["data"]["code"], 200, "{}", server.name());
        };
        enter(server.address(), &options, &user).expect("Authorization Violation");
        push(json!({}), json!({}));
        let mut client = enter(server.address(), &options, &user);
        client.flush("");
        push(json!({"revocations": {user.public_key(): now()}}), json!({}));
        client.expect("-ERR 'User Authentication Revoked'");
        enter(server.address(), &options, &user).expect("Authorization Violation");
        push(json!({}), json!({}));
        let mut client = enter(server.address(), &options, &user);
        client.flush("");
        push(json!({}), json!({"exp": now() + 2}));
        client.expect("-ERR 'Account Authentication Expired'");
        push(
            json!({"mappings": {"old": [{"subject": "new", "weight": 100}]}, "default_permissions": {"pub": {"deny": ["no"]}, "sub": {}}}),
            json!({}),
        );
        let mut client = enter(server.address(), &options, &user);
        client.flush("SUB new 1\r\nPUB old 1\r\nx\r\nPUB no 1\r\nx\r\n");
        assert!(client.text().contains("Publish to"), "{}", client.text());
        // nats-server does not map for it yet.
        assert!(server.name() == "reference" || client.text().contains("MSG new 1 1"), "{}", client.text());
        push(json!({"limits": {"subs": -1, "data": -1, "payload": -1, "conn": 0, "leaf": 0}}), json!({}));
        client.expect("-ERR 'maximum account active connections exceeded'");
    });
}

#[test]
fn deletion_closes_clients() {
    let world = World::new();
    let user = KeyPair::new_user();
    let options = showing(&world.user(&world.one, &user, json!({}), json!({})), &user);
    on_both(config(&world, ", allow_delete: true, hard_delete: true"), |server| {
        let mut asker = Asker::new(&world, server.address());
        asker.said("$SYS.REQ.CLAIMS.UPDATE", &world.account(&world.one, "ONE", json!({})));
        let mut client = enter(server.address(), &options, &user);
        client.flush("");
        let wish = deletion(&world.operator, &world.operator.public_key(), &[world.one.public_key()]);
        assert_eq!(asker.said("$SYS.REQ.CLAIMS.DELETE", &wish)["data"]["message"], "deleted 1 accounts");
        client.expect("-ERR 'Account Authentication Expired'");
        enter(server.address(), &options, &user).expect("Authorization Violation");
        assert_eq!(files(server.dir()).len(), 1);
    });
}
