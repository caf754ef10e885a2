//! What is told to those who watch JetStream: the same events with the same keys as nats-server's.

use async_nats::Client;
use futures_util::StreamExt;
use serde_json::Value;
use troupe_tests::Server;
use troupe_tests::wait::PATIENCE;

use crate::ask::{ask, config, connect, request, start};

/// Asks for a message of a priority group, and waits for it.
async fn fetch(client: &Client, body: &'static str) {
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
    client.publish_with_reply("$JS.API.CONSUMER.MSG.NEXT.S.P", inbox, body.into()).await.expect("sent");
    tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("a message");
}

/// What is told while a client does this and that: subjects, and the keys of what comes with them.
async fn told(server: &Server) -> Vec<(String, Vec<String>)> {
    let client = connect(server).await;
    ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"],"allow_atomic":true}"#).await;
    ask(&client, "s", "x").await;
    let pinned = r#"{"stream_name":"S","config":{"durable_name":"P","ack_policy":"explicit",
        "priority_policy":"pinned_client","priority_groups":["g"],"priority_timeout":60000000000}}"#;
    assert!(ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.P", pinned).await["error"].is_null());
    let mut events = client.subscribe("$JS.EVENT.ADVISORY.>").await.expect("subscribed");
    client.flush().await.expect("flushed");
    ask(&client, "$JS.API.STREAM.MSG.GET.S", r#"{"seq":1}"#).await;
    ask(&client, "$JS.API.STREAM.MSG.GET.S", r#"{"seq":9}"#).await;
    fetch(&client, r#"{"batch":1,"group":"g"}"#).await;
    ask(&client, "$JS.API.CONSUMER.UNPIN.S.P", r#"{"group":"g"}"#).await;
    for number in ["1", "3"] {
        request(&client, "s", &[("Nats-Batch-Id", "b"), ("Nats-Batch-Sequence", number)], "x").await;
    }
    ask(&client, "$JS.API.STREAM.DELETE.S", "").await;
    let mut told = Vec::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("in time").expect("an event");
        let body: Value = serde_json::from_slice(&event.payload).expect("JSON");
        let about = body["subject"].as_str().unwrap_or_default();
        let is_last = about == "$JS.API.STREAM.DELETE.S";
        let mut keys: Vec<String> = body.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        told.push((format!("{} {about}", event.subject), keys));
        if is_last {
            // What ends at the same time has no order.
            told.sort();
            return told;
        }
    }
}

#[tokio::test]
async fn events_are_those_of_nats_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let ours = told(&start(directory.path())).await;
    assert!(ours.iter().any(|(subject, _)| subject.starts_with("$JS.EVENT.ADVISORY.CONSUMER.PINNED.S.P")), "{ours:?}");
    let directory = tempfile::tempdir().expect("a directory");
    let Some(reference) = Server::reference(config(directory.path())) else { return };
    assert_eq!(ours, told(&reference).await);
}
