//! Profiles: that they can be read and say something, and that the server works on while one is taken.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use troupe_tests::{RawClient, Server};

use super::pprof::Profile;
use super::shape::{ask, enter, payload};

const CONFIG: &str = r#"
server_name: S
jetstream { store_dir: store }
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  A { jetstream: enabled, users: [ {user: a, password: p} ] }
}
system_account: SYS
"#;
const SECOND: u64 = 1_000_000_000;

/// Profile, or error, in an answer.
fn outcome(answer: &[u8]) -> Result<Vec<u8>, String> {
    let answer: Value = serde_json::from_slice(answer).expect("JSON");
    let data = &answer["data"];
    match data["profile"].as_str() {
        Some(profile) => {
            assert_eq!(data["error"], "");
            Ok(STANDARD.decode(profile).expect("base64"))
        }
        None => Err(data["error"].as_str().expect("an error").to_owned()),
    }
}

fn take(client: &mut RawClient, number: usize, body: &str) -> Result<Vec<u8>, String> {
    outcome(&ask(client, number, "$SYS.REQ.SERVER.PING.PROFILEZ", body))
}

/// Publishes until it is told to stop, and sees all of it arrive.
fn chat(server: &Server, is_over: &AtomicBool) -> usize {
    let (mut reader, mut writer) = (enter(server, "a"), enter(server, "a"));
    reader.flush("SUB chat.* 1\r\n");
    let mut sent = 0;
    while !is_over.load(Ordering::Acquire) {
        writer.flush("PUB chat.x 5\r\nhello\r\n".repeat(100));
        sent += 100;
        reader.wait(|frames| frames.len() >= sent);
    }
    reader.flush("");
    let arrived = reader.frames().iter().filter(|frame| frame.line() == "MSG chat.x 1 5").count();
    assert_eq!(arrived, sent);
    sent
}

/// Stores until it is told to stop: each message is on the disk before the next is sent.
fn store(server: &Server, is_over: &AtomicBool) -> usize {
    let mut client = enter(server, "a");
    let created = ask(&mut client, 1, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["kept"]}"#);
    assert!(String::from_utf8_lossy(&created).contains("\"created\""), "{}", String::from_utf8_lossy(&created));
    let mut stored = 0;
    while !is_over.load(Ordering::Acquire) {
        stored += 1;
        let answer = ask(&mut client, 1 + stored, "kept", "m");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        assert_eq!(answer["seq"], stored);
    }
    stored
}

#[test]
fn where_the_time_of_a_busy_server_goes() {
    let server = Server::troupe(CONFIG);
    let is_over = AtomicBool::new(false);
    let profile = std::thread::scope(|scope| {
        let chatting = scope.spawn(|| chat(&server, &is_over));
        let storing = scope.spawn(|| store(&server, &is_over));
        let mut client = enter(&server, "sys");
        let profile = take(&mut client, 1, r#"{"name":"cpu","duration":1500000000}"#);
        is_over.store(true, Ordering::Release);
        assert!(chatting.join().expect("all of it came") > 0);
        assert!(storing.join().expect("all of it is kept") > 0);
        Profile::read(&profile.expect("a profile"))
    });
    let columns: Vec<_> = profile.columns.iter().map(|(name, unit)| (name.as_str(), unit.as_str())).collect();
    assert_eq!(columns, [("samples", "count"), ("cpu", "nanoseconds")]);
    assert!(profile.duration >= SECOND, "{profile:?}");
    assert!(!profile.samples.is_empty(), "{profile:?}");
    for sample in &profile.samples {
        let [count, time] = sample.values[..] else { panic!("a value a column: {sample:?}") };
        assert!(count > 0 && time == count * 10_000_000, "{sample:?}");
        assert!(matches!(&sample.labels[..], [(key, name)] if key == "thread" && !name.is_empty()), "{sample:?}");
    }
    // Where the system does not let stacks be taken the profile says so.
    if !profile.comments.iter().any(|comment| comment.starts_with("threads only: ")) {
        let names = || profile.samples.iter().flat_map(|sample| &sample.stack);
        assert!(names().any(|name| name.contains("troupe_actors::")), "{profile:?}");
        assert!(profile.files.iter().any(|file| file.contains("troupe")), "{:?}", profile.files);
    }
}

#[test]
fn one_at_a_time() {
    let server = Server::troupe(CONFIG);
    let mut client = enter(&server, "sys");
    let long = r#"{"name":"cpu","duration":500000000}"#;
    let subject = "$SYS.REQ.SERVER.PING.PROFILEZ";
    let twice = ["one", "two"]
        .map(|inbox| format!("SUB {inbox} {inbox}\r\nPUB {subject} {inbox} {}\r\n{long}\r\n", long.len()));
    client.send(twice.concat());
    let outcomes = ["one", "two"].map(|inbox| outcome(&payload(&mut client, inbox)));
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    let busy = "Failed to start CPU profile: cpu profiling already in use";
    assert_eq!(outcomes[1].as_ref().map_err(String::as_str), Err(busy));
    // Once it is taken there may be another.
    assert!(take(&mut client, 1, r#"{"name":"cpu","duration":1000000}"#).is_ok());
}

#[test]
fn what_lives_in_the_server() {
    let server = Server::troupe(CONFIG);
    let mut client = enter(&server, "sys");
    let actors = Profile::read(&take(&mut client, 1, r#"{"name":"goroutine"}"#).expect("a profile"));
    assert_eq!(actors.columns, [("goroutine".to_owned(), "count".to_owned())]);
    let num = |kind: &[&str]| {
        actors.samples.iter().filter(|sample| sample.stack == kind).map(|sample| sample.values[0]).sum::<u64>()
    };
    assert_eq!((num(&["client", "connections"]), num(&["system", "actors"])), (1, 1), "{actors:?}");

    let threads = Profile::read(&take(&mut client, 2, r#"{"name":"threadcreate"}"#).expect("a profile"));
    assert!(threads.samples.iter().any(|sample| sample.stack[0] == "journal"), "{threads:?}");

    let text = take(&mut client, 3, r#"{"name":"goroutine","debug":1}"#).expect("text");
    assert!(text.starts_with(b"goroutine profile: total "), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn what_is_not_made_is_refused() {
    let server = Server::troupe(CONFIG);
    let mut client = enter(&server, "sys");
    let refusals = [
        (r#"{"name":"heap"}"#, "Profile \"heap\" error: not supported: the allocator does not note who allocates"),
        (r#"{"name":"mutex"}"#, "Profile \"mutex\" error: not supported: waits are not noted"),
        (r#"{"name":"nonsense"}"#, "Profile \"nonsense\" not found"),
        ("", "Profile name not specified"),
        (r#"{"name":"cpu","duration":-1}"#, "Duration -1ns should be between 0s and 15s"),
        (r#"{"name":"cpu","duration":15000000001}"#, "Duration 15.000000001s should be between 0s and 15s"),
    ];
    for ((body, wanted), number) in refusals.into_iter().zip(1..) {
        assert_eq!(take(&mut client, number, body), Err(wanted.to_owned()), "{body}");
    }
    let mut tenant = enter(&server, "a");
    let answer = ask(&mut tenant, 1, "$SYS.REQ.SERVER.PING.PROFILEZ", r#"{"name":"cpu","duration":1000000}"#);
    assert!(String::from_utf8_lossy(&answer).contains("503"), "{}", String::from_utf8_lossy(&answer));
}
