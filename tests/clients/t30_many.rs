//! Many subscriptions, many clients.

use troupe_tests::Server;

use crate::common::{connect, next, settle};

#[tokio::test]
async fn many_subscriptions_on_one_connection() {
    const COUNT: usize = 5_000;
    let server = Server::troupe("");
    let client = connect(&server).await;
    let mut subscribers = Vec::new();
    for number in 0..COUNT {
        subscribers.push(client.subscribe(format!("many.{number}.x")).await.unwrap());
    }
    settle(&client).await;
    for number in (0..COUNT).step_by(37) {
        client.publish(format!("many.{number}.x"), number.to_string().into()).await.unwrap();
    }
    for number in (0..COUNT).step_by(37) {
        let message = next(&mut subscribers[number]).await;
        assert_eq!(message.payload, number.to_string());
    }
}

#[tokio::test]
async fn many_clients_hear_one_publisher() {
    const COUNT: usize = 100;
    let server = Server::troupe("");
    let mut listeners = Vec::new();
    for _ in 0..COUNT {
        let client = connect(&server).await;
        let subscriber = client.subscribe("news").await.unwrap();
        settle(&client).await;
        listeners.push((client, subscriber));
    }
    let publisher = connect(&server).await;
    for number in 0..20 {
        publisher.publish("news", number.to_string().into()).await.unwrap();
    }
    for (_client, subscriber) in &mut listeners {
        for number in 0..20 {
            assert_eq!(next(subscriber).await.payload, number.to_string());
        }
    }
}
