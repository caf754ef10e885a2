use std::fs;

use tracing::{debug, error, info, subscriber, trace, warn};
use tracing_subscriber::layer::SubscriberExt;
use troupe_engine::options::LogFormat;

use super::*;
use crate::logging::MemorySink;

const LIMIT: Duration = Duration::from_secs(10);

/// What a log with these options writes while `emit` runs.
fn logged(options: &LoggingOptions, style: LineStyle, emit: impl FnOnce(&LogHandle)) -> String {
    let lines = MemorySink::default();
    let handle = LogHandle::to_sink(Box::new(lines.clone()), style, options).expect("thread");
    crate::logging::keep_lines_in_tests();
    subscriber::with_default(tracing_subscriber::registry().with(handle.layer()), || emit(&handle));
    assert!(handle.flush(LIMIT));
    lines.text()
}

fn emit_all() {
    info!("info text");
    debug!("debug text");
    warn!("warning text");
    error!("error text");
    error!(fatal = true, "fatal text");
    trace!("trace text");
}

fn all_on() -> LoggingOptions {
    LoggingOptions { debug: true, trace: true, logtime: false, ..LoggingOptions::default() }
}

fn pid() -> u32 {
    std::process::id()
}

#[test]
fn lines_without_time_are_those_of_nats_server() {
    let text = logged(&all_on(), LineStyle::of(&all_on()), |_| emit_all());
    let p = pid();
    let expected = format!(
        "[{p}] [INF] info text\n[{p}] [DBG] debug text\n[{p}] [WRN] warning text\n[{p}] [ERR] error text\n\
         [{p}] [FTL] fatal text\n[{p}] [TRC] trace text\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn lines_carry_the_time_with_microseconds() {
    for utc in [true, false] {
        let options = LoggingOptions { logtime_utc: utc, ..LoggingOptions::default() };
        let before = chrono::Utc::now();
        let text = logged(&options, LineStyle::of(&options), |_| info!("x"));
        let after = chrono::Utc::now();
        let rest = text.strip_prefix(&format!("[{}] ", pid())).expect("pid");
        let time = rest.strip_suffix(" [INF] x\n").expect("label and text");
        assert_eq!(time.len(), "2006/01/02 15:04:05.000000".len());
        let time = chrono::NaiveDateTime::parse_from_str(time, "%Y/%m/%d %H:%M:%S%.6f").expect("a time");
        let time = match utc {
            true => time.and_utc(),
            false => time.and_local_timezone(chrono::Local).earliest().expect("exists").to_utc(),
        };
        let second = chrono::TimeDelta::seconds(1);
        assert!(before - second <= time && time <= after + second, "{time}");
    }
}

#[test]
fn labels_are_coloured_on_a_terminal() {
    let style = LineStyle { colours: true, ..LineStyle::of(&all_on()) };
    let text = logged(&all_on(), style, |_| emit_all());
    let labels: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("] [").and_then(|(_, rest)| rest.split_once("] ")).expect("label").0)
        .collect();
    let expected = [
        "\x1b[32mINF\x1b[0m",
        "\x1b[36mDBG\x1b[0m",
        "\x1b[0;93mWRN\x1b[0m",
        "\x1b[31mERR\x1b[0m",
        "\x1b[31mFTL\x1b[0m",
        "\x1b[33mTRC\x1b[0m",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn connections_come_first_and_fields_last() {
    let text = logged(&all_on(), LineStyle::of(&all_on()), |_| {
        debug!(conn = "127.0.0.1:5000 - cid:5", "Client connection created");
        debug!(conn = %format_args!("1.2.3.4:{}", 1), attempt = 3, name = "a b", "again");
        info!(json.address = "h:1", "Listening on h:1");
        info!(target: "troupe_actors::router", "other room");
    });
    let p = pid();
    let expected = format!(
        "[{p}] [DBG] 127.0.0.1:5000 - cid:5 - Client connection created\n\
         [{p}] [DBG] 1.2.3.4:1 - again attempt=3 name=\"a b\"\n[{p}] [INF] Listening on h:1\n\
         [{p}] [INF] other room\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn json_lines_have_all_fields() {
    let options = LoggingOptions { format: LogFormat::Json, ..all_on() };
    let text = logged(&options, LineStyle::of(&options), |_| {
        warn!(conn = "c", json.address = "h:1", count = 3, ratio = 0.5, on = true, pid = "x", "quote \" and\nline");
        error!(fatal = true, "end");
    });
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    let time = lines[0]["time"].as_str().expect("time");
    chrono::DateTime::parse_from_rfc3339(time).expect("a time");
    let expected = serde_json::json!({
        "time": time, "level": "warn", "pid": pid(), "message": "quote \" and\nline", "conn": "c",
        "address": "h:1", "count": 3, "ratio": 0.5, "on": true, "field_pid": "x",
    });
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1]["level"], "fatal");
    assert_eq!(lines.len(), 2);
}

#[test]
fn debug_and_trace_are_independent_and_switch_while_running() {
    let with = |debug, trace| LoggingOptions { debug, trace, ..all_on() };
    let text = logged(&with(false, false), LineStyle::of(&all_on()), |handle| {
        for (debug, trace) in [(false, false), (true, false), (false, true), (true, true), (false, false)] {
            handle.apply(&with(debug, trace)).expect("same destination");
            debug!("d");
            trace!("t");
            info!("-");
        }
    });
    let labels: String = text.lines().map(|line| line.rsplit(' ').next().expect("text")).collect();
    assert_eq!(labels, "-d-t-dt--");
}

#[test]
fn other_crates_speak_from_warnings_up() {
    let text = logged(&all_on(), LineStyle::of(&all_on()), |_| {
        debug!(target: "rustls::client", "hidden");
        info!(target: "rustls::client", "hidden");
        warn!(target: "rustls::client", "shown");
    });
    assert_eq!(text, format!("[{}] [WRN] shown\n", pid()));
}

#[test]
fn a_moved_log_file_is_opened_again() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("a.log");
    let options = LoggingOptions { log_file: Some(path.clone()), ..all_on() };
    let handle = LogHandle::open(&options).expect("opens");
    crate::logging::keep_lines_in_tests();
    subscriber::with_default(tracing_subscriber::registry().with(handle.layer()), || {
        info!("one");
        assert!(handle.flush(LIMIT));
        fs::rename(&path, directory.path().join("moved")).expect("moved");
        info!("two");
        assert_eq!(handle.reopen(), Reopened::Yes);
    });
    assert!(handle.flush(LIMIT));
    let p = pid();
    let moved = fs::read_to_string(directory.path().join("moved")).expect("readable");
    assert_eq!(moved, format!("[{p}] [INF] one\n[{p}] [INF] two\n"));
    let new = fs::read_to_string(&path).expect("readable");
    assert_eq!(new, format!("[{p}] [INF] File log re-opened\n"));
}

#[test]
fn only_a_file_is_opened_again() {
    let text = logged(&all_on(), LineStyle::of(&all_on()), |handle| assert_eq!(handle.reopen(), Reopened::No));
    assert_eq!(text, format!("[{}] [INF] File log re-open ignored, not a file logger\n", pid()));
}

#[test]
fn a_file_over_its_limit_rotates_when_opened() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("a.log");
    fs::write(&path, "0123456789\n").expect("written");
    let options = LoggingOptions { log_file: Some(path.clone()), log_size_limit: 10, ..all_on() };
    assert!(LogHandle::open(&options).expect("opens").flush(LIMIT));
    let text = fs::read_to_string(&path).expect("readable");
    assert!(text.contains("[INF] Rotated log, backup saved as \""), "{text}");
    assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 2);
}

#[test]
fn a_reload_may_move_the_log_and_change_its_layout() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (first, second) = (directory.path().join("1.log"), directory.path().join("2.log"));
    let options = LoggingOptions { log_file: Some(first.clone()), ..all_on() };
    let handle = LogHandle::open(&options).expect("opens");
    crate::logging::keep_lines_in_tests();
    subscriber::with_default(tracing_subscriber::registry().with(handle.layer()), || {
        info!("one");
        let moved = LoggingOptions { log_file: Some(second.clone()), format: LogFormat::Json, ..options.clone() };
        handle.apply(&moved).expect("opens");
        info!("two");
        let bad = LoggingOptions { log_file: Some("/nonexist/x".into()), ..options };
        handle.apply(&bad).expect_err("refused");
        info!("three");
    });
    assert!(handle.flush(LIMIT));
    assert_eq!(fs::read_to_string(first).expect("readable"), format!("[{}] [INF] one\n", pid()));
    let second = fs::read_to_string(second).expect("readable");
    assert_eq!(second.lines().filter(|line| line.starts_with("{\"time\"")).count(), 2, "{second}");
}
