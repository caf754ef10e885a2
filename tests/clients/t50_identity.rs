//! Clients that prove who they are.

use async_nats::{ConnectErrorKind, ConnectOptions, Event};
use nkeys::KeyPair;
use troupe_tests::Server;

use crate::common::{Events, connect_with, next, within};

#[tokio::test]
async fn nkeys() {
    let (known, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let server = Server::troupe(format!("authorization {{ users: [ {{nkey: {}}} ] }}", known.public_key()));
    let client = connect_with(&server, ConnectOptions::with_nkey(known.seed().unwrap())).await;
    let mut subscriber = client.subscribe("k").await.unwrap();
    client.publish("k", "signed".into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload, "signed");
    refused(&server, ConnectOptions::with_nkey(stranger.seed().unwrap())).await;
    refused(&server, ConnectOptions::new()).await;
}

#[tokio::test]
async fn passwords_and_tokens() {
    let hash = bcrypt::hash("secret", 4).unwrap();
    let server = Server::troupe(format!("authorization {{ users: [ {{user: u, password: \"{hash}\"}} ] }}"));
    connect_with(&server, ConnectOptions::with_user_and_password("u".into(), "secret".into())).await;
    refused(&server, ConnectOptions::with_user_and_password("u".into(), "wrong".into())).await;
    let server = Server::troupe("authorization { token: t }");
    connect_with(&server, ConnectOptions::with_token("t".into())).await;
    refused(&server, ConnectOptions::with_token("x".into())).await;
}

#[tokio::test]
async fn violations_are_reported() {
    let server = Server::troupe(
        "authorization { users: [ {user: u, password: p, permissions: {publish: [\"ok\"], subscribe: [\"ok\", \"_INBOX.>\"]}} ] }",
    );
    let options = ConnectOptions::with_user_and_password("u".into(), "p".into());
    let (options, events) = Events::count(
        options,
        |event| matches!(event, Event::ServerError(error) if error.to_string().to_lowercase().contains("permissions violation")),
    );
    let client = connect_with(&server, options).await;
    client.publish("denied", "x".into()).await.unwrap();
    let _denied = client.subscribe("denied").await.unwrap();
    client.flush().await.unwrap();
    events.reached(2).await;
    let mut allowed = client.subscribe("ok").await.unwrap();
    client.publish("ok", "x".into()).await.unwrap();
    assert_eq!(next(&mut allowed).await.payload, "x");
}

async fn refused(server: &Server, options: ConnectOptions) {
    let error = within("the refusal", options.max_reconnects(1).connect(server.url())).await.unwrap_err();
    assert!(
        matches!(error.kind(), ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication),
        "{error:?}"
    );
}
