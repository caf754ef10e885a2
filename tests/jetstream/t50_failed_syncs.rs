//! A disk that makes nothing durable: nothing is acknowledged, reading goes on, and so does publishing once it works. One
//! that cannot be read: nothing is skipped for it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;
use troupe_tests::Server;
use troupe_tests::process::troupe_binary;
use troupe_tests::wait::PATIENCE;

use crate::ask::{ask, config, connect, monitored_config};
use crate::t50_damage::get;

/// A program that runs the server with something that fails while `switch` is there: `TROUPE_FAILS_SYNCS` or `_READS`.
fn with_failing(what: &str, switch: &Path, scratch: &Path) -> PathBuf {
    let program = scratch.join("server-that-fails");
    let server = troupe_binary().with_file_name("troupe-with-faults");
    let (switch, server) = (switch.display(), server.display());
    let text = format!("#!/bin/sh\n{what}=\"{switch}\" exec \"{server}\" \"$@\"\n");
    std::fs::write(&program, text).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("executable");
    program
}

#[tokio::test]
async fn what_cannot_be_synced_is_refused() {
    let (directory, scratch) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let switch = scratch.path().join("switch");
    let program = with_failing("TROUPE_FAILS_SYNCS", &switch, scratch.path());
    let server = Server::program(&program, monitored_config(directory.path()));
    let client = connect(&server).await;
    ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"],"description":"old"}"#).await;
    let consumer = r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit","description":"old"}}"#;
    assert!(ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", consumer).await["error"].is_null());
    let mut acknowledged = Vec::new();
    for _ in 0..5 {
        acknowledged.push(ask(&client, "s", "durable").await["seq"].as_u64().expect("it is stored"));
    }

    std::fs::write(&switch, "").expect("written");
    let refusal = ask(&client, "s", "lost or not").await["error"].clone();
    assert!(refusal["description"].as_str().is_some_and(|text| text.contains("sync failed")), "{refusal}");
    assert_eq!(get(&server, "/healthz").0, 503);
    let update = r#"{"name":"S","subjects":["s","t"],"description":"new"}"#;
    let refusal = ask(&client, "$JS.API.STREAM.UPDATE.S", update).await["error"].clone();
    assert_eq!(refusal["err_code"], 10069, "{refusal}");
    let refusal = ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", &consumer.replace("old", "new")).await;
    assert!(!refusal["error"].is_null(), "{refusal}");
    assert!(!ask(&client, "$JS.API.STREAM.CREATE.T", r#"{"name":"T"}"#).await["error"].is_null());
    for seq in &acknowledged {
        let read = ask(&client, "$JS.API.STREAM.MSG.GET.S", &json!({"seq": seq}).to_string()).await;
        assert!(read["error"].is_null(), "it stays readable: {read}");
    }
    check_old(&client).await;

    std::fs::remove_file(&switch).expect("removed");
    let since = Instant::now();
    loop {
        let answer = ask(&client, "s", "it works again").await;
        if let Some(seq) = answer["seq"].as_u64().filter(|_| answer["error"].is_null()) {
            acknowledged.push(seq);
            break;
        }
        assert!(since.elapsed() < PATIENCE, "it does not recover: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(&server, "/healthz").0, 200);
    check_old(&client).await;

    // Dropped servers are killed.
    drop(server);
    let server = Server::troupe(config(directory.path()));
    let client = connect(&server).await;
    check_old(&client).await;
    for seq in &acknowledged {
        let read = ask(&client, "$JS.API.STREAM.MSG.GET.S", &json!({"seq": seq}).to_string()).await;
        assert!(read["error"].is_null(), "{seq} was acknowledged: {read}");
    }
}

/// What was refused did not happen.
async fn check_old(client: &async_nats::Client) {
    let stream = ask(client, "$JS.API.STREAM.INFO.S", "").await["config"].clone();
    assert_eq!((&stream["description"], &stream["subjects"]), (&json!("old"), &json!(["s"])));
    let consumer = ask(client, "$JS.API.CONSUMER.INFO.S.C", "").await;
    assert_eq!(consumer["config"]["description"], "old");
    assert_eq!(ask(client, "$JS.API.STREAM.NAMES", "").await["streams"], json!(["S"]));
}

#[tokio::test]
async fn a_purge_that_cannot_read_lets_consumers_skip_nothing() {
    let (directory, scratch) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let mut server = Server::troupe(config(directory.path()));
    let client = connect(&server).await;
    ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s.*"]}"#).await;
    let consumer =
        r#"{"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit","filter_subject":"s.a"}}"#;
    assert!(ask(&client, "$JS.API.CONSUMER.DURABLE.CREATE.S.C", consumer).await["error"].is_null());
    for subject in ["s.a", "s.b", "s.a", "s.a"] {
        assert!(ask(&client, subject, "").await["error"].is_null());
    }
    server.signal(nix::sys::signal::Signal::SIGTERM);
    server.wait_exit();
    // Nothing is in memory after a start.
    let switch = scratch.path().join("switch");
    let server =
        Server::program(&with_failing("TROUPE_FAILS_READS", &switch, scratch.path()), config(directory.path()));
    let client = connect(&server).await;
    std::fs::write(&switch, "").expect("written");
    let purged = ask(&client, "$JS.API.STREAM.PURGE.S", r#"{"filter":"s.a"}"#).await;
    assert!(purged["error"]["description"].as_str().is_some_and(|text| text.contains("read failed")), "{purged}");
    std::fs::remove_file(&switch).expect("removed");
    let info = ask(&client, "$JS.API.CONSUMER.INFO.S.C", "").await;
    assert_eq!((&info["num_pending"], &info["delivered"]["stream_seq"]), (&json!(3), &json!(0)), "{info}");
    let next = ask_for_message(&client, "$JS.API.CONSUMER.MSG.NEXT.S.C").await;
    assert!(next.starts_with("$JS.ACK.S.C.1.1.1."), "the first of all: {next}");
}

/// Asks for a message, and returns where it is to be acknowledged.
async fn ask_for_message(client: &async_nats::Client, subject: &str) -> String {
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.expect("subscribed");
    client.publish_with_reply(subject.to_owned(), inbox, "1".into()).await.expect("published");
    let message = tokio::time::timeout(PATIENCE, messages.next()).await.expect("in time").expect("a message");
    message.reply.map(|reply| reply.to_string()).unwrap_or_default()
}
