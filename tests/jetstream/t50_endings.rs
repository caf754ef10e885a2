//! What clients see of a server that ends in order, and of the copies a stream feeds.

use std::path::Path;
use std::time::Duration;

use async_nats::StatusCode;
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use troupe_tests::Server;
use troupe_tests::wait::PATIENCE;

use crate::ask::{ask, config, connect, start};

/// Both servers, or the one there is.
fn servers(directory: &Path) -> Vec<Server> {
    let reference = Server::reference(config(&directory.join("reference")));
    reference.into_iter().chain([start(&directory.join("troupe"))]).collect()
}

#[tokio::test]
async fn who_waits_for_messages_is_told_of_the_end() {
    let directory = tempfile::tempdir().expect("a directory");
    for mut server in servers(directory.path()) {
        let client = connect(&server).await;
        ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
        let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
        ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", consumer).await;
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.expect("subscribed");
        let wanted = json!({"batch": 5, "expires": 60_000_000_000_u64}).to_string();
        client.publish_with_reply("$JS.API.CONSUMER.MSG.NEXT.S.C", inbox, wanted.into()).await.expect("sent");
        until(|| ask(&client, "$JS.API.CONSUMER.INFO.S.C", ""), |info| info["num_waiting"] == 1).await;
        server.signal(Signal::SIGTERM);
        let told = tokio::time::timeout(PATIENCE, answers.next()).await.expect("in time").expect("an answer");
        assert_eq!(told.status, Some(StatusCode::from_u16(409).expect("a status")), "{}", server.name());
        assert_eq!(told.description.as_deref(), Some("Server Shutdown"), "{}", server.name());
        let headers = told.headers.expect("headers");
        assert_eq!(headers.get("Nats-Pending-Messages").map(|value| value.as_str()), Some("5"), "{}", server.name());
        assert!(server.wait_exit().success(), "{}", server.name());
        assert!(server.log().iter().any(|line| line.contains("JetStream Shutdown")), "{}", server.name());
    }
}

#[tokio::test]
async fn copies_are_not_counted_as_consumers() {
    let directory = tempfile::tempdir().expect("a directory");
    for server in servers(directory.path()) {
        let client = connect(&server).await;
        ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
        ask(&client, "s", "one").await;
        ask(&client, "$JS.API.STREAM.CREATE.M", r#"{"name":"M","mirror":{"name":"S"}}"#).await;
        until(|| ask(&client, "$JS.API.STREAM.INFO.M", ""), |info| info["state"]["messages"] == 1).await;
        let info = ask(&client, "$JS.API.STREAM.INFO.S", "").await;
        assert_eq!(info["state"]["consumer_count"], 0, "{}", server.name());
        let updated = ask(&client, "$JS.API.STREAM.UPDATE.S", r#"{"name":"S","subjects":["s","t"]}"#).await;
        assert_eq!(updated["state"]["consumer_count"], 0, "{}", server.name());
    }
}

/// Asks until the answer is as wanted.
async fn until<F: Future<Output = Value>>(ask: impl Fn() -> F, is_wanted: impl Fn(&Value) -> bool) {
    let wanted = async {
        while !is_wanted(&ask().await) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wanted).await.expect("in time");
}
