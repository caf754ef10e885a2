//! Clients of another account that pull from a consumer.

use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use serde_json::Value;
use troupe_tests::{Config, Server};

use crate::ask::ask;
use crate::exchange::start;
use crate::masked::masked;

/// How long something may take to happen.
const PATIENCE: Duration = Duration::from_secs(10);
const CONFIG: &str = r#"
jetstream { store_dir: STORE }
accounts {
  A {
    jetstream: enabled
    users: [{ user: a, password: a }]
    exports: [{ service: "$JS.API.CONSUMER.MSG.NEXT.S.C", response_type: stream }]
  }
  B {
    users: [{ user: b, password: b }]
    imports: [{ service: { account: A, subject: "$JS.API.CONSUMER.MSG.NEXT.S.C" } }]
  }
}
"#;

async fn connect(server: &Server, user: &str) -> Client {
    let options = ConnectOptions::with_user_and_password(user.to_owned(), user.to_owned());
    options.connect(server.url()).await.expect("the server accepts the client")
}

async fn info(owner: &Client) -> Value {
    ask(owner, "$JS.API.CONSUMER.INFO.S.C", "").await
}

async fn wait_for(owner: &Client, field: &str, wanted: u64) {
    let since = Instant::now();
    while info(owner).await[field] != wanted {
        assert!(since.elapsed() < PATIENCE, "{}", info(owner).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn story(server: &Server) -> Vec<String> {
    let (owner, guest) = (connect(server, "a").await, connect(server, "b").await);
    let mut answers = owner.subscribe("_R_.>").await.expect("a subscription");
    ask(&owner, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
    let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
    ask(&owner, "$JS.API.CONSUMER.CREATE.S.C", consumer).await;
    let mut inbox = guest.subscribe("inbox").await.expect("a subscription");
    let body = r#"{"batch":3,"expires":60000000000}"#;
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.C";
    guest.publish_with_reply(next, "inbox", body.into()).await.expect("it is sent");
    guest.flush().await.expect("it is sent");
    wait_for(&owner, "num_waiting", 1).await;
    ask(&owner, "s", "one").await;
    let first = tokio::time::timeout(PATIENCE, inbox.next()).await.expect("in time").expect("a message");
    answers.next().await;
    inbox.unsubscribe().await.expect("it is sent");
    // What comes back behind the end of the subscription shows that it has ended.
    let mut echo = guest.subscribe("echo").await.expect("a subscription");
    guest.publish("echo", "".into()).await.expect("it is sent");
    tokio::time::timeout(PATIENCE, echo.next()).await.expect("in time");
    ask(&owner, "s", "two").await;
    let status = tokio::time::timeout(PATIENCE, answers.next()).await.expect("in time").expect("a status");
    let info = info(&owner).await;
    vec![
        String::from_utf8_lossy(&first.payload).into_owned(),
        masked(&status),
        info["num_waiting"].to_string(),
        info["num_pending"].to_string(),
        info["delivered"]["consumer_seq"].to_string(),
    ]
}

#[tokio::test]
async fn who_asked_from_another_account_and_is_gone_gets_no_message() {
    let config = Config::new(CONFIG.to_owned());
    let Some((reference, _dir)) = start(&config, true) else { return };
    let Some((troupe, _other)) = start(&config, false) else { return };
    let told = story(&troupe).await;
    assert_eq!(told, story(&reference).await, "nats-server tells what is on the right");
    assert!(told[1].starts_with("[408 Interest Expired]"), "{told:?}");
}
