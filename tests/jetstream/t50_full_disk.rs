//! A disk that fills up: publishing is refused, reading goes on, and so does publishing once there is room.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use troupe_tests::Server;
use troupe_tests::process::troupe_binary;

use crate::ask::{ask, connect, monitored_config};
use crate::t50_damage::get;

/// Room for the journal and little more.
const SIZE: &str = "64m";
const PAYLOAD: usize = 60_000;

/// A program that runs the server where a small disk of memory is mounted on `directory`, which nobody else sees. None
/// where that is not permitted.
fn with_small_disk(directory: &Path, scratch: &Path) -> Option<PathBuf> {
    let mount = format!("mount -t tmpfs -o size={SIZE} tmpfs \"{}\"", directory.display());
    let can_mount = Command::new("unshare").args(["--mount", "--map-root-user", "sh", "-c", &mount]).output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: a disk of its own cannot be mounted here (unshare and mount are not permitted)");
        return None;
    }
    let program = scratch.join("server-on-a-small-disk");
    let inside = format!("{mount} && exec \"{}\" \"$@\"", troupe_binary().display());
    let text = format!("#!/bin/sh\nexec unshare --mount --map-root-user sh -c '{inside}' sh \"$@\"\n");
    std::fs::write(&program, text).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("executable");
    Some(program)
}

/// Writes a file until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    for size in [1 << 20, 1 << 12] {
        let zeros = vec![0; size];
        while file.write_all(&zeros).is_ok() {}
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let (directory, scratch) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let Some(program) = with_small_disk(directory.path(), scratch.path()) else { return };
    let server = Server::program(&program, monitored_config(directory.path()));
    let client = connect(&server).await;
    ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"]}"#).await;
    let payload = "x".repeat(PAYLOAD);
    let mut last = ask(&client, "s", &payload).await["seq"].as_u64().expect("it is stored");

    let filler = PathBuf::from(format!("/proc/{}/root{}/filler", server.pid(), directory.path().display()));
    fill(&filler);
    let deadline = Instant::now() + Duration::from_secs(60);
    let refusal = loop {
        let answer = ask(&client, "s", &payload).await;
        match answer["seq"].as_u64().filter(|_| answer["error"].is_null()) {
            Some(seq) => last = seq,
            None => break answer["error"].clone(),
        }
        assert!(Instant::now() < deadline, "it takes more than there is room for");
    };
    assert!(refusal["description"].as_str().is_some_and(|text| text.contains("No space left")), "{refusal}");
    let read = ask(&client, "$JS.API.STREAM.MSG.GET.S", &json!({"seq": last}).to_string()).await;
    assert_eq!(read["message"]["seq"], last, "it stays readable: {read}");

    std::fs::remove_file(&filler).expect("removed");
    let next = loop {
        let answer = ask(&client, "s", "there is room").await;
        if let Some(seq) = answer["seq"].as_u64().filter(|_| answer["error"].is_null()) {
            break seq;
        }
        assert!(Instant::now() < deadline, "it does not recover: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(next > last);
    assert_eq!(get(&server, "/healthz").0, 200);
    for seq in 1..=last {
        let read = ask(&client, "$JS.API.STREAM.MSG.GET.S", &json!({"seq": seq}).to_string()).await;
        assert!(read["error"].is_null(), "{seq} was acknowledged: {}", read["error"]);
    }
}
