//! Servers of both kinds take turns at a directory, and the first is killed: what the other did stays.

use async_nats::Client;
use futures_util::StreamExt;
use serde_json::json;
use troupe_tests::Server;
use troupe_tests::wait::PATIENCE;

use crate::ask::{ask, config, connect, start};

async fn make(client: &Client, stream: &str) {
    let body = json!({"name": stream, "subjects": [stream.to_lowercase()]}).to_string();
    let made = ask(client, &format!("$JS.API.STREAM.CREATE.{stream}"), &body).await;
    assert!(made["error"].is_null(), "{made}");
}

async fn fill(client: &Client, stream: &str, by: &str, count: usize) {
    for number in 0..count {
        let ack = ask(client, &stream.to_lowercase(), &format!("{by} {number}")).await;
        assert!(ack["error"].is_null(), "{ack}");
    }
}

/// Takes messages of a consumer and acknowledges them, waiting for the answer.
async fn consume(client: &Client, consumer: &str, count: usize) {
    for _ in 0..count {
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.CONSUMED.{consumer}");
        let inbox = client.new_inbox();
        let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
        client.publish_with_reply(next, inbox, "1".into()).await.expect("published");
        let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("a message");
        client.request(message.reply.expect("where to acknowledge"), "+ACK".into()).await.expect("an answer");
    }
}

/// The messages of a stream that are there, by their texts.
async fn texts(client: &Client, stream: &str) -> Vec<String> {
    use base64::Engine;
    let state = ask(client, &format!("$JS.API.STREAM.INFO.{stream}"), "").await["state"].clone();
    assert!(state["lost"].is_null(), "{stream}: {state}");
    let mut texts = Vec::new();
    for seq in 1..=state["last_seq"].as_u64().expect("a number") {
        let body = json!({"seq": seq}).to_string();
        let read = ask(client, &format!("$JS.API.STREAM.MSG.GET.{stream}"), &body).await;
        if let Some(data) = read["message"]["data"].as_str() {
            let text = base64::engine::general_purpose::STANDARD.decode(data).expect("base 64");
            texts.push(String::from_utf8(text).expect("text"));
        }
    }
    texts
}

/// What Troupe does, before it is killed.
async fn begin(client: &Client) {
    for stream in ["GONE", "REMADE", "UPDATED", "PURGED", "REMOVED", "CONSUMED", "UNTOUCHED"] {
        make(client, stream).await;
        fill(client, stream, "first", 5).await;
    }
    for consumer in ["MOVED", "UNTOUCHED", "GONE"] {
        let body = json!({"stream_name": "CONSUMED", "config": {"durable_name": consumer, "ack_policy": "explicit"}});
        let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.CONSUMED.{consumer}");
        assert!(ask(client, &subject, &body.to_string()).await["error"].is_null());
    }
    consume(client, "MOVED", 2).await;
    ask(client, "$JS.API.STREAM.DELETE.REMOVED", "").await;
}

/// What nats-server does then.
async fn change(client: &Client) {
    for stream in ["GONE", "REMADE"] {
        assert_eq!(ask(client, &format!("$JS.API.STREAM.DELETE.{stream}"), "").await["success"], true);
    }
    for stream in ["REMADE", "REMOVED"] {
        make(client, stream).await;
        fill(client, stream, "second", 3).await;
    }
    let update = json!({"name": "UPDATED", "subjects": ["updated"], "description": "second"}).to_string();
    assert!(ask(client, "$JS.API.STREAM.UPDATE.UPDATED", &update).await["error"].is_null());
    fill(client, "UPDATED", "second", 1).await;
    ask(client, "$JS.API.STREAM.PURGE.PURGED", "").await;
    fill(client, "PURGED", "second", 1).await;
    assert_eq!(ask(client, "$JS.API.CONSUMER.DELETE.CONSUMED.GONE", "").await["success"], true);
    consume(client, "MOVED", 3).await;
}

async fn check(client: &Client) {
    // What it removed may come back.
    let names = ask(client, "$JS.API.STREAM.NAMES", "").await["streams"].clone();
    let names: Vec<&str> = names.as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    for stream in ["CONSUMED", "PURGED", "REMADE", "REMOVED", "UNTOUCHED", "UPDATED"] {
        assert!(names.contains(&stream), "{names:?}");
    }
    let all_of_second = ["second 0", "second 1", "second 2"];
    assert_eq!(texts(client, "REMADE").await, all_of_second);
    assert_eq!(texts(client, "REMOVED").await, all_of_second);
    assert_eq!(texts(client, "PURGED").await.last().map(String::as_str), Some("second 0"));
    let all_of_first = ["first 0", "first 1", "first 2", "first 3", "first 4"];
    assert_eq!(texts(client, "UNTOUCHED").await, all_of_first);
    assert_eq!(texts(client, "UPDATED").await, [&all_of_first[..], &["second 0"]].concat());
    let updated = ask(client, "$JS.API.STREAM.INFO.UPDATED", "").await;
    assert_eq!(updated["config"]["description"], "second");
    let moved = ask(client, "$JS.API.CONSUMER.INFO.CONSUMED.MOVED", "").await;
    assert!(moved["ack_floor"]["stream_seq"].as_u64() >= Some(2), "{moved}");
    for stream in ["REMADE", "REMOVED", "PURGED", "UPDATED", "UNTOUCHED"] {
        fill(client, stream, "third", 1).await;
    }
}

#[tokio::test]
async fn what_another_server_did_after_a_kill_stays() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    begin(&connect(&server).await).await;
    // Dropped servers are killed.
    drop(server);
    let Some(mut server) = Server::reference(config(directory.path())) else { return };
    change(&connect(&server).await).await;
    server.signal(nix::sys::signal::Signal::SIGTERM);
    server.wait_exit();
    let server = start(directory.path());
    for stream in ["REMADE", "REMOVED"] {
        server.wait_log(&format!("streams/{stream} was made by another server, and stays as it is"));
    }
    server.wait_log("streams/UPDATED has a configuration of another server, which stays");
    check(&connect(&server).await).await;
}
