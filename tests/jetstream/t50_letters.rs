//! Dead letters: they wait until somebody takes them, survive every end of the server, and come once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::{Client, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::ask::{ask, connect, start};

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(30);
const KILLS: usize = 4;
const MESSAGES: u64 = 120;

async fn make(client: &Client, stream: &Value, consumer: &Value) {
    let name = stream["name"].as_str().expect("a name");
    let made = ask(client, &format!("$JS.API.STREAM.CREATE.{name}"), &stream.to_string()).await;
    assert!(made["error"].is_null(), "{made}");
    if consumer.is_null() {
        return;
    }
    let body = json!({"stream_name": name, "config": consumer}).to_string();
    let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{name}.C");
    let made = ask(client, &subject, &body).await;
    assert!(made["error"].is_null(), "{made}");
}

fn consumer(more: &[(&str, Value)]) -> Value {
    let mut config = json!({"durable_name": "C", "ack_policy": "explicit", "metadata": {"dead_letter": "dead.s"}});
    more.iter().for_each(|(key, value)| config[*key] = value.clone());
    config
}

async fn make_cemetery(client: &Client) {
    make(client, &json!({"name": "D", "subjects": ["dead.*"]}), &Value::Null).await;
}

/// Takes messages and says the same to each, without waiting for an answer. Returns their sequences.
async fn take(client: &Client, count: usize, word: &'static str, body: Value) -> Vec<u64> {
    let inbox = client.new_inbox();
    let Ok(mut messages) = client.subscribe(inbox.clone()).await else { return Vec::new() };
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.C".to_owned();
    if client.publish_with_reply(next, inbox, body.to_string().into()).await.is_err() {
        return Vec::new();
    }
    let mut taken = Vec::new();
    while taken.len() < count {
        let Ok(Some(message)) = tokio::time::timeout(PATIENCE, messages.next()).await else { break };
        let Some(ack) = message.reply.filter(|reply| reply.starts_with("$JS.ACK.")) else { break };
        taken.push(ack.split('.').nth(5).and_then(|seq| seq.parse().ok()).expect("a sequence"));
        if !word.is_empty() {
            client.publish(ack, word.into()).await.ok();
        }
    }
    taken
}

async fn info(client: &Client, what: &str) -> Value {
    ask(client, &format!("$JS.API.{what}"), "").await
}

/// Asks until a figure is what it should be.
async fn wait_for(client: &Client, what: &str, pointer: &str, wanted: u64) -> Value {
    let since = Instant::now();
    loop {
        let told = info(client, what).await;
        if told.pointer(pointer) == Some(&json!(wanted)) {
            return told;
        }
        assert!(since.elapsed() < PATIENCE, "{pointer} is not {wanted}: {told}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The letters in their stream: how often each message of the first stream is there.
async fn letters(client: &Client) -> BTreeMap<u64, usize> {
    let last = info(client, "STREAM.INFO.D").await["state"]["last_seq"].as_u64().expect("a number");
    let mut letters = BTreeMap::new();
    for seq in 1..=last {
        let headers = headers_of(client, seq).await;
        let of = headers.lines().find_map(|line| line.strip_prefix("Nats-Dead-Letter-Sequence: ")).expect("a sequence");
        *letters.entry(of.parse().expect("a number")).or_default() += 1;
    }
    letters
}

async fn headers_of(client: &Client, seq: u64) -> String {
    let message = ask(client, "$JS.API.STREAM.MSG.GET.D", &format!("{{\"seq\":{seq}}}")).await["message"].clone();
    let headers = STANDARD.decode(message["hdrs"].as_str().expect("headers")).expect("Base64");
    String::from_utf8(headers).expect("text")
}

#[tokio::test]
async fn letters_wait_until_a_stream_takes_them() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let client = connect(&server).await;
    let stream = json!({"name": "S", "subjects": ["s"], "retention": "workqueue"});
    make(&client, &stream, &consumer(&[("max_deliver", json!(1)), ("ack_wait", json!(200_000_000))])).await;
    let mut headers = HeaderMap::new();
    headers.append("Kept", "yes");
    headers.append("Nats-Msg-Id", "first");
    client.request_with_headers("s", headers, "body".into()).await.expect("it is stored");
    assert_eq!(take(&client, 1, "", json!({"batch": 1})).await, [1]);
    // Nobody takes the letter: the message stays, and is not delivered again.
    let mut advisories = client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.C").await.expect("subscribed");
    tokio::time::timeout(PATIENCE, advisories.next()).await.expect("it is given up");
    assert_eq!(info(&client, "CONSUMER.INFO.S.C").await["num_ack_pending"], 1);
    assert_eq!(info(&client, "STREAM.INFO.S").await["state"]["messages"], 1);
    make_cemetery(&client).await;
    wait_for(&client, "STREAM.INFO.D", "/state/messages", 1).await;
    wait_for(&client, "CONSUMER.INFO.S.C", "/num_ack_pending", 0).await;
    wait_for(&client, "STREAM.INFO.S", "/state/messages", 0).await;
    let headers = headers_of(&client, 1).await;
    for line in
        ["Kept: yes", "Nats-Dead-Letter-Cause: max_deliver", "Nats-Dead-Letter-Subject: s", "Nats-Msg-Id: S.C.1."]
    {
        assert!(headers.contains(line), "{line}: {headers}");
    }
    assert!(!headers.contains("first"), "{headers}");
}

#[tokio::test]
async fn what_was_terminated_is_not_forgotten_when_the_server_is_killed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let client = connect(&server).await;
    make(&client, &json!({"name": "S", "subjects": ["s"]}), &consumer(&[("ack_wait", json!(300_000_000))])).await;
    client.request("s", "body".into()).await.expect("it is stored");
    let mut messages = client.subscribe("inbox").await.expect("subscribed");
    client.publish_with_reply("$JS.API.CONSUMER.MSG.NEXT.S.C", "inbox", "".into()).await.expect("it is sent");
    let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("a message");
    let ack = message.reply.expect("it can be acknowledged");
    client.request(ack, "+TERM no\r\nBad: header".into()).await.expect("it is taken note of");
    // Dropped servers are killed.
    drop(server);
    let server = start(directory.path());
    let client = connect(&server).await;
    let next = json!({"batch": 1, "expires": 1_500_000_000_u64});
    assert!(take(&client, 1, "", next).await.is_empty(), "a client said that it is not to come again");
    make_cemetery(&client).await;
    wait_for(&client, "STREAM.INFO.D", "/state/messages", 1).await;
    wait_for(&client, "CONSUMER.INFO.S.C", "/num_ack_pending", 0).await;
    let headers = headers_of(&client, 1).await;
    assert!(headers.contains("Nats-Dead-Letter-Cause: terminated"), "{headers}");
    assert!(headers.contains("Nats-Dead-Letter-Reason: no  Bad: header\r\n"), "{headers}");
}

#[tokio::test]
async fn subscribers_confirm_letters_by_an_answer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = start(directory.path());
    let client = connect(&server).await;
    make(&client, &json!({"name": "S", "subjects": ["s"]}), &consumer(&[])).await;
    let mut dead = client.subscribe("dead.s").await.expect("subscribed");
    client.request("s", "body".into()).await.expect("it is stored");
    take(&client, 1, "+TERM", json!({"batch": 1})).await;
    let first = tokio::time::timeout(PATIENCE, dead.next()).await.expect("in time").expect("a letter");
    let again = tokio::time::timeout(PATIENCE, dead.next()).await.expect("in time").expect("a letter");
    assert_eq!((&first.payload[..], &first.headers), (&b"body"[..], &again.headers));
    client.publish(again.reply.expect("it can be confirmed"), "".into()).await.expect("it is sent");
    wait_for(&client, "CONSUMER.INFO.S.C", "/num_ack_pending", 0).await;
}

#[tokio::test]
async fn every_letter_comes_once_however_often_the_server_is_killed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for kill in 0..=KILLS {
        let server = start(directory.path());
        let client = connect(&server).await;
        if kill == 0 {
            let more = [("ack_wait", json!(500_000_000)), ("max_ack_pending", json!(50))];
            make(&client, &json!({"name": "S", "subjects": ["s"]}), &consumer(&more)).await;
            make_cemetery(&client).await;
            for _ in 0..MESSAGES {
                client.publish("s", "body".into()).await.expect("it is sent");
            }
            wait_for(&client, "STREAM.INFO.S", "/state/messages", MESSAGES).await;
        }
        let before = letters(&client).await;
        let wanted = if kill < KILLS { before.len() as u64 + MESSAGES / 8 } else { MESSAGES };
        let taker = tokio::spawn({
            let client = connect(&server).await;
            let before = before.clone();
            async move {
                let next = json!({"batch": 1, "expires": 60_000_000_000_u64});
                loop {
                    for seq in take(&client, 1, "+TERM", next.clone()).await {
                        assert!(!before.contains_key(&seq), "{seq} is buried and comes again");
                    }
                }
            }
        });
        let since = Instant::now();
        while info(&client, "STREAM.INFO.D").await["state"]["messages"].as_u64().expect("a number") < wanted {
            assert!(since.elapsed() < PATIENCE, "only {} letters", letters(&client).await.len());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if kill == KILLS {
            wait_for(&client, "CONSUMER.INFO.S.C", "/num_ack_pending", 0).await;
            let found = letters(&client).await;
            assert_eq!(found, (1..=MESSAGES).map(|seq| (seq, 1)).collect(), "each once");
        }
        drop(server);
        taker.abort();
        let Err(ended) = taker.await;
        assert!(ended.is_cancelled(), "{ended}");
    }
}
