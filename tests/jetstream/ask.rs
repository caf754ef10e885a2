//! Requests to one server, with JSON in answers.

use std::path::Path;

use async_nats::Client;
use serde_json::Value;
use troupe_tests::{Config, Server};

/// Starts the server under test with JetStream in a directory.
pub(crate) fn start(directory: &Path) -> Server {
    Server::troupe(Config::new(format!("jetstream {{ store_dir: \"{}\" }}", directory.display())))
}

/// Connects a client.
pub(crate) async fn connect(server: &Server) -> Client {
    async_nats::connect(server.url()).await.expect("the server accepts the client")
}

/// Sends a request and reads its answer.
pub(crate) async fn ask(client: &Client, subject: &str, body: &str) -> Value {
    let answer = client.request(subject.to_owned(), body.to_owned().into()).await.expect("an answer");
    serde_json::from_slice(&answer.payload).expect("JSON")
}
