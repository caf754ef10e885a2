//! Request and reply, no responders, queue groups.

use async_nats::client::RequestErrorKind;
use futures_util::StreamExt;
use troupe_tests::Server;

use crate::common::{connect, payloads, settle, within};

#[tokio::test]
async fn requests_are_answered() {
    let server = Server::troupe("");
    let (service, client) = (connect(&server).await, connect(&server).await);
    let mut asked = service.subscribe("double.*").await.unwrap();
    settle(&service).await;
    let answering = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let number: u64 = String::from_utf8_lossy(&message.payload).parse().unwrap();
            service.publish(message.reply.unwrap(), (number * 2).to_string().into()).await.unwrap();
        }
    });
    let answers = (0..50_u64).map(|number| {
        let client = client.clone();
        async move { client.request(format!("double.{number}"), number.to_string().into()).await.unwrap().payload }
    });
    let answers = within("all answers", futures_util::future::join_all(answers)).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(String::from_utf8_lossy(answer), (number * 2).to_string());
    }
    answering.abort();
}

#[tokio::test]
async fn nobody_answers() {
    let server = Server::troupe("");
    let client = connect(&server).await;
    let error = within("the error", client.request("nobody.home", "hi".into())).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn queue_groups_share_the_work() {
    const MESSAGES: usize = 300;
    let server = Server::troupe("");
    let mut members = Vec::new();
    for _ in 0..3 {
        let client = connect(&server).await;
        let subscriber = client.queue_subscribe("work", "crew".to_owned()).await.unwrap();
        settle(&client).await;
        members.push((client, subscriber));
    }
    let publisher = connect(&server).await;
    let mut witness = publisher.subscribe("work").await.unwrap();
    for number in 0..MESSAGES {
        publisher.publish("work", number.to_string().into()).await.unwrap();
    }
    let published = payloads(&mut witness, MESSAGES).await;
    let mut heard = Vec::new();
    for (client, mut subscriber) in members {
        settle(&client).await;
        subscriber.unsubscribe().await.unwrap();
        let share: Vec<_> = within("the rest of a member", subscriber.by_ref().collect::<Vec<_>>()).await;
        assert!(!share.is_empty(), "a member of three heard none of {MESSAGES} messages");
        heard.extend(share.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()));
    }
    heard.sort_by_key(|text| text.parse::<usize>().unwrap());
    assert_eq!(heard, published, "every message reaches exactly one member");
}
