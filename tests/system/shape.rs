//! The shape of JSON documents, and requests that fetch them.

use std::collections::BTreeSet;

use serde_json::Value;
use troupe_tests::frames::Frame;
use troupe_tests::{RawClient, Server};

/// Accounts with a system user, two tenants and a user with few rights.
pub(crate) const CONFIG: &str = r#"
server_name: S
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  A { users: [ {user: a, password: p}, {user: few, password: p, permissions: {publish: {allow: ["x.>", "$SYS.REQ.>"], deny: "x.y"}, subscribe: ["_INBOX.>", "inbox"], allow_responses: true}} ] }
  B { users: [ {user: b, password: p} ] }
}
system_account: SYS
"#;

/// Enters as a user whose password is `p`.
pub(crate) fn enter(server: &Server, user: &str) -> RawClient {
    let mut client = server.connect();
    client.flush(format!(
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"name\":\"n-{user}\",\"lang\":\"raw\",\"version\":\"1\",\"user\":\"{user}\",\"pass\":\"p\"}}\r\n"
    ));
    client
}

/// The payload of the first message on the subscription `sid`, without blanks and line ends behind it.
pub(crate) fn payload(client: &mut RawClient, sid: &str) -> Vec<u8> {
    let is_it = |frame: &Frame| {
        let line = frame.line();
        let words: Vec<&str> = line.split(' ').collect();
        words.len() > 3 && words[0].ends_with("MSG") && words[2] == sid
    };
    client.wait(|frames| frames.iter().any(is_it));
    let found = client.frames().iter().find(|frame| is_it(frame));
    let frame = found.unwrap_or_else(|| panic!("no message on {sid}: {}", client.text()));
    frame.payload().trim_ascii_end().to_vec()
}

/// Asks and yields the answer.
pub(crate) fn ask(client: &mut RawClient, number: usize, subject: &str, body: &str) -> Vec<u8> {
    client.send(format!("SUB inbox.{number} {number}\r\nPUB {subject} inbox.{number} {}\r\n{body}\r\n", body.len()));
    payload(client, &number.to_string())
}

/// Keys in order with the types of their values.
pub(crate) fn shape(json: &[u8]) -> String {
    match serde_json::from_slice::<Value>(json) {
        Ok(value) => of(&value),
        Err(_) => String::from_utf8_lossy(json).into_owned(),
    }
}

fn of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(of).collect();
            format!("[{}]", shapes.into_iter().collect::<Vec<_>>().join(" | "))
        }
        Value::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(key, value)| format!("{key}: {}", of(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}
