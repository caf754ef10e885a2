//! Draining a subscription and a connection, and lame duck as a client reports it.

use async_nats::{ConnectOptions, Event};
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use troupe_tests::Server;

use crate::common::{Events, connect, connect_with, settle, within};

#[tokio::test]
async fn a_drained_connection_delivers_what_was_sent() {
    let server = Server::troupe("");
    let (leaving, publisher) = (connect(&server).await, connect(&server).await);
    let mut subscriber = leaving.subscribe("drain").await.unwrap();
    settle(&leaving).await;
    for number in 0..500 {
        publisher.publish("drain", number.to_string().into()).await.unwrap();
    }
    settle(&publisher).await;
    leaving.drain().await.unwrap();
    let mut heard = 0;
    while let Some(message) = within("the drained messages", subscriber.next()).await {
        assert_eq!(message.payload, heard.to_string());
        heard += 1;
    }
    assert_eq!(heard, 500);
}

#[tokio::test]
async fn a_drained_subscription_ends_and_the_connection_stays() {
    let server = Server::troupe("");
    let client = connect(&server).await;
    let mut subscriber = client.subscribe("drain").await.unwrap();
    client.publish("drain", "one".into()).await.unwrap();
    settle(&client).await;
    subscriber.drain().await.unwrap();
    let heard: Vec<_> = within("the end", subscriber.by_ref().collect::<Vec<_>>()).await;
    assert_eq!(heard.len(), 1);
    settle(&client).await;
}

#[tokio::test]
async fn lame_duck_is_reported() {
    let server = Server::troupe("lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"100ms\"");
    let (options, events) = Events::count(ConnectOptions::new(), |event| matches!(event, Event::LameDuckMode));
    let client = connect_with(&server, options).await;
    settle(&client).await;
    server.signal(Signal::SIGUSR2);
    events.reached(1).await;
}
