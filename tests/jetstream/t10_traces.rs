//! Streams in message traces.

use serde_json::Value;
use troupe_tests::frames::Frame;
use troupe_tests::{RawClient, Server};

const CONFIG: &str = r#"
server_name: S
jetstream { store_dir: "<dir>" }
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  A { users: [ {user: a, password: p} ], jetstream: enabled }
}
system_account: SYS
no_auth_user: a
"#;

fn publish(subject: &str, reply: &str, headers: &str) -> String {
    let block = format!("NATS/1.0\r\nNats-Trace-Dest: trace.x\r\n{headers}\r\n");
    format!("HPUB {subject} {reply} {} {}\r\n{block}hi\r\n", block.len(), block.len() + 2)
}

fn ask(client: &mut RawClient, subject: &str, body: &str) -> Frame {
    let number = client.frames().len();
    client
        .flush(format!("SUB answer.{number} a{number}\r\nPUB {subject} answer.{number} {}\r\n{body}\r\n", body.len()));
    client.expect(&format!("MSG answer.{number} a{number} "))
}

/// What happened to one message: the steps of its trace, and the answer to its publisher.
fn told(client: &mut RawClient, number: usize, subject: &str, headers: &str, is_answered: bool) -> String {
    let before = client.frames().iter().filter(|frame| frame.0.starts_with(b"MSG trace.x t")).count();
    client.flush(publish(subject, &format!("ack.{number}"), headers));
    client.wait(|frames| {
        frames.iter().filter(|frame| frame.0.starts_with(b"MSG trace.x t")).count() > before
            && (!is_answered || frames.iter().any(|frame| frame.0.starts_with(format!("MSG ack.{number} ").as_bytes())))
    });
    let trace = client.frames().iter().rfind(|frame| frame.0.starts_with(b"MSG trace.x t"));
    let mut event = trace.unwrap_or_else(|| panic!("no trace of {headers:?}: {}", client.text())).json();
    for step in event["events"].as_array_mut().expect("a list") {
        step["ts"] = Value::Null;
        if step.get("cid").is_some() {
            step["cid"] = Value::Null;
        }
    }
    let text = |frame: &Frame| String::from_utf8_lossy(&frame.0).into_owned();
    let answer = client.frames().iter().map(text).find(|frame| frame.starts_with(&format!("MSG ack.{number} ")));
    format!("{headers:?}: {} {:?}", event["events"], answer)
}

#[test]
fn what_streams_make_of_messages() {
    let run = |server: &Server| {
        let mut client = server.connect();
        client.flush(
            "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB trace.x t\r\nSUB ack.* k\r\n",
        );
        ask(
            &mut client,
            "$JS.API.STREAM.CREATE.S",
            r#"{"name":"S","subjects":["s.*"],"max_msg_size":300,"subject_transform":{"src":"s.t","dest":"s.u"}}"#,
        );
        ask(&mut client, "$JS.API.STREAM.CREATE.I", r#"{"name":"I","subjects":["i.*"],"retention":"interest"}"#);
        let mut all = Vec::new();
        let cases = [
            ("s.a", "", true),
            ("s.t", "", true),
            ("s.a", "Nats-Trace-Only: true\r\n", false),
            ("s.a", "Nats-Msg-Id: 1\r\n", true),
            ("s.a", "Nats-Msg-Id: 1\r\n", true),
            ("s.a", "Nats-Msg-Id: 1\r\nNats-Trace-Only: 1\r\n", true),
            ("s.a", "Nats-Expected-Last-Sequence: 77\r\n", true),
            ("s.a", "Nats-Expected-Last-Subject-Sequence: 77\r\n", true),
            ("s.a", "Nats-Expected-Last-Msg-Id: z\r\n", true),
            ("s.a", "Nats-Expected-Stream: T\r\n", true),
            ("s.a", "Nats-TTL: 5s\r\n", true),
            ("s.a", "Nats-Incr: +1\r\n", true),
            ("s.a", &*format!("A: {}\r\n", "x".repeat(400)), true),
            ("i.a", "", true),
            ("i.a", "Nats-Trace-Only: 1\r\n", false),
        ];
        for (number, (subject, headers, is_answered)) in cases.into_iter().enumerate() {
            all.push(told(&mut client, number, subject, headers, is_answered));
        }
        let stored = ask(&mut client, "$JS.API.STREAM.MSG.GET.S", r#"{"last_by_subj":"s.a"}"#).json();
        all.push(format!("{} {}", stored["message"]["seq"], stored["message"]["hdrs"]));
        all
    };
    let dir = tempfile::tempdir().expect("a directory");
    let config = |name: &str| CONFIG.replace("<dir>", &dir.path().join(name).to_string_lossy());
    let Some(reference) = Server::reference(config("reference").as_str()) else { return };
    let troupe = Server::troupe(config("troupe").as_str());
    let (wanted, got) = (run(&reference), run(&troupe));
    for (wanted, got) in wanted.iter().zip(&got) {
        assert_eq!(wanted, got);
    }
}
