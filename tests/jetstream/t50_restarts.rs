//! What streams and consumers remember over a restart: the same as nats-server, and the same after a kill.

use std::path::Path;
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use troupe_tests::Server;

use crate::ask::{ask, config, connect, request, start};

/// How a server ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Ordered,
    Killed,
}

fn server(directory: &Path, is_reference: bool) -> Option<Server> {
    if is_reference { Server::reference(config(directory)) } else { Some(start(directory)) }
}

async fn send(client: &Client, subject: &str, headers: &[(&str, &str)], body: &str) -> Value {
    serde_json::from_slice(&request(client, subject, headers, body).await.payload).expect("JSON")
}

async fn make(client: &Client) {
    for stream in [
        json!({"name": "S", "subjects": ["s.*"]}),
        json!({"name": "T", "subjects": ["t"], "allow_msg_ttl": true}),
        json!({"name": "N", "subjects": ["n"], "allow_msg_counter": true}),
        json!({"name": "D", "subjects": ["d.*"], "allow_msg_schedules": true}),
        json!({"name": "W", "subjects": ["w"], "retention": "workqueue"}),
    ] {
        let name = stream["name"].as_str().expect("a name");
        let made = ask(client, &format!("$JS.API.STREAM.CREATE.{name}"), &stream.to_string()).await;
        assert!(made["error"].is_null(), "{made}");
    }
    for config in [
        json!({"durable_name": "explicit", "ack_policy": "explicit", "max_deliver": 5}),
        json!({"durable_name": "all", "ack_policy": "all"}),
        json!({"durable_name": "none", "ack_policy": "none"}),
        json!({"durable_name": "push", "ack_policy": "explicit", "deliver_subject": "push.s", "filter_subject": "s.1"}),
        json!({"durable_name": "paused", "ack_policy": "explicit", "pause_until": "2100-01-01T00:00:00Z"}),
    ] {
        add_consumer(client, "S", config).await;
    }
    add_consumer(client, "W", json!({"durable_name": "work", "ack_policy": "explicit"})).await;
}

async fn add_consumer(client: &Client, stream: &str, config: Value) {
    let name = config["durable_name"].as_str().expect("a name");
    let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{name}");
    let made = ask(client, &subject, &json!({"stream_name": stream, "config": config}).to_string()).await;
    assert!(made["error"].is_null(), "{made}");
}

/// Takes `count` messages and says to each what `say` tells, waiting until it is taken note of.
async fn take(client: &Client, place: &str, count: usize, say: impl Fn(usize) -> &'static str) {
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{place}");
    let body = json!({"batch": count, "expires": 5_000_000_000_u64}).to_string();
    client.publish_with_reply(next, inbox, body.into()).await.expect("sent");
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.extend(messages.next().await.expect("a message").reply);
    }
    for (number, reply) in replies.into_iter().enumerate().filter(|(_, reply)| reply.starts_with("$JS.ACK")) {
        let word = say(number);
        if !word.is_empty() {
            client.request(reply, word.into()).await.expect("it is taken note of");
        }
    }
}

async fn use_it(client: &Client) {
    for number in 0..20 {
        send(client, &format!("s.{}", number % 3), &[("Nats-Msg-Id", &format!("id{number}"))], "x").await;
        send(client, "w", &[], "work").await;
    }
    for value in ["+5", "-2", "+10"] {
        send(client, "n", &[("Nats-Incr", value)], "").await;
    }
    send(client, "t", &[("Nats-TTL", "1h")], "stays").await;
    send(client, "t", &[("Nats-TTL", "1s")], "goes").await;
    send(client, "d.plan", &[("Nats-Schedule", "@at 2100-01-01T00:00:00Z"), ("Nats-Schedule-Target", "d.goal")], "x")
        .await;
    let mut pushed = client.subscribe("push.s").await.expect("subscribed");
    let first =
        tokio::time::timeout(Duration::from_secs(10), pushed.next()).await.expect("in time").expect("a message");
    client.request(first.reply.expect("it can be acknowledged"), "+ACK".into()).await.expect("it is taken note of");
    take(client, "S.explicit", 6, |number| {
        ["+ACK", "", "-NAK {\"delay\": 3600000000000}", "+ACK", "+TERM", "+ACK"][number]
    })
    .await;
    take(client, "S.explicit", 2, |number| ["+WPI", "+ACK"][number]).await;
    take(client, "S.all", 7, |number| if number == 4 { "+ACK" } else { "" }).await;
    let last = json!({"durable_name": "last", "ack_policy": "explicit", "deliver_policy": "last_per_subject",
        "filter_subject": "s.*"});
    add_consumer(client, "S", last).await;
    take(client, "S.last", 3, |number| if number == 0 { "+ACK" } else { "" }).await;
    take(client, "W.work", 5, |number| if number % 2 == 0 { "+ACK" } else { "" }).await;
}

/// What is told of all of it, without what differs by nature.
async fn told(client: &Client) -> Value {
    let mut told = json!({});
    for stream in ["S", "N", "D", "W"] {
        let info = ask(client, &format!("$JS.API.STREAM.INFO.{stream}"), r#"{"deleted_details":true}"#).await;
        let state = &info["state"];
        told[stream] = json!([
            state["messages"],
            state["bytes"],
            state["first_seq"],
            state["last_seq"],
            state["deleted"],
            state["consumer_count"]
        ]);
    }
    for place in ["S.explicit", "S.all", "S.none", "S.last", "S.paused", "W.work"] {
        let info = ask(client, &format!("$JS.API.CONSUMER.INFO.{place}"), "").await;
        let pair = |part: &str| json!([info[part]["consumer_seq"], info[part]["stream_seq"]]);
        told[place] = json!([
            pair("delivered"),
            pair("ack_floor"),
            info["num_ack_pending"],
            info["num_redelivered"],
            info["num_pending"],
            info["paused"],
            info["config"]["pause_until"]
        ]);
    }
    let info = ask(client, "$JS.API.CONSUMER.INFO.S.push", "").await;
    told["S.push"] = json!([info["ack_floor"]["stream_seq"], info["config"]["deliver_subject"]]);
    told
}

/// What goes on as if nothing had happened.
async fn goes_on(client: &Client) -> Value {
    let last_id = send(client, "s.1", &[("Nats-Expected-Last-Msg-Id", "nope")], "x").await;
    let plain = send(client, "s.0", &[], "x").await;
    let duplicate = send(client, "s.1", &[("Nats-Msg-Id", "id7")], "x").await;
    let fresh = send(client, "s.1", &[("Nats-Msg-Id", "id99")], "x").await;
    let counted = send(client, "n", &[("Nats-Incr", "+1")], "").await;
    let mut left = Value::Null;
    for _ in 0..100 {
        left = ask(client, "$JS.API.STREAM.INFO.T", "").await["state"]["messages"].clone();
        if left == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let planned = ask(client, "$JS.API.STREAM.MSG.GET.D", r#"{"last_by_subj":"d.plan"}"#).await;
    let ids = json!([last_id["error"], plain["seq"], duplicate["seq"], duplicate["duplicate"], fresh["seq"]]);
    json!([ids, counted["val"], left, planned["message"]["seq"]])
}

async fn story(is_reference: bool, end: End) -> Option<Value> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut first = server(directory.path(), is_reference)?;
    let client = connect(&first).await;
    make(&client).await;
    use_it(&client).await;
    let before = told(&client).await;
    if end == End::Ordered {
        first.signal(Signal::SIGTERM);
        first.wait_exit();
    }
    drop(first);
    let second = server(directory.path(), is_reference)?;
    let client = connect(&second).await;
    let after = told(&client).await;
    assert_eq!(before, after, "reference: {is_reference}");
    Some(json!([after, goes_on(&client).await]))
}

#[tokio::test]
async fn what_is_known_is_known_after_a_restart() {
    let ordered = story(false, End::Ordered).await.expect("the server under test");
    let killed = story(false, End::Killed).await.expect("the server under test");
    assert_eq!(ordered, killed);
    if let Some(reference) = story(true, End::Ordered).await {
        assert_eq!(ordered, reference);
    }
}
