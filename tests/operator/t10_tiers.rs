//! Limits of streams by the number of their copies.

use std::sync::Arc;

use async_nats::{AuthError, Client, ConnectOptions};
use nkeys::KeyPair;
use serde_json::{Value, json};
use troupe_tests::{Config, Server};

use super::tokens::{World, limits};

async fn connect(world: &World, server: &Server) -> Client {
    let user = Arc::new(KeyPair::new_user());
    let token = world.user(&world.one, &user, json!({}), json!({}));
    let sign = move |nonce: Vec<u8>| {
        let user = Arc::clone(&user);
        async move { user.sign(&nonce).map_err(AuthError::new) }
    };
    ConnectOptions::with_jwt(token, sign).connect(server.url()).await.expect("the server accepts the user")
}

/// An answer without what differs by nature.
async fn ask(client: &Client, subject: &str, body: &str) -> String {
    let answer = client.request(subject.to_owned(), body.to_owned().into()).await.expect("an answer");
    let mut answer: Value = serde_json::from_slice(&answer.payload).expect("JSON");
    for (place, keys) in [("", &["created", "ts", "config"][..]), ("/state", &["first_ts", "last_ts"])] {
        if let Some(fields) = answer.pointer_mut(place).and_then(Value::as_object_mut) {
            keys.iter().for_each(|key| drop(fields.remove(*key)));
        }
    }
    format!("{subject} {body} -> {answer}")
}

async fn story(world: &World, server: &Server) -> Vec<String> {
    let client = connect(world, server).await;
    let mut told = Vec::new();
    for (request, body) in [
        ("INFO", ""),
        ("STREAM.CREATE.M", r#"{"name":"M","storage":"memory","subjects":["m"],"max_bytes":1000}"#),
        ("STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#),
        ("STREAM.CREATE.T", r#"{"name":"T","subjects":["t"],"max_bytes":500}"#),
        ("STREAM.CREATE.U", r#"{"name":"U","subjects":["u"],"max_bytes":500}"#),
        ("STREAM.CREATE.R", r#"{"name":"R","num_replicas":3}"#),
        ("STREAM.CREATE.B", r#"{"name":"B","max_bytes":5000}"#),
        (
            "CONSUMER.CREATE.T.C",
            r#"{"stream_name":"T","config":{"durable_name":"C","ack_policy":"explicit","max_ack_pending":1000}}"#,
        ),
        ("CONSUMER.CREATE.T.C", r#"{"stream_name":"T","config":{"durable_name":"C","ack_policy":"explicit"}}"#),
        ("CONSUMER.CREATE.T.D", r#"{"stream_name":"T","config":{"durable_name":"D","ack_policy":"explicit"}}"#),
        ("CONSUMER.CREATE.T.E", r#"{"stream_name":"T","config":{"durable_name":"E","ack_policy":"explicit"}}"#),
        ("STREAM.UPDATE.T", r#"{"name":"T","subjects":["t"],"max_bytes":900}"#),
        ("STREAM.UPDATE.T", r#"{"name":"T","subjects":["t"],"max_bytes":90000}"#),
        ("INFO", ""),
    ] {
        told.push(ask(&client, &format!("$JS.API.{request}"), body).await);
    }
    told
}

#[tokio::test]
async fn accounts_have_limits_by_the_number_of_copies() {
    let tier = json!({"mem_storage": 1200, "disk_storage": 1400, "streams": 3, "consumer": 2, "max_ack_pending": 100});
    let strict = json!({"disk_storage": -1, "max_bytes_required": true, "disk_max_stream_bytes": 600});
    for more in [
        json!({"tiered_limits": {"R1": tier, "R3": strict}}),
        json!({"tiered_limits": {"R3": tier}}),
        json!({"tiered_limits": {"R1": strict}}),
        json!({"mem_storage": -1, "disk_storage": -1}),
    ] {
        let world = World::new();
        let mut of_account = limits();
        of_account.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let mut told = Vec::new();
        for is_reference in [false, true] {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let jetstream = format!("jetstream {{ store_dir: \"{}\" }}\n", directory.path().display());
            let config = Config::new(world.config(json!({"limits": of_account}), json!({})) + &jetstream);
            let server = if is_reference { Server::reference(config) } else { Some(Server::troupe(config)) };
            if let Some(server) = server {
                told.push(story(&world, &server).await);
            }
        }
        if let [troupe, reference] = &told[..] {
            assert_eq!(troupe, reference, "{more}: nats-server tells what is on the right");
        }
    }
}
