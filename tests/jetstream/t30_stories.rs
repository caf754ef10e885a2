//! What takes more than a request and its answer, told by both servers.

use async_nats::Client;
use futures_util::StreamExt;
use troupe_tests::Config;
use troupe_tests::wait::PATIENCE;

use crate::ask::{ask, connect, request};
use crate::exchange::start;
use crate::masked::masked;

const CONFIG: &str = "jetstream { store_dir: STORE }\n";

/// Plays a story on both servers and compares what it tells.
pub(crate) async fn compare<F: Future<Output = Vec<String>>>(story: impl Fn(Client) -> F) {
    let config = Config::new(CONFIG.to_owned());
    let Some((reference, _dir)) = start(&config, true) else { return };
    let Some((troupe, _other)) = start(&config, false) else { return };
    let wanted = story(connect(&reference).await).await;
    assert_eq!(story(connect(&troupe).await).await, wanted, "nats-server tells what is on the right");
}

#[tokio::test]
async fn marks_of_deletion_reach_those_who_listen() {
    compare(async |client| {
        let config = r#"{"name":"M","subjects":["m.*"],"subject_delete_marker_ttl":5000000000,"storage":"memory"}"#;
        ask(&client, "$JS.API.STREAM.CREATE.M", config).await;
        let mut pushed = client.subscribe("pushed").await.expect("a subscription");
        let consumer = r#"{"stream_name":"M","config":{"name":"C","deliver_subject":"pushed"}}"#;
        ask(&client, "$JS.API.CONSUMER.CREATE.M.C", consumer).await;
        request(&client, "m.a", &[("Nats-TTL", "1")], "short").await;
        let mut told = Vec::new();
        for _ in 0..2 {
            let message = tokio::time::timeout(PATIENCE, pushed.next()).await;
            told.push(message.ok().flatten().map_or_else(|| "nothing".to_owned(), |message| masked(&message)));
        }
        told
    })
    .await;
}

#[tokio::test]
async fn purges_of_keys_that_end_leave_no_mark_of_deletion() {
    compare(async |client| {
        let config = r#"{"name":"M","subjects":["m.*"],"subject_delete_marker_ttl":5000000000}"#;
        ask(&client, "$JS.API.STREAM.CREATE.M", config).await;
        request(&client, "m.a", &[("KV-Operation", "PURGE"), ("Nats-Rollup", "sub"), ("Nats-TTL", "1")], "").await;
        let since = std::time::Instant::now();
        loop {
            let state = ask(&client, "$JS.API.STREAM.INFO.M", "").await["state"].clone();
            if state["messages"] == 0 || since.elapsed() > PATIENCE {
                return vec![state["last_seq"].to_string()];
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn those_who_feed_another_stream_learn_whom_they_read() {
    compare(async |client| {
        ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S"}"#).await;
        let create = "$JS.API.CONSUMER.CREATE.S";
        let feeder = r#"{"stream_name":"S","config":{"direct":true,"sourcing":true,"deliver_subject":"d","name":"F"}}"#;
        let plain = r#"{"stream_name":"S","config":{"durable_name":"P","ack_policy":"explicit"}}"#;
        let named = format!("{create}.F");
        let first = request(&client, &named, &[], feeder).await;
        let headers = first.headers.clone().unwrap_or_default();
        let identity = headers.get("Nats-Stream-Identity").map(ToString::to_string).unwrap_or_default();
        let mut told = vec![identity.len().to_string()];
        for (subject, claimed, body) in [
            (named.as_str(), identity.as_str(), feeder),
            (named.as_str(), "", feeder),
            (named.as_str(), "OTHERONE", feeder),
            ("$JS.API.CONSUMER.CREATE.S.P", "OTHERONE", plain),
            ("$JS.API.CONSUMER.RESET.S.P", "OTHERONE", ""),
        ] {
            let answer = request(&client, subject, &[("Nats-Stream-Identity", claimed)], body).await;
            let name = |text: &str| text.split("\"name\":\"F-").next().unwrap_or_default().to_owned();
            told.push(name(&masked(&answer).replace(&identity, "(identity)")));
        }
        told
    })
    .await;
}

#[tokio::test]
async fn nobody_begins_anew_for_a_consumer_that_does_not_exist() {
    compare(async |client| {
        ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S"}"#).await;
        let inbox = client.new_inbox();
        let mut answers = client.subscribe(inbox.clone()).await.expect("a subscription");
        for (subject, body) in [("RESET.T.C", ""), ("RESET.S.C", "x"), ("DURABLE.CREATE.S.a.b", "{}"), ("INFO.S.C", "")]
        {
            let subject = format!("$JS.API.CONSUMER.{subject}");
            client.publish_with_reply(subject, inbox.clone(), body.into()).await.expect("it is sent");
        }
        // Requests to one server are taken in order, so what came before would have been answered before.
        let answer = tokio::time::timeout(PATIENCE, answers.next()).await.ok().flatten();
        let info = ask(&client, "$JS.API.INFO", "").await;
        vec![answer.map_or_else(|| "nothing".to_owned(), |answer| masked(&answer)), info["api"].to_string()]
    })
    .await;
}

#[tokio::test]
async fn who_listens_to_its_own_requests_gets_them_before_the_answers() {
    compare(async |client| {
        let mut all = client.subscribe(">").await.expect("a subscription");
        let mut told = Vec::new();
        for number in 0..20 {
            let reply = format!("answer.{number}");
            client.publish_with_reply("$JS.API.STREAM.NAMES", reply, "".into()).await.expect("it is sent");
            let mut count = 0;
            while count < 2 {
                let message = tokio::time::timeout(PATIENCE, all.next()).await.ok().flatten();
                let subject = message.map_or_else(String::new, |message| message.subject.to_string());
                // Requests are told to those who watch the API, too.
                if !subject.starts_with("$JS.EVENT.") {
                    told.push(subject);
                    count += 1;
                }
            }
        }
        told
    })
    .await;
}

#[tokio::test]
async fn publishers_hear_of_a_message_before_consumers_do() {
    compare(async |client| {
        ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
        let mut seen = client.subscribe("seen").await.expect("a subscription");
        let consumer = r#"{"stream_name":"S","config":{"name":"C","deliver_subject":"seen"}}"#;
        ask(&client, "$JS.API.CONSUMER.CREATE.S.C", consumer).await;
        let mut told = Vec::new();
        for _ in 0..20 {
            client.publish_with_reply("s", "seen", "".into()).await.expect("it is sent");
            for _ in 0..2 {
                let message = tokio::time::timeout(PATIENCE, seen.next()).await.ok().flatten();
                // What a consumer delivers can be acknowledged, what the publisher hears cannot.
                told.push(message.map_or_else(String::new, |message| {
                    if message.reply.is_some() { "delivered".to_owned() } else { "acknowledged".to_owned() }
                }));
            }
        }
        told
    })
    .await;
}
