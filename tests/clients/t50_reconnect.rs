//! A server that goes away and comes back on the same port.

use std::time::Duration;

use async_nats::{ConnectOptions, Event};
use troupe_tests::{Config, Server};

use crate::common::{Events, connect, connect_with, next, settle};

fn impatient() -> ConnectOptions {
    ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20))
}

#[tokio::test]
async fn subscriptions_survive_a_restart() {
    let server = Server::troupe("");
    let port = server.address().port();
    let (options, connected) = Events::count(impatient(), |event| matches!(event, Event::Connected));
    let client = connect_with(&server, options).await;
    connected.reached(1).await;
    let mut subscriber = client.subscribe("again").await.unwrap();
    client.publish("again", "before".into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload, "before");
    drop(server);
    let server = Server::troupe(Config::new("").port(port));
    connected.reached(2).await;
    settle(&client).await;
    let publisher = connect(&server).await;
    publisher.publish("again", "after".into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload, "after");
}

#[tokio::test]
async fn a_graceful_stop_is_reconnected_as_well() {
    let server = Server::troupe("");
    let port = server.address().port();
    let (options, lost) = Events::count(impatient(), |event| matches!(event, Event::Disconnected));
    let client = connect_with(&server, options).await;
    let mut subscriber = client.subscribe("again").await.unwrap();
    settle(&client).await;
    assert_eq!(server.stop().code(), Some(0));
    lost.reached(1).await;
    client.publish("again", "while away".into()).await.unwrap();
    let _server = Server::troupe(Config::new("").port(port));
    assert_eq!(next(&mut subscriber).await.payload, "while away");
}

#[tokio::test]
async fn a_client_may_come_before_the_server() {
    let first = Server::troupe("");
    let (url, port) = (first.url(), first.address().port());
    drop(first);
    let client = impatient().retry_on_initial_connect().connect(url).await.unwrap();
    let mut subscriber = client.subscribe("early").await.unwrap();
    client.publish("early", "bird".into()).await.unwrap();
    let _server = Server::troupe(Config::new("").port(port));
    assert_eq!(next(&mut subscriber).await.payload, "bird");
}
