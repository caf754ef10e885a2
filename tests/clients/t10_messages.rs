//! Publishing and subscribing.

use async_nats::{ConnectOptions, HeaderMap, ServerInfo};
use troupe_tests::Server;

use crate::common::{connect, connect_with, next, payloads, settle};

#[tokio::test]
async fn subjects_payloads_and_order() {
    let server = Server::troupe("");
    let (publisher, subscriber) = (connect(&server).await, connect(&server).await);
    let mut exact = subscriber.subscribe("greet.joe").await.unwrap();
    let mut star = subscriber.subscribe("greet.*").await.unwrap();
    let mut all = subscriber.subscribe("greet.>").await.unwrap();
    settle(&subscriber).await;
    for number in 0..100 {
        publisher.publish("greet.joe", number.to_string().into()).await.unwrap();
    }
    publisher.publish("greet.sue", "last".into()).await.unwrap();
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(payloads(&mut exact, 100).await, numbers);
    assert_eq!(payloads(&mut star, 100).await, numbers);
    assert_eq!(next(&mut star).await.subject.as_str(), "greet.sue");
    assert_eq!(payloads(&mut all, 101).await.last().unwrap(), "last");
}

#[tokio::test]
async fn headers() {
    let server = Server::troupe("");
    let client = connect(&server).await;
    let mut subscriber = client.subscribe("h").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Name", "value");
    headers.append("Twice", "one");
    headers.append("Twice", "two");
    client.publish_with_headers("h", headers.clone(), "body".into()).await.unwrap();
    let message = next(&mut subscriber).await;
    assert_eq!(message.headers, Some(headers));
    assert_eq!(message.payload, "body");
}

#[tokio::test]
async fn large_payloads() {
    let server = Server::troupe("");
    let client = connect(&server).await;
    assert_eq!(client.server_info().max_payload, 1_048_576);
    let mut subscriber = client.subscribe("large").await.unwrap();
    for size in [0, 1, 511, 512, 513, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 1_048_576] {
        let payload: Vec<u8> = (0..size).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
        client.publish("large", payload.clone().into()).await.unwrap();
        let message = next(&mut subscriber).await;
        assert!(message.payload == payload, "a payload of {size} bytes came back as {} bytes", message.payload.len());
    }
}

#[tokio::test]
async fn no_echo() {
    let server = Server::troupe("");
    let silent = connect_with(&server, ConnectOptions::new().no_echo()).await;
    let other = connect(&server).await;
    let mut subscriber = silent.subscribe("e").await.unwrap();
    silent.publish("e", "own".into()).await.unwrap();
    settle(&silent).await;
    other.publish("e", "other".into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload, "other");
}

#[tokio::test]
async fn unsubscribing() {
    let server = Server::troupe("");
    let client = connect(&server).await;
    let mut limited = client.subscribe("u").await.unwrap();
    limited.unsubscribe_after(2).await.unwrap();
    let mut control = client.subscribe("u").await.unwrap();
    for text in ["a", "b", "c"] {
        client.publish("u", text.into()).await.unwrap();
    }
    assert_eq!(payloads(&mut control, 3).await, ["a", "b", "c"]);
    assert_eq!(payloads(&mut limited, 2).await, ["a", "b"]);
    assert!(futures_util::StreamExt::next(&mut limited).await.is_none());
}

#[tokio::test]
async fn server_info() {
    let server = Server::troupe("server_name: who");
    let client = connect(&server).await;
    let ServerInfo { server_id, server_name, version, port, headers, client_id, .. } = client.server_info();
    assert_eq!((server_name.as_str(), port, headers), ("who", server.address().port(), true));
    assert!(server_id.starts_with('N') && server_id.len() == 56, "{server_id}");
    assert!(client_id > 0);
    assert!(client.is_server_compatible(2, 10, 0), "version {version}");
}
