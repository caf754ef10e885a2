//! Message traces, as both servers tell them.

use serde_json::Value;
use troupe_tests::frames::Frame;
use troupe_tests::{RawClient, Server};

/// Something a user does.
pub(crate) type Act = (&'static str, String);

/// `HPUB` with these header lines.
pub(crate) fn traced(subject: &str, reply: &str, headers: &str, payload: &str) -> String {
    let block = format!("NATS/1.0\r\n{headers}\r\n\r\n");
    let (head, all) = (block.len(), block.len() + payload.len());
    format!("HPUB {subject} {reply}{}{head} {all}\r\n{block}{payload}\r\n", if reply.is_empty() { "" } else { " " })
}

/// Enters as a user whose password is `p`.
pub(crate) fn enter(server: &Server, user: &str) -> RawClient {
    let mut client = server.connect();
    client.flush(format!(
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"echo\":true,\"name\":\"n-{user}\",\"user\":\"{user}\",\"pass\":\"p\"}}\r\n"
    ));
    client
}

/// The traces that `client` got, without what differs from run to run.
pub(crate) fn traces(client: &mut RawClient, wanted: usize) -> Vec<String> {
    let is_trace = |frame: &&Frame| {
        let text = String::from_utf8_lossy(&frame.0).into_owned();
        text.starts_with("MSG ") && text.contains("\"events\":[")
    };
    client.wait(|frames| frames.iter().filter(is_trace).count() >= wanted);
    client.flush("");
    let mut all: Vec<String> = client.frames().iter().filter(is_trace).map(normal).collect();
    all.sort();
    all
}

fn normal(frame: &Frame) -> String {
    let subject = frame.line().split(' ').nth(1).unwrap_or_default().to_owned();
    let mut event = frame.json();
    for key in ["id", "time", "seq", "host", "flags", "feature_flags", "metadata"] {
        if let Some(server) = event["server"].as_object_mut()
            && let Some(value) = server.get_mut(key)
        {
            *value = Value::Null;
        }
    }
    for step in event["events"].as_array_mut().expect("a list") {
        for key in ["ts", "cid"] {
            if let Some(value) = step.get_mut(key) {
                *value = Value::Null;
            }
        }
        // Replies of services have random parts.
        for key in ["from", "to"] {
            if step.get(key).and_then(Value::as_str).is_some_and(|text| text.starts_with("_R_.")) {
                step[key] = "_R_".into();
            }
        }
    }
    // Receivers have no order.
    let steps = event["events"].as_array_mut().expect("a list");
    steps[1..].sort_by_key(ToString::to_string);
    format!("{subject} {event}")
}

/// Lets both servers do the same and compares the traces that `watcher` gets on `trace.>`.
#[track_caller]
pub(crate) fn compare(config: &str, watcher: &str, acts: &[Act], wanted: usize) {
    let Some(reference) = Server::reference(config) else { return };
    let troupe = Server::troupe(config);
    let run = |server: &Server| {
        let mut watching = enter(server, watcher);
        watching.flush("SUB trace.> 1\r\n");
        let mut clients: Vec<(&str, RawClient)> = Vec::new();
        for (user, bytes) in acts {
            if !clients.iter().any(|(known, _)| known == user) {
                clients.push((user, enter(server, user)));
            }
            let client = &mut clients.iter_mut().find(|(known, _)| known == user).expect("it entered").1;
            client.flush(bytes);
        }
        let mut heard: Vec<String> = Vec::new();
        for (user, client) in &mut clients {
            client.flush("");
            let lines = client.frames().iter().map(|frame| String::from_utf8_lossy(&frame.0).into_owned());
            let lines =
                lines.filter(|line| line.starts_with("MSG") || line.starts_with("HMSG") || line.starts_with("-ERR"));
            heard.extend(
                lines
                    .filter(|line| !line.contains("\"events\":[") && !line.contains("_R_"))
                    .map(|line| format!("{user}: {line}")),
            );
        }
        (traces(&mut watching, wanted), heard)
    };
    let (expected, got) = (run(&reference), run(&troupe));
    assert_eq!(expected.0.len(), wanted, "nats-server told {:#?}", expected.0);
    assert_eq!(expected.0, got.0, "traces");
    assert_eq!(expected.1, got.1, "messages");
}
