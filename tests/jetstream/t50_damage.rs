//! A block that is not what was written: what is damaged is put aside and told of, the rest is served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use futures_util::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use troupe_tests::Server;

use crate::ask::{ask, connect, monitored_config};

const MESSAGES: usize = 100;
const DAMAGED: usize = 42;

fn start(directory: &Path) -> Server {
    Server::troupe(monitored_config(directory))
}

/// Asks the monitor for a document.
pub(crate) fn get(server: &Server, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(server.wait_address("Starting http monitor on ")).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let start = answer.find('{').expect("a document");
    let end = answer.rfind('}').expect("a document");
    (status, serde_json::from_str(&answer[start..=end]).expect("JSON"))
}

/// Flips a bit of a payload in the first block of a stream.
fn damage(directory: &Path, payload: &str) {
    let path = directory.join("jetstream/$G/streams/S/msgs/1.blk");
    let mut bytes = std::fs::read(&path).expect("a block");
    let at = bytes.windows(payload.len()).position(|window| window == payload.as_bytes()).expect("the payload");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
}

#[tokio::test]
async fn damage_is_put_aside_and_told_of_and_the_rest_is_served() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut server = start(directory.path());
    let client = connect(&server).await;
    ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
    for number in 1..=MESSAGES {
        let stored = ask(&client, "s", &format!("message {number:05}.")).await;
        assert_eq!(stored["seq"], number);
    }
    server.signal(Signal::SIGTERM);
    server.wait_exit();
    damage(directory.path(), &format!("message {DAMAGED:05}."));

    let server = start(directory.path());
    let client = connect(&server).await;
    let consumer = json!({"stream_name": "S", "config": {"durable_name": "C", "ack_policy": "none"}});
    ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", &consumer.to_string()).await;
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
    let body = json!({"batch": MESSAGES - 1, "expires": 20_000_000_000_u64}).to_string();
    client.publish_with_reply("$JS.API.CONSUMER.MSG.NEXT.S.C", inbox, body.into()).await.expect("sent");
    for number in (1..=MESSAGES).filter(|number| *number != DAMAGED) {
        let message = messages.next().await.expect("a message");
        assert_eq!(message.payload, format!("message {number:05}.").as_bytes());
    }
    let lost = ask(&client, "$JS.API.STREAM.MSG.GET.S", &json!({"seq": DAMAGED}).to_string()).await;
    assert_eq!(lost["error"]["err_code"], 10037, "{lost}");
    let state = ask(&client, "$JS.API.STREAM.INFO.S", r#"{"deleted_details":true}"#).await["state"].clone();
    assert_eq!((&state["messages"], &state["deleted"]), (&json!(MESSAGES - 1), &json!([DAMAGED])), "{state}");
    assert!(state["lost"]["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{state}");
    server.wait_log("stream '$G > S' has lost 1 messages to damage");
    let kept = std::fs::read_dir(directory.path().join("jetstream/$G/streams/S/lost")).expect("a directory");
    assert_eq!(kept.count(), 1);

    let (status, health) = get(&server, "/healthz?details=true");
    assert_eq!(status, 200, "the server can do its work: {health}");
    assert!(health["errors"].to_string().contains("has lost 1 messages"), "{health}");
    assert_eq!(get(&server, "/healthz").0, 200);
    let (_, report) = get(&server, "/jsz?streams=true");
    assert!(report.to_string().contains(r#""lost":{"#), "{report}");
    assert_eq!(ask(&client, "s", "on it goes").await["seq"], MESSAGES + 1);
}
