//! Users that enter, and one that asks in the system account.

use std::net::SocketAddr;
use std::path::Path;

use nkeys::KeyPair;
use serde_json::{Value, json};
use troupe_tests::RawClient;
use troupe_tests::frames::Frame;

use super::tokens::{World, showing};

/// Enters as a user with this token.
pub(crate) fn enter(server: SocketAddr, options: &str, user: &KeyPair) -> RawClient {
    let mut client = RawClient::connect(server);
    let options = options.replace(&format!("<sig:{}>", user.seed().expect("a seed")), &client.signature(user));
    client.send(format!("CONNECT {{\"verbose\":false,\"protocol\":1,{options}}}\r\n"));
    client
}

/// Whether a user with this token is let in now. Nothing else is to be expected of a connection that is not.
pub(crate) fn may_enter(server: SocketAddr, options: &str, user: &KeyPair) -> bool {
    let mut client = enter(server, options, user);
    client.send("PING\r\n");
    client.wait(|frames| frames.iter().any(|frame| frame.is("PONG") || frame.starts_with("-ERR")));
    client.count("PONG") > 0
}

/// A user of the system account that asks.
pub(crate) struct Asker {
    pub(crate) client: RawClient,
    count: usize,
}

impl Asker {
    pub(crate) fn new(world: &World, server: SocketAddr) -> Self {
        let user = KeyPair::new_user();
        let options = showing(&world.user(&world.system, &user, json!({}), json!({})), &user);
        let mut client = enter(server, &options, &user);
        client.flush("");
        Self { client, count: 0 }
    }

    /// The payloads of all answers up to the first that is `last`.
    pub(crate) fn ask(&mut self, subject: &str, body: &[u8], is_last: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        self.ask_until(subject, body, |answers| answers.iter().any(|answer| is_last(answer)))
    }

    fn ask_until(&mut self, subject: &str, body: &[u8], is_enough: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
        self.count += 1;
        let inbox = format!("inbox.{}", self.count);
        self.client.flush(format!("SUB {inbox} {}\r\n", self.count));
        self.client.send([format!("PUB {subject} {inbox} {}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat());
        let start = format!("MSG {inbox} ");
        let payload = |frame: &Frame| frame.payload().to_vec();
        let mut answers = Vec::new();
        self.client.wait(|frames| {
            answers = frames.iter().filter(|frame| frame.starts_with(&start)).map(payload).collect();
            is_enough(&answers)
        });
        answers
    }

    /// The one answer as JSON, without who says it.
    pub(crate) fn said(&mut self, subject: &str, body: &str) -> Value {
        self.all_said(subject, body, 1).pop().expect("an answer")
    }

    /// The answers of so many servers as JSON, without who says them, in a certain order.
    pub(crate) fn all_said(&mut self, subject: &str, body: &str, count: usize) -> Vec<Value> {
        let answers = self.ask_until(subject, body.as_bytes(), |answers| answers.len() >= count);
        assert_eq!(answers.len(), count, "{subject}: {}", self.client.text());
        let mut answers: Vec<Value> =
            answers.iter().map(|answer| serde_json::from_slice(answer).expect("JSON")).collect();
        answers.iter_mut().for_each(|answer| answer["server"] = json!(""));
        answers.sort_by_key(Value::to_string);
        answers
    }
}

/// Names and contents of a store.
pub(crate) fn files(dir: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(dir.join("jwt")).expect("a directory").flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), text))
        })
        .collect();
    files.sort();
    files
}
