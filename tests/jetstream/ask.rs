//! Requests to one server, with JSON in answers.

use std::path::Path;

use async_nats::{Client, HeaderMap, Message};
use serde_json::Value;
use troupe_tests::{Config, Server};

/// A server with JetStream in a directory.
pub(crate) fn config(directory: &Path) -> Config {
    Config::new(format!("jetstream {{ store_dir: \"{}\" }}", directory.display()))
}

/// As [`config`], with a monitor.
pub(crate) fn monitored_config(directory: &Path) -> Config {
    let directory = directory.display();
    Config::new(format!("jetstream {{ store_dir: \"{directory}\" }}\nhttp: \"127.0.0.1:-1\""))
}

/// Starts the server under test with JetStream in a directory.
pub(crate) fn start(directory: &Path) -> Server {
    Server::troupe(config(directory))
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

/// Sends a request with headers and returns its answer.
pub(crate) async fn request(client: &Client, subject: &str, headers: &[(&str, &str)], body: &str) -> Message {
    let mut block = HeaderMap::new();
    headers.iter().for_each(|(name, value)| block.append(*name, *value));
    client.request_with_headers(subject.to_owned(), block, body.to_owned().into()).await.expect("an answer")
}
