//! What streams keep when the server ends, in order or not.

use async_nats::Client;
use serde_json::Value;
use troupe_tests::Server;

use crate::ask::{ask, connect, start};

const COUNT: u64 = 200;

async fn fill(client: &Client) -> Value {
    let made = ask(client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s.*"],"metadata":{"a":"b"}}"#).await;
    assert!(made["error"].is_null(), "{made}");
    for number in 1..=COUNT {
        let ack = ask(client, &format!("s.{}", number % 7), &format!("message {number}")).await;
        assert_eq!(ack["seq"], number, "{ack}");
    }
    ask(client, "$JS.API.STREAM.MSG.DELETE.S", r#"{"seq":5}"#).await;
    ask(client, "$JS.API.STREAM.INFO.S", "").await
}

async fn check(server: &Server, before: &Value) {
    let client = connect(server).await;
    let after = ask(&client, "$JS.API.STREAM.INFO.S", "").await;
    for part in ["config", "created", "state"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    let message = ask(&client, "$JS.API.STREAM.MSG.GET.S", r#"{"seq":100}"#).await;
    assert_eq!(message["message"]["subject"], "s.2");
    let ack = ask(&client, "s.1", "one more").await;
    assert_eq!(ack["seq"], COUNT + 1);
}

#[tokio::test]
async fn streams_are_there_after_an_orderly_end() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut server = start(directory.path());
    let before = fill(&connect(&server).await).await;
    server.signal(nix::sys::signal::Signal::SIGTERM);
    server.wait_exit();
    check(&start(directory.path()), &before).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let before = fill(&connect(&server).await).await;
    // Dropped servers are killed.
    drop(server);
    check(&start(directory.path()), &before).await;
}

#[tokio::test]
async fn deleted_streams_are_gone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let client = connect(&server).await;
    fill(&client).await;
    assert_eq!(ask(&client, "$JS.API.STREAM.DELETE.S", "").await["success"], true);
    drop(server);
    let server = start(directory.path());
    let client = connect(&server).await;
    assert_eq!(ask(&client, "$JS.API.STREAM.INFO.S", "").await["error"]["err_code"], 10059);
}
