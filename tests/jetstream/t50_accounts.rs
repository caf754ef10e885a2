//! Accounts that come to JetStream while the server runs.

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions};
use troupe_tests::wait::PATIENCE;
use troupe_tests::{Config, Server};

use crate::ask::ask;
use crate::t50_damage::get;

/// A server whose account `B` has JetStream or not.
fn config(directory: &Path, of_b: &str) -> Config {
    Config::new(format!(
        "http: \"127.0.0.1:-1\"\njetstream {{ store_dir: \"{}\" }}\naccounts {{\n  A {{ jetstream: enabled, users: [{{ user: a, password: a }}] }}\n  \
         B {{ {of_b} users: [{{ user: b, password: b }}] }}\n}}\n",
        directory.display()
    ))
}

async fn connect(server: &Server) -> Client {
    let options = ConnectOptions::with_user_and_password("b".to_owned(), "b".to_owned());
    options.connect(server.url()).await.expect("the server accepts the client")
}

async fn wait_for_api(client: &Client) {
    let since = Instant::now();
    while !ask(client, "$JS.API.INFO", "").await["error"].is_null() {
        assert!(since.elapsed() < PATIENCE, "it has no JetStream");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_account_that_gets_jetstream_by_a_reload_has_it_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::troupe(config(directory.path(), ""));
    let client = connect(&server).await;
    assert_eq!(ask(&client, "$JS.API.INFO", "").await["error"]["err_code"], 10039);
    server.reload(config(directory.path(), "jetstream { max_streams: 1 },"));
    wait_for_api(&client).await;
    let made = ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S"}"#).await;
    assert!(made["error"].is_null(), "{made}");
    assert_eq!(ask(&client, "S", "message").await["seq"], 1);
    assert_eq!(ask(&client, "$JS.API.STREAM.CREATE.T", r#"{"name":"T"}"#).await["error"]["err_code"], 10027);
    drop(server);
    // What was kept is there, too, when it comes back.
    let server = Server::troupe(config(directory.path(), ""));
    let client = connect(&server).await;
    server.reload(config(directory.path(), "jetstream: enabled,"));
    wait_for_api(&client).await;
    assert_eq!(ask(&client, "$JS.API.STREAM.INFO.S", "").await["state"]["messages"], 1);
    assert_eq!(ask(&client, "S", "message").await["seq"], 2);
}

/// What a client of B gets for a message to this subject, in short.
async fn answer(client: &Client, subject: &str, body: &str) -> String {
    let request = async_nats::Request::new().payload(body.to_owned().into());
    match client.send_request(subject.to_owned(), request).await {
        Ok(answer) => String::from_utf8_lossy(&answer.payload).into_owned(),
        Err(cause) => cause.to_string(),
    }
}

/// Waits until a reload has taken JetStream from B: nobody takes messages of its streams any more.
async fn wait_for_end(client: &Client) {
    let since = Instant::now();
    while !answer(client, "m", "x").await.contains("no responders") {
        assert!(since.elapsed() < PATIENCE, "its streams still take messages");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Plays one server; what the client was told, one line each.
async fn lose_and_regain(server: &Server, directory: &Path) -> Vec<String> {
    let client = connect(server).await;
    for (subject, body) in [
        ("$JS.API.STREAM.CREATE.F", r#"{"name":"F","subjects":["f"],"allow_direct":true}"#),
        ("$JS.API.STREAM.CREATE.M", r#"{"name":"M","subjects":["m"],"storage":"memory"}"#),
        (
            "$JS.API.CONSUMER.DURABLE.CREATE.F.C",
            r#"{"stream_name":"F","config":{"durable_name":"C","ack_policy":"explicit"}}"#,
        ),
    ] {
        assert!(ask(&client, subject, body).await["error"].is_null(), "{subject}");
    }
    for subject in ["f", "f", "m"] {
        ask(&client, subject, "kept or not").await;
    }
    answer(&client, "$JS.API.CONSUMER.MSG.NEXT.F.C", "1").await;
    server.reload(config(directory, ""));
    wait_for_end(&client).await;
    let mut told = Vec::new();
    for subject in ["$JS.API.INFO", "$JS.API.STREAM.INFO.F", "$JS.API.STREAM.DELETE.F"] {
        let answer = ask(&client, subject, "").await;
        told.push(format!("{subject} {} {}", answer["error"]["code"], answer["error"]["err_code"]));
    }
    for subject in ["f", "$JS.API.CONSUMER.MSG.NEXT.F.C", "$JS.API.DIRECT.GET.F", "$JS.ACK.F.C.1.1.1.1.1"] {
        told.push(format!("{subject} {}", answer(&client, subject, "").await));
    }
    let jsz = get(server, "/jsz?accounts=true").1;
    let names: Vec<&str> =
        jsz["account_details"].as_array().expect("details").iter().filter_map(|one| one["name"].as_str()).collect();
    told.push(format!("{} {} {} {names:?}", jsz["streams"], jsz["messages"], jsz["accounts"]));
    server.reload(config(directory, "jetstream: enabled,"));
    wait_for_api(&client).await;
    let stream = ask(&client, "$JS.API.STREAM.INFO.F", "").await;
    told.push(format!("{} {}", stream["state"]["messages"], stream["state"]["consumer_count"]));
    let consumer = ask(&client, "$JS.API.CONSUMER.INFO.F.C", "").await;
    told.push(format!("{} {}", consumer["delivered"]["stream_seq"], consumer["num_ack_pending"]));
    told.push(ask(&client, "$JS.API.STREAM.INFO.M", "").await["error"]["err_code"].to_string());
    told.push(ask(&client, "f", "once more").await["seq"].to_string());
    let usage = ask(&client, "$JS.API.INFO", "").await;
    told.push(format!("{} {}", usage["streams"], usage["memory"]));
    told
}

#[tokio::test]
async fn an_account_that_loses_jetstream_by_a_reload_keeps_its_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let troupe = Server::troupe(config(directory.path(), "jetstream: enabled,"));
    let told = lose_and_regain(&troupe, directory.path()).await;
    let other = tempfile::tempdir().expect("a temporary directory");
    let Some(reference) = Server::reference(config(other.path(), "jetstream: enabled,")) else { return };
    assert_eq!(told, lose_and_regain(&reference, other.path()).await);
}

/// Whoever has an answer finds what it told in the account's numbers.
#[tokio::test]
async fn what_was_answered_is_counted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::troupe(config(directory.path(), "jetstream: enabled,"));
    let client = connect(&server).await;
    let made = ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","storage":"memory"}"#).await;
    assert!(made["error"].is_null(), "{made}");
    for round in 0..100 {
        let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","mem_storage":true}}"#;
        assert_eq!(ask(&client, "$JS.API.CONSUMER.CREATE.S.C", consumer).await["name"], "C");
        assert_eq!(ask(&client, "$JS.API.INFO", "").await["consumers"], 1, "in round {round}");
        assert_eq!(ask(&client, "$JS.API.CONSUMER.DELETE.S.C", "").await["success"], true);
        assert_eq!(ask(&client, "$JS.API.INFO", "").await["consumers"], 0, "in round {round}");
        let seq = ask(&client, "S", "message").await["seq"].clone();
        assert_ne!(ask(&client, "$JS.API.INFO", "").await["memory"], 0, "in round {round}");
        if round % 2 == 0 {
            assert_eq!(ask(&client, "$JS.API.STREAM.PURGE.S", "").await["purged"], 1);
        } else {
            let deleted = ask(&client, "$JS.API.STREAM.MSG.DELETE.S", &format!(r#"{{"seq":{seq}}}"#)).await;
            assert_eq!(deleted["success"], true, "{deleted}");
        }
        assert_eq!(ask(&client, "$JS.API.INFO", "").await["memory"], 0, "in round {round}");
    }
}
