//! Nothing acknowledged is lost, however often the server is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use serde_json::Value;

use crate::ask::{ask, connect, start};

/// Kills, where nothing is said; a variable asks for more.
const KILLS: usize = 4;
const KILLS_VARIABLE: &str = "TROUPE_TEST_KILLS";
const PUBLISHERS: usize = 3;
/// Messages acknowledged before a kill, at least.
const LEAST: usize = 60;

/// Publishes numbered messages one after the other until the server is gone. Returns those acknowledged, by sequence.
async fn publish(client: Client, publisher: usize, first: u64) -> BTreeMap<u64, (usize, u64)> {
    let mut acknowledged = BTreeMap::new();
    for number in first.. {
        let sent = client.request(format!("s.{publisher}"), number.to_string().into());
        let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_secs(2), sent).await else { break };
        let ack: Value = serde_json::from_slice(&answer.payload).expect("JSON");
        let Some(seq) = ack["seq"].as_u64() else { break };
        acknowledged.insert(seq, (publisher, number));
    }
    acknowledged
}

/// Takes messages and acknowledges them until the server is gone. Returns those whose acknowledgement was confirmed.
async fn consume(client: Client, confirmed_before: BTreeSet<u64>) -> BTreeSet<u64> {
    let mut confirmed = BTreeSet::new();
    let inbox = client.new_inbox();
    let Ok(mut messages) = client.subscribe(inbox.clone()).await else { return confirmed };
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.C".to_owned();
    let body = r#"{"batch":100000,"expires":30000000000}"#;
    if client.publish_with_reply(next, inbox, body.into()).await.is_err() {
        return confirmed;
    }
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), messages.next()).await {
        let Some(ack) = message.reply.filter(|reply| reply.starts_with("$JS.ACK.")) else { continue };
        let seq: u64 = ack.split('.').nth(5).and_then(|seq| seq.parse().ok()).expect("a sequence");
        assert!(!confirmed_before.contains(&seq), "{seq} was acknowledged and comes again");
        let sent = client.request(ack, "+ACK".into());
        let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(2), sent).await else { break };
        confirmed.insert(seq);
    }
    confirmed
}

/// All messages are there, in the order they were sent in, without a gap.
async fn check(client: &Client, acknowledged: &BTreeMap<u64, (usize, u64)>, checked: &mut u64) {
    let state = ask(client, "$JS.API.STREAM.INFO.S", "").await["state"].clone();
    assert_eq!(state["messages"], state["last_seq"], "a gap: {state}");
    assert!(state["lost"].is_null(), "{state}");
    let last = state["last_seq"].as_u64().expect("a number");
    assert!(acknowledged.keys().next_back().is_none_or(|seq| *seq <= last), "the last ones are gone: {state}");
    for (seq, (publisher, number)) in acknowledged.range(*checked + 1..) {
        let message = ask(client, "$JS.API.STREAM.MSG.GET.S", &format!("{{\"seq\":{seq}}}")).await["message"].clone();
        assert_eq!(message["subject"], format!("s.{publisher}"), "{seq}: {message}");
        assert_eq!(message["data"], base64_of(&number.to_string()), "{seq}: {message}");
    }
    *checked = acknowledged.keys().next_back().copied().unwrap_or(*checked);
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let kills = std::env::var(KILLS_VARIABLE).ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (mut acknowledged, mut confirmed, mut checked) = (BTreeMap::new(), BTreeSet::new(), 0);
    let mut next = [1_u64; PUBLISHERS];
    for kill in 0..kills {
        let server = start(directory.path());
        let client = connect(&server).await;
        if kill == 0 {
            ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s.*"]}"#).await;
            let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit",
                "max_ack_pending":-1,"ack_wait":600000000000}}"#;
            ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", consumer).await;
        }
        check(&client, &acknowledged, &mut checked).await;
        let publishers: Vec<_> = (0..PUBLISHERS).map(|one| (one, next[one])).collect();
        let mut tasks = Vec::new();
        for (publisher, first) in publishers {
            tasks.push(tokio::spawn(publish(connect(&server).await, publisher, first)));
        }
        let consuming = tokio::spawn(consume(connect(&server).await, confirmed.clone()));
        let before = acknowledged.len() as u64;
        loop {
            let state = ask(&client, "$JS.API.STREAM.INFO.S", "").await["state"]["messages"].as_u64();
            if state.is_some_and(|messages| messages >= before + LEAST as u64 + kill as u64 * 7) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Dropped servers are killed.
        drop(server);
        for task in tasks {
            let new = task.await.expect("the publisher ends");
            for (seq, (publisher, number)) in new {
                next[publisher] = next[publisher].max(number + 1);
                acknowledged.insert(seq, (publisher, number));
            }
        }
        // What was sent and not acknowledged may be there: numbers go on behind it.
        next.iter_mut().for_each(|number| *number += 1);
        confirmed.extend(consuming.await.expect("the consumer ends"));
        assert!(!confirmed.is_empty());
    }
    let server = start(directory.path());
    check(&connect(&server).await, &acknowledged, &mut checked).await;
    let info = ask(&connect(&server).await, "$JS.API.CONSUMER.INFO.S.C", "").await;
    let floor = info["ack_floor"]["stream_seq"].as_u64().expect("a number");
    let unconfirmed = (1..).find(|seq| !confirmed.contains(seq)).expect("there is one");
    assert!(floor + 1 >= unconfirmed, "confirmed acknowledgements are gone: {info}");
}
