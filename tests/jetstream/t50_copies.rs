//! Copies of streams go from either server to the other.

use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use serde_json::{Value, json};
use troupe_tests::Server;

use crate::ask::{ask, config, connect};

const COUNT: u64 = 600;

/// A copy: what was told of the stream, and the archive.
struct Copy {
    told: Value,
    archive: Vec<u8>,
    advisories: Vec<String>,
}

async fn fill(client: &Client, storage: &str) {
    let body = json!({"name": "S", "subjects": ["s.*"], "storage": storage, "allow_msg_ttl": true}).to_string();
    let made = ask(client, "$JS.API.STREAM.CREATE.S", &body).await;
    assert!(made["error"].is_null(), "{made}");
    for number in 1..=COUNT {
        let payload: String = format!("{number} ").repeat(number as usize % 90 + 1);
        let ack = ask(client, &format!("s.{}", number % 7), &payload).await;
        assert_eq!(ack["seq"], number, "{ack}");
    }
    for seq in [3, 4, 90, COUNT] {
        ask(client, "$JS.API.STREAM.MSG.DELETE.S", &format!("{{\"seq\":{seq}}}")).await;
    }
    let consumer =
        r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit","filter_subject":"s.2"}}"#;
    let made = ask(client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", consumer).await;
    assert!(made["error"].is_null(), "{made}");
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.C".to_owned();
    client.publish_with_reply(next, inbox, r#"{"batch":9,"expires":5000000000}"#.into()).await.expect("sent");
    for number in 0..9 {
        let message = messages.next().await.expect("a message");
        if number % 3 == 0 {
            let ack = message.reply.expect("it can be acknowledged");
            client.request(ack, "+ACK".into()).await.expect("it is acknowledged");
        }
    }
}

async fn event(events: &mut Subscriber) -> Value {
    let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await.expect("an event in time");
    let event = event.expect("an event");
    let mut body: Value = serde_json::from_slice(&event.payload).expect("JSON");
    body["subject"] = event.subject.to_string().into();
    body
}

/// What is the same in an event of both servers.
fn shape(event: &Value) -> String {
    let mut keys: Vec<&String> = event.as_object().expect("an object").keys().collect();
    keys.sort();
    format!("{} {} {keys:?}", event["subject"], event["type"])
}

async fn back_up(client: &Client, options: Value) -> Copy {
    let mut events = client.subscribe("$JS.EVENT.ADVISORY.STREAM.*.S").await.expect("subscribed");
    let inbox = client.new_inbox();
    let mut parts = client.subscribe(inbox.clone()).await.expect("subscribed");
    let mut body = options;
    body["deliver_subject"] = inbox.into();
    let told = ask(client, "$JS.API.STREAM.SNAPSHOT.S", &body.to_string()).await;
    assert!(told["error"].is_null(), "{told}");
    let mut archive = Vec::new();
    loop {
        let part = tokio::time::timeout(Duration::from_secs(10), parts.next()).await.expect("a part in time");
        let part = part.expect("a part");
        if part.payload.is_empty() {
            assert!(part.status.is_none_or(|status| status.as_u16() == 204), "{part:?}");
            break;
        }
        archive.extend_from_slice(&part.payload);
        if let Some(ack) = part.reply {
            client.publish(ack, "".into()).await.expect("sent");
        }
    }
    let advisories = vec![shape(&event(&mut events).await), shape(&event(&mut events).await)];
    Copy { told, archive, advisories }
}

async fn restore(client: &Client, copy: &Copy) -> (Value, Vec<String>) {
    let mut events = client.subscribe("$JS.EVENT.ADVISORY.STREAM.*.S").await.expect("subscribed");
    let body = json!({"config": copy.told["config"], "state": copy.told["state"]}).to_string();
    let begun = ask(client, "$JS.API.STREAM.RESTORE.S", &body).await;
    let to = begun["deliver_subject"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
    for part in copy.archive.chunks(50_000) {
        let answer = client.request(to.clone(), part.to_vec().into()).await.expect("an answer");
        assert!(answer.payload.is_empty(), "{answer:?}");
    }
    let made = ask(client, &to, "").await;
    let mut advisories = Vec::new();
    for _ in 0..3 {
        advisories.push(shape(&event(&mut events).await));
    }
    (made, advisories)
}

/// What is compared of a stream: its state, its consumer, all its messages.
async fn content(client: &Client, has_consumer: bool) -> Value {
    let info = ask(client, "$JS.API.STREAM.INFO.S", r#"{"deleted_details":true}"#).await;
    let mut consumer = json!({});
    if has_consumer {
        let told = ask(client, "$JS.API.CONSUMER.INFO.S.C", "").await;
        for part in ["num_ack_pending", "num_pending", "num_redelivered"] {
            consumer[part] = told[part].clone();
        }
        for part in ["delivered", "ack_floor"] {
            consumer[part] = json!([told[part]["consumer_seq"], told[part]["stream_seq"]]);
        }
    }
    let mut messages = Vec::new();
    for seq in (1..=COUNT).step_by(29).chain([1, 90, COUNT]) {
        let body = format!("{{\"seq\":{seq}}}");
        messages.push(ask(client, "$JS.API.STREAM.MSG.GET.S", &body).await["message"].clone());
    }
    let mut state = info["state"].clone();
    state["consumer_count"] = Value::Null;
    // What was deleted at the end leaves its sequence, not its time.
    state["last_ts"] = Value::Null;
    json!({"state": state, "config": info["config"]["subjects"], "consumer": consumer, "messages": messages})
}

async fn copy_between(from: &Server, to: &Server, storage: &str, options: Value) -> Vec<String> {
    let (source, target) = (connect(from).await, connect(to).await);
    let has_consumers = options["no_consumers"] != true && storage == "file";
    fill(&source, storage).await;
    let copy = back_up(&source, options).await;
    let (made, advisories) = restore(&target, &copy).await;
    assert!(made["error"].is_null(), "{made}");
    assert_eq!(made["type"], "io.nats.jetstream.api.v1.stream_create_response");
    assert!(made["did_create"].is_null(), "{made}");
    let (before, after) = (content(&source, has_consumers).await, content(&target, has_consumers).await);
    assert_eq!(before, after);
    let ack = ask(&target, "s.1", "one more").await;
    assert_eq!(ack["seq"], COUNT + 1, "{ack}");
    [copy.advisories, advisories].concat()
}

#[tokio::test]
async fn copies_go_both_ways() {
    for (storage, options) in [
        ("file", json!({})),
        ("file", json!({"chunk_size": 5000, "window_size": 10000, "no_consumers": true})),
        ("memory", json!({"chunk_size": 1})),
    ] {
        let directories: Vec<_> = (0..4).map(|_| tempfile::tempdir().expect("a temporary directory")).collect();
        let Some(reference) = Server::reference(config(directories[0].path())) else { return };
        let Some(other_reference) = Server::reference(config(directories[1].path())) else { return };
        let troupe = Server::troupe(config(directories[2].path()));
        let other_troupe = Server::troupe(config(directories[3].path()));
        let theirs = copy_between(&reference, &troupe, storage, options.clone()).await;
        let ours = copy_between(&other_troupe, &other_reference, storage, options).await;
        for (from, to) in [(&reference, &troupe), (&other_troupe, &other_reference)] {
            for (server, what) in [(from, "Completed snapshot of "), (to, "Completed restore of ")] {
                let line = server.wait_log(what);
                assert!(line.contains("B for stream '$G > ") && line.contains("' in "), "{line}");
            }
        }
        // Each list has the advisories of one server's copy, and of the other's restore.
        assert_eq!(theirs.len(), 5, "{theirs:?}");
        assert_eq!(ours.len(), 5, "{ours:?}");
        // In nats-server two threads tell of the end of a restore and of the stream it made: either may come first.
        let comparable = |list: &[String]| {
            let mut list: Vec<_> =
                list.iter().map(|text| text.split(" [").next().unwrap_or_default().to_owned()).collect();
            list.sort();
            list
        };
        assert_eq!(comparable(&theirs), comparable(&ours));
    }
}

#[tokio::test]
async fn what_is_no_copy_is_refused_and_harms_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::troupe(config(directory.path()));
    let client = connect(&server).await;
    fill(&client, "file").await;
    let copy = back_up(&client, json!({})).await;
    let taken = ask(&client, "$JS.API.STREAM.RESTORE.S", &json!({"config": copy.told["config"]}).to_string()).await;
    assert_eq!(taken["error"]["err_code"], 10130, "{taken}");
    ask(&client, "$JS.API.STREAM.DELETE.S", "").await;
    for archive in [copy.archive[..copy.archive.len() / 2].to_vec(), b"garbage".to_vec(), Vec::new()] {
        let made = restore_bad(&client, &Copy { told: copy.told.clone(), archive, advisories: Vec::new() }).await;
        assert_eq!(made["error"]["err_code"], 10062, "{made}");
        let info = ask(&client, "$JS.API.STREAM.INFO.S", "").await;
        assert_eq!(info["error"]["err_code"], 10059, "{info}");
    }
    let (made, _) = restore(&client, &copy).await;
    assert!(made["error"].is_null(), "{made}");
    assert_eq!(made["state"]["messages"], COUNT - 4);
    // What was restored is kept.
    drop(server);
    let server = Server::troupe(config(directory.path()));
    let client = connect(&server).await;
    assert_eq!(ask(&client, "$JS.API.STREAM.INFO.S", "").await["state"]["messages"], COUNT - 4);
    assert_eq!(ask(&client, "$JS.API.CONSUMER.INFO.S.C", "").await["num_ack_pending"], 6);
}

async fn restore_bad(client: &Client, copy: &Copy) -> Value {
    let body = json!({"config": copy.told["config"], "state": copy.told["state"]}).to_string();
    let begun = ask(client, "$JS.API.STREAM.RESTORE.S", &body).await;
    let to = begun["deliver_subject"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
    for part in copy.archive.chunks(50_000) {
        client.request(to.clone(), part.to_vec().into()).await.expect("an answer");
    }
    ask(client, &to, "").await
}

#[tokio::test]
async fn a_copy_nobody_acknowledges_is_given_up() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::troupe(config(directory.path()));
    let client = connect(&server).await;
    fill(&client, "file").await;
    let inbox = client.new_inbox();
    let mut parts = client.subscribe(inbox.clone()).await.expect("subscribed");
    let body = json!({"deliver_subject": inbox, "chunk_size": 1024, "window_size": 2048}).to_string();
    ask(&client, "$JS.API.STREAM.SNAPSHOT.S", &body).await;
    let mut statuses = Vec::new();
    while let Ok(Some(part)) = tokio::time::timeout(Duration::from_secs(15), parts.next()).await {
        if part.payload.is_empty() {
            statuses.push((part.status.map(|status| status.as_u16()), part.description));
            break;
        }
    }
    assert_eq!(statuses, [(Some(408), Some("No Flow Response".to_owned()))]);
}
