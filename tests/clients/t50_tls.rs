//! Clients over TLS.

use async_nats::{Client, ConnectError, ConnectOptions};
use troupe_tests::Server;
use troupe_tests::certs::{CertFiles, Certs};

use crate::common::{next, within};

async fn connect(server: &Server, options: ConnectOptions) -> Result<Client, ConnectError> {
    let url = format!("tls://localhost:{}", server.address().port());
    within("the TLS connection", options.max_reconnects(1).connect(url)).await
}

async fn talk(client: &Client) {
    let mut subscriber = client.subscribe("t").await.unwrap();
    for size in [5, 100_000, 1_000_000] {
        client.publish("t", vec![b'x'; size].into()).await.unwrap();
        assert_eq!(next(&mut subscriber).await.payload.len(), size);
    }
}

fn trusting(certs: &Certs) -> ConnectOptions {
    ConnectOptions::new().add_root_certificates(certs.ca())
}

fn with(options: ConnectOptions, files: CertFiles) -> ConnectOptions {
    options.add_client_certificate(files.cert, files.key)
}

#[tokio::test]
async fn server_certificate() {
    let certs = Certs::generate();
    let server = Server::troupe(certs.tls_block(""));
    talk(&connect(&server, trusting(&certs)).await.unwrap()).await;
    assert!(connect(&server, ConnectOptions::new()).await.is_err(), "an unknown authority is not trusted");
}

#[tokio::test]
async fn client_certificates() {
    let certs = Certs::generate();
    let server = Server::troupe(certs.tls_block("verify: true"));
    talk(&connect(&server, with(trusting(&certs), certs.client())).await.unwrap()).await;
    assert!(connect(&server, trusting(&certs)).await.is_err(), "a certificate is required");
    assert!(connect(&server, with(trusting(&certs), certs.stranger())).await.is_err(), "another authority's client");
}

#[tokio::test]
async fn certificates_as_users() {
    let certs = Certs::generate();
    let users = "authorization { users: [ {user: \"client@example.com\", permissions: {publish: \"t\"}} ] }";
    let server = Server::troupe(format!("{}{users}\n", certs.tls_block("verify_and_map: true")));
    talk(&connect(&server, with(trusting(&certs), certs.client())).await.unwrap()).await;
    let server = Server::troupe(format!(
        "{}authorization {{ users: [ {{user: \"other@example.com\"}} ] }}\n",
        certs.tls_block("verify_and_map: true")
    ));
    assert!(connect(&server, with(trusting(&certs), certs.client())).await.is_err(), "the address is nobody's name");
}

#[tokio::test]
async fn handshake_first() {
    let certs = Certs::generate();
    let server = Server::troupe(certs.tls_block("handshake_first: true"));
    talk(&connect(&server, trusting(&certs).tls_first()).await.unwrap()).await;
    let server = Server::troupe(certs.tls_block("handshake_first: auto"));
    talk(&connect(&server, trusting(&certs).tls_first()).await.unwrap()).await;
    talk(&connect(&server, trusting(&certs)).await.unwrap()).await;
}

#[tokio::test]
async fn plain_and_tls_side_by_side() {
    let certs = Certs::generate();
    let server = Server::troupe(format!("{}allow_non_tls: true\n", certs.tls_block("")));
    talk(&connect(&server, trusting(&certs)).await.unwrap()).await;
    talk(&crate::common::connect(&server).await).await;
}

#[tokio::test]
async fn tls_and_a_password() {
    let certs = Certs::generate();
    let server = Server::troupe(format!("{}authorization {{ user: u, password: p }}\n", certs.tls_block("")));
    let good = trusting(&certs).user_and_password("u".into(), "p".into());
    talk(&connect(&server, good).await.unwrap()).await;
    let bad = trusting(&certs).user_and_password("u".into(), "x".into());
    assert!(connect(&server, bad).await.is_err());
}
