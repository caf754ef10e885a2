//! Accounts that are found when a login needs them, on a web server.

use nkeys::KeyPair;
use serde_json::{Value, json};
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::wait::eventually;
use troupe_tests::{Config, Server, on_both, reference};

use super::asker::{Asker, enter, may_enter};
use super::tokens::{World, limits, now, showing, token};
use super::web::Web;

/// Everything the web server has at first: `ONE` takes the stream `news` of `TWO`.
fn serve(world: &World) -> Web {
    let (one, two) = (world.one.public_key(), world.two.public_key());
    let takes = json!({"imports": [{"name": "news", "subject": "news", "account": two, "type": "stream"}]});
    let gives = json!({"exports": [{"name": "news", "subject": "news", "type": "stream"}]});
    Web::serve([
        (world.system.public_key(), world.account(&world.system, "SYS", json!({}))),
        (one, world.account(&world.one, "ONE", takes)),
        (two, world.account(&world.two, "TWO", gives)),
    ])
}

fn config(world: &World, url: &str) -> Config {
    Config::new(format!("debug: true\noperator: {}\nresolver: URL({url})\n", world.operator_token()))
}

/// A user of an account, and what it shows.
fn user_of(world: &World, account: &KeyPair) -> (KeyPair, String) {
    let user = KeyPair::new_user();
    let options = showing(&world.user(account, &user, json!({}), json!({})), &user);
    (user, options)
}

/// Runs a story on both servers, each with a web server of its own.
fn with_web(world: &World, story: impl Fn(&Server, &Web)) {
    let web = serve(world);
    if let Some(server) = Server::reference(config(world, &web.url())) {
        story(&server, &web);
    }
    let web = serve(world);
    story(&Server::troupe(config(world, &web.url())), &web);
}

#[test]
fn accounts_come_with_a_login_and_with_those_they_import_from() {
    let world = World::new();
    with_web(&world, |server, web| {
        let (user, options) = user_of(&world, &world.one);
        let mut reader = enter(server.address(), &options, &user);
        reader.flush("SUB news 1\r\n");
        assert_eq!(web.num_asked(&world.two.public_key()), 1, "{}", server.name());
        let (user, options) = user_of(&world, &world.two);
        let mut writer = enter(server.address(), &options, &user);
        writer.flush("PUB news 5\r\nhello\r\n");
        reader.expect("MSG news 1 5");
        let (user, options) = user_of(&world, &world.one);
        assert!(may_enter(server.address(), &options, &user));
        assert_eq!(web.num_asked(&world.one.public_key()), 1, "what is known is not asked for again");
    });
}

#[test]
fn accounts_that_are_not_there_or_not_trusted_let_nobody_in() {
    let world = World::new();
    let (strange, foreign) = (KeyPair::new_account(), KeyPair::new_account());
    let stranger = World::new();
    with_web(&world, |server, web| {
        let (user, options) = user_of(&world, &strange);
        assert!(!may_enter(server.address(), &options, &user));
        let name = strange.public_key();
        server.wait_log(&format!("Account fetch failed: could not fetch <\"{}{name}\">: 404 Not Found", web.url()));
        web.put(name, "junk".to_owned());
        assert!(!may_enter(server.address(), &options, &user));
        web.put(foreign.public_key(), stranger.account(&foreign, "F", json!({})));
        let (user, options) = user_of(&world, &foreign);
        assert!(!may_enter(server.address(), &options, &user), "another operator's account");
        let (user, options) = user_of(&world, &strange);
        web.put(strange.public_key(), world.account(&world.one, "ONE", json!({})));
        assert!(!may_enter(server.address(), &options, &user), "another account's token");
    });
}

#[test]
fn a_token_that_has_ended_is_asked_for_again() {
    let world = World::new();
    with_web(&world, |server, web| {
        let until = |end: i64| {
            let nats = json!({"limits": limits(), "type": "account", "version": 2});
            token(&world.operator, &world.one.public_key(), "ONE", nats, json!({"exp": end}))
        };
        web.put(world.one.public_key(), until(now() + 2));
        let (user, options) = user_of(&world, &world.one);
        let mut client = enter(server.address(), &options, &user);
        client.flush("");
        client.expect("-ERR 'Account Authentication Expired'");
        web.put(world.one.public_key(), until(now() + 1000));
        eventually("the new token", || may_enter(server.address(), &options, &user).then_some(()));
    });
}

#[test]
fn updates_of_accounts_that_are_known() {
    let world = World::new();
    let (one, two) = (world.one.public_key(), world.two.public_key());
    let stranger = World::new();
    let tell = |server: &Server| -> Vec<Value> {
        let (user, options) = user_of(&world, &world.one);
        let mut client = enter(server.address(), &options, &user);
        client.flush("");
        let mut asker = Asker::new(&world, server.address());
        let renamed = world.account(&world.one, "NEW", json!({"revocations": {user.public_key(): now()}}));
        let third = KeyPair::new_account().public_key();
        let mut said: Vec<Value> = [
            (&third, String::new()),
            (&one, "junk".to_owned()),
            (&two, renamed.clone()),
            (&one, stranger.account(&world.one, "ONE", json!({}))),
            (&one, renamed),
        ]
        .into_iter()
        .map(|(account, token)| asker.said(&format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.UPDATE"), &token))
        .collect();
        said[0]["error"]["account"] = json!("");
        client.expect("-ERR 'User Authentication Revoked'");
        let four = KeyPair::new_account();
        let mut skipped = asker
            .said(&format!("$SYS.ACCOUNT.{}.CLAIMS.UPDATE", four.public_key()), &world.account(&four, "F", json!({})));
        skipped["data"]["account"] = json!("");
        said.push(skipped);
        said
    };
    let web = serve(&world);
    let Some(reference) = Server::reference(config(&world, &web.url())) else { return };
    let troupe = Server::troupe(config(&world, &web.url()));
    assert_eq!(tell(&reference), tell(&troupe));
}

#[test]
fn accounts_that_a_pushed_token_imports_from_are_found() {
    let world = World::new();
    with_web(&world, |server, web| {
        web.put(world.one.public_key(), world.account(&world.one, "ONE", json!({})));
        let (user, options) = user_of(&world, &world.one);
        let mut reader = enter(server.address(), &options, &user);
        reader.flush("SUB news 1\r\n");
        assert_eq!(web.num_asked(&world.two.public_key()), 0);
        let takes = json!({"imports": [{"name": "news", "subject": "news", "account": world.two.public_key(), "type": "stream"}]});
        let update = world.account(&world.one, "ONE", takes);
        Asker::new(&world, server.address())
            .said(&format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", world.one.public_key()), &update);
        eventually("the exporter", || (web.num_asked(&world.two.public_key()) == 1).then_some(()));
        let (user, options) = user_of(&world, &world.two);
        let mut writer = enter(server.address(), &options, &user);
        eventually("a message", || {
            writer.flush("PUB news 5\r\nhello\r\n");
            reader.flush("");
            reader.text().contains("MSG news 1 5").then_some(())
        });
    });
}

#[test]
fn the_system_account_may_come_later() {
    let world = World::new();
    let web = || Web::serve([(world.one.public_key(), world.account(&world.one, "ONE", json!({})))]);
    let story = |server: &Server, web: &Web| {
        server.wait_log("Using bootstrapping system account");
        let (user, options) = user_of(&world, &world.system);
        assert!(may_enter(server.address(), &options, &user), "signed by the account's own key");
        web.put(world.system.public_key(), world.account(&world.system, "SYS", json!({"revocations": {"*": now()}})));
        server.wait_log("System account fetched and updated");
        assert!(!may_enter(server.address(), &options, &user));
    };
    let first = web();
    if let Some(server) = Server::reference(config(&world, &first.url())) {
        story(&server, &first);
    }
    let second = web();
    story(&Server::troupe(config(&world, &second.url())), &second);
}

#[test]
fn accounts_outlive_a_reload() {
    let world = World::new();
    with_web(&world, |server, web| {
        let (user, options) = user_of(&world, &world.one);
        let mut client = enter(server.address(), &options, &user);
        client.flush("SUB x 1\r\n");
        server.reload(config(&world, &web.url()));
        client.flush("PUB x 1\r\na\r\n");
        client.expect("MSG x 1 1");
        assert_eq!(web.num_asked(&world.one.public_key()), 1);
    });
}

#[test]
fn a_server_whose_web_server_is_not_there_does_not_start() {
    let world = World::new();
    let web = Web::serve([]);
    let missing = web.url().replace("/jwt/v1/accounts/", "/elsewhere");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let nobody = format!("http://joe:secret@{free}/");
    let words = [
        (missing.clone(), format!("could not fetch <\"{missing}/\">: 404 Not Found")),
        (
            nobody,
            format!(
                "could not fetch <\"http://joe:xxxxx@{free}/\">: Get \"http://joe:***@{free}/\": dial tcp {free}: connect: connection refused"
            ),
        ),
    ];
    for binary in reference::binary().into_iter().chain([troupe_binary()]) {
        for (url, words) in &words {
            let mut process = ServerProcess::spawn(&binary, &config(&world, url));
            assert!(!process.wait_exit().success());
            eventually(words, || process.log().iter().any(|line| line.contains(words)).then_some(()));
        }
    }
}

#[test]
fn trusted_keys_in_place_of_an_operator() {
    let world = World::new();
    let accounts = [(&world.system, "SYS"), (&world.one, "ONE")];
    let preload: String = accounts
        .iter()
        .map(|(key, name)| format!("  {}: {}\n", key.public_key(), world.account(key, name, json!({}))))
        .collect();
    let config = format!(
        "trusted_keys: [{}]\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{\n{preload}}}\n",
        world.operator.public_key(),
        world.system.public_key()
    );
    on_both(Config::new(config), |server| {
        let (user, options) = user_of(&world, &world.one);
        assert!(may_enter(server.address(), &options, &user), "{}", server.name());
        let (user, options) = user_of(&world, &world.two);
        assert!(!may_enter(server.address(), &options, &user));
        Asker::new(&world, server.address());
    });
}
