//! Accounts without JetStream, those that ask another account, and the system account.

use std::collections::BTreeMap;

use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use troupe_tests::wait::PATIENCE;
use troupe_tests::{Config, Server};

use crate::ask::ask;
use crate::exchange::start;
use crate::masked::masked;

/// `A` has JetStream, `B` has none, `C` asks that of `A`; `I` and `O`, which has its own, ask that of `A` about itself.
const CONFIG: &str = "server_name: S\njetstream { store_dir: STORE, max_mem: 1G, max_file: 1G, domain: D }\nsystem_account: SYS\n\
    accounts {\n  A { jetstream: enabled, users: [{user: a, password: p}], exports: [{service: \"$JS.API.>\"}] }\n  \
    B { users: [{user: b, password: p}] }\n  \
    C { users: [{user: c, password: p}], imports: [{service: {account: A, subject: \"$JS.API.>\"}}] }\n  \
    I { users: [{user: i, password: p}], imports: [{service: {account: A, subject: \"$JS.API.INFO\"}}] }\n  \
    O { jetstream: enabled, users: [{user: o, password: p}], imports: [{service: {account: A, subject: \"$JS.API.INFO\"}}] }\n  \
    SYS { users: [{user: s, password: p}] }\n}\n";

/// What is answered at once, if it is answered at all.
const REQUESTS: &[&str] = &[
    "$JS.API.INFO",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.INFO.X",
    "$JS.API.NOPE",
    "$JS.API.FOO.BAR",
    "$JS.API.CONSUMER.NAMES.S",
    "$JS.API.CONSUMER.FOO.S.C",
    "$JS.API.CONSUMER.LEADER.STEPDOWN.S.C",
    "$JS.API.CONSUMER.MSG.NEXT.S.C",
    "$JS.API.DIRECT.GET.S",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.META.NOPE",
    "$JS.API.SERVER.REMOVE",
    "$JS.API.SERVER.NOPE",
    "$JS.API.ACCOUNT.STREAM.MOVE.A.S",
    "$JS.API.ACCOUNT.STREAM.CANCEL_MOVE.A.S",
    "$JS.API.ACCOUNT.NOPE",
    "$JS.API.STREAM.LEADER.STEPDOWN.S",
    "$JS.API.STREAM.PEER.REMOVE.S",
    "$JS.D.API.INFO",
    "$JS.D.API.STREAM.NAMES",
    "$JS.D.API.CONSUMER.MSG.NEXT.S.C",
    "$JS.D.API.DIRECT.GET.S",
    "$JS.D.API.$KV.B.k",
    "$JS.D.API.NOPE",
    "$JS.other.API.INFO",
];

async fn enter(server: &Server, user: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), "p".to_owned());
    options.connect(server.url()).await.expect("the server accepts the client")
}

/// Answers by request.
type Answers = BTreeMap<String, Vec<String>>;

/// All answers to each request, at least as many as the other server gave: some come from other threads.
async fn all_answers(client: &Client, least: &Answers) -> Answers {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(format!("{inbox}.*")).await.expect("the client subscribes");
    for (number, subject) in REQUESTS.iter().enumerate() {
        let sent = client.publish_with_reply((*subject).to_owned(), format!("{inbox}.{number}"), "".into());
        sent.await.expect("the client publishes");
    }
    let end = format!("{inbox}.end");
    client.publish_with_reply("$JS.API.INFO", end.clone(), "".into()).await.expect("the client publishes");
    let mut found = Answers::new();
    let mut has_ended = false;
    let is_enough =
        |found: &Answers| least.iter().all(|(request, list)| found.get(request).map_or(0, Vec::len) >= list.len());
    while !has_ended || !is_enough(&found) {
        let answer = tokio::time::timeout(PATIENCE, answers.next()).await;
        let answer = answer.unwrap_or_else(|_| panic!("{least:?}, but {found:?}")).expect("a message");
        if *answer.subject == *end {
            has_ended = true;
            continue;
        }
        let number = answer.subject.rsplit('.').next().and_then(|number| number.parse::<usize>().ok());
        let request = number.map_or("?", |number| REQUESTS[number]);
        found.entry(request.to_owned()).or_default().push(masked(&answer));
    }
    found
}

#[tokio::test]
async fn every_account_is_answered_once() {
    let config = Config::new(CONFIG);
    let Some((reference, _dir)) = start(&config, true) else { return };
    let (troupe, _other) = start(&config, false).expect("a server");
    for user in ["a", "b", "c", "i", "o", "s"] {
        let least = all_answers(&enter(&reference, user).await, &Answers::new()).await;
        let got = all_answers(&enter(&troupe, user).await, &least).await;
        let wanted = all_answers(&enter(&reference, user).await, &got).await;
        for request in REQUESTS {
            let shown = |answers: &Answers| answers.get(*request).cloned().unwrap_or_default();
            let (wanted, got) = (shown(&wanted), shown(&got));
            // Those count what came before.
            let is_info = *request == "$JS.API.INFO" || *request == "$JS.D.API.INFO";
            if is_info {
                assert_eq!(wanted.len(), got.len(), "{user} {request}: {wanted:?} {got:?}");
            } else {
                assert_eq!(wanted, got, "{user} {request}");
            }
        }
    }
}

/// An account that is made by a reload is told that it has none, by a server that did not know it at its start.
#[tokio::test]
async fn an_account_that_comes_by_a_reload_is_told() {
    let config = Config::new(CONFIG);
    let (troupe, directory) = start(&config, false).expect("a server");
    let body = CONFIG.replace("STORE", &format!("\"{}\"", directory.path().display()));
    troupe.reload(Config::new(body.replacen("  SYS {", "  N { users: [{user: n, password: p}] }\n  SYS {", 1)));
    let client = enter(&troupe, "n").await;
    assert_eq!(ask(&client, "$JS.API.INFO", "").await["error"]["err_code"], 10039);
    assert_eq!(ask(&client, "$JS.D.API.STREAM.NAMES", "").await["error"]["err_code"], 10039);
}

/// Purges `A` as the system account, and says what is left.
async fn purged(server: &Server, directory: &std::path::Path) -> Vec<String> {
    let (client, system) = (enter(server, "a").await, enter(server, "s").await);
    let mut answers = Vec::new();
    for (name, storage) in [("FILES", "file"), ("MEMORY", "memory")] {
        let body = format!(r#"{{"name":"{name}","storage":"{storage}"}}"#);
        let made = ask(&client, &format!("$JS.API.STREAM.CREATE.{name}"), &body).await;
        assert!(made["error"].is_null(), "{made}");
        assert_eq!(ask(&client, name, "message").await["seq"], 1);
    }
    assert!(directory.join("jetstream/A/streams/FILES").exists());
    for account in ["B", "nobody", "A", "A", "a/b"] {
        answers.push(ask(&system, &format!("$JS.API.ACCOUNT.PURGE.{account}"), "").await.to_string());
    }
    assert!(!directory.join("jetstream/A").exists());
    answers.push(ask(&client, "$JS.API.STREAM.NAMES", "").await.to_string());
    let made = ask(&client, "$JS.API.STREAM.CREATE.FILES", r#"{"name":"FILES"}"#).await;
    assert!(made["error"].is_null(), "{made}");
    answers.push(ask(&client, "FILES", "message").await.to_string());
    answers
}

#[tokio::test]
async fn the_system_account_purges_others() {
    let config = Config::new(CONFIG);
    let Some((reference, kept)) = start(&config, true) else { return };
    let (troupe, other) = start(&config, false).expect("a server");
    assert_eq!(purged(&reference, kept.path()).await, purged(&troupe, other.path()).await);
}
