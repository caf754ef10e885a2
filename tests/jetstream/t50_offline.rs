//! Streams that cannot be served, and what is left of those that are none.

use std::fs;
use std::path::{Path, PathBuf};

use async_nats::Client;
use nix::sys::signal::Signal;

use crate::ask::{ask, connect, start};

fn place(directory: &Path, below: &str) -> PathBuf {
    directory.join("jetstream/$G").join(below)
}

async fn fill(client: &Client, name: &str) {
    let made = ask(client, &format!("$JS.API.STREAM.CREATE.{name}"), &format!(r#"{{"name":"{name}"}}"#)).await;
    assert!(made["error"].is_null(), "{made}");
    for _ in 0..3 {
        assert!(ask(client, name, "message").await["seq"].is_u64());
    }
}

/// Starts a server whose stream `S` has a configuration nobody can trust.
async fn start_broken(directory: &Path) -> (troupe_tests::Server, Client) {
    let mut server = start(directory);
    fill(&connect(&server).await, "S").await;
    server.signal(Signal::SIGTERM);
    server.wait_exit();
    fs::write(place(directory, "streams/S/meta.sum"), "0000000000000000").expect("it is written");
    let server = start(directory);
    let client = connect(&server).await;
    (server, client)
}

#[tokio::test]
async fn every_request_about_a_stream_that_is_offline_is_answered() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (_server, client) = start_broken(directory.path()).await;
    let config = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}"#;
    for (request, body) in [
        ("STREAM.INFO.S", ""),
        ("STREAM.CREATE.S", r#"{"name":"S"}"#),
        ("STREAM.CREATE.S", r#"{"name":"S","max_msgs":5}"#),
        ("STREAM.UPDATE.S", r#"{"name":"S"}"#),
        ("STREAM.PURGE.S", ""),
        ("STREAM.MSG.GET.S", r#"{"seq":1}"#),
        ("STREAM.MSG.DELETE.S", r#"{"seq":1}"#),
        ("STREAM.SNAPSHOT.S", r#"{"deliver_subject":"d"}"#),
        ("CONSUMER.CREATE.S.C", config),
        ("CONSUMER.DURABLE.CREATE.S.C", config),
        ("CONSUMER.NAMES.S", ""),
        ("CONSUMER.LIST.S", ""),
        ("CONSUMER.INFO.S.C", ""),
        ("CONSUMER.DELETE.S.C", ""),
        ("CONSUMER.PAUSE.S.C", ""),
    ] {
        let answer = ask(&client, &format!("$JS.API.{request}"), body).await;
        assert_eq!(answer["error"]["err_code"], 10194, "{request}: {answer}");
    }
    let list = ask(&client, "$JS.API.STREAM.LIST", "").await;
    assert!(list["offline"]["S"].is_string(), "{list}");
    assert!(place(directory.path(), "streams/S/msgs/1.blk").exists(), "nothing was touched");
}

#[tokio::test]
async fn a_stream_that_is_offline_can_be_deleted_and_made_anew() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (server, client) = start_broken(directory.path()).await;
    let refused = ask(&client, "$JS.API.STREAM.DELETE.S", r#"{"a":1}"#).await;
    assert_eq!(refused["error"]["err_code"], 10038);
    let gone = ask(&client, "$JS.API.STREAM.DELETE.S", "").await;
    assert_eq!(gone["success"], true, "{gone}");
    assert!(!place(directory.path(), "streams/S").exists());
    assert_eq!(ask(&client, "$JS.API.STREAM.DELETE.S", "").await["error"]["err_code"], 10059);
    fill(&client, "S").await;
    drop(server);
    let server = start(directory.path());
    let info = ask(&connect(&server).await, "$JS.API.STREAM.INFO.S", "").await;
    assert_eq!(info["state"]["messages"], 3, "{info}");
}

#[tokio::test]
async fn what_is_left_of_a_stream_is_moved_away_and_does_not_take_its_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut server = start(directory.path());
    fill(&connect(&server).await, "S").await;
    server.signal(Signal::SIGTERM);
    server.wait_exit();
    fs::remove_file(place(directory.path(), "streams/S/meta.inf")).expect("it is there");
    fs::create_dir_all(place(directory.path(), "streams/T/msgs")).expect("it is made");
    let server = start(directory.path());
    let line = server.wait_log("stream '$G > S' has no configuration");
    assert!(line.contains("lost/S.0"), "{line}");
    let client = connect(&server).await;
    let names = ask(&client, "$JS.API.STREAM.NAMES", "").await;
    assert_eq!(names["total"], 0, "{names}");
    assert!(place(directory.path(), "lost/S.0/msgs/1.blk").exists(), "no message is thrown away");
    fill(&client, "S").await;
    fill(&client, "T").await;
    // The same while the server runs.
    let blocks = place(directory.path(), "streams/U/msgs");
    fs::create_dir_all(&blocks).expect("it is made");
    fs::write(blocks.join("1.blk"), "left").expect("it is written");
    fill(&client, "U").await;
    assert_eq!(fs::read(place(directory.path(), "lost/U.0/msgs/1.blk")).expect("it is kept"), b"left");
}
