//! The feed of events.

use std::time::Instant;

use serde_json::Value;

use crate::http::stream;
use crate::stage::Stage;

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// The next event of this name for which `wanted` holds.
fn next(events: &mut crate::http::Events, name: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
    let found = events.take(40).find(|(found, data)| found == name && wanted(data));
    found.unwrap_or_else(|| panic!("no such event: {name}")).1
}

#[test]
fn history_comes_first_and_a_sample_each_second() {
    let stage = Stage::new("");
    let (status, mut events) = stream(stage.monitor(), "/eventsz");
    assert_eq!(status, 200);
    let (name, history) = events.next().unwrap();
    assert_eq!(name, "history");
    assert_eq!(history["server_id"], stage.json("varz")["server_id"]);
    assert_eq!(history["fields"][0], "at");
    let started = Instant::now();
    let samples: Vec<u64> = (0..3).map(|_| number(&next(&mut events, "sample", |_| true), "at")).collect();
    assert!(samples.is_sorted_by(|a, b| a < b), "{samples:?}");
    assert!((1..=6).contains(&started.elapsed().as_secs()), "three samples in {:?}", started.elapsed());
    // Whoever comes later finds them in the history.
    let (_, mut later) = stream(stage.monitor(), "/eventsz");
    let rows = later.next().unwrap().1["rows"].clone();
    let known: Vec<u64> = rows.as_array().unwrap().iter().map(|row| row[0].as_u64().unwrap()).collect();
    assert!(samples.iter().all(|at| known.contains(at)), "{samples:?} in {known:?}");
}

#[test]
fn figures_are_those_of_varz() {
    let stage = Stage::new("");
    let mut client = stage.client("publisher");
    client.flush("SUB foo 1\r\n");
    (0..100).for_each(|_| client.flush("PUB foo 5\r\nhello\r\n"));
    let varz = stage.json("varz");
    let (_, mut events) = stream(stage.monitor(), "/eventsz");
    let sample = next(&mut events, "sample", |sample| sample["in_msgs"] == varz["in_msgs"]);
    for name in ["in_msgs", "in_bytes", "out_msgs", "out_bytes", "connections", "total_connections", "subscriptions"] {
        assert_eq!(sample[name], varz[name], "{name}");
    }
    assert_eq!(number(&sample, "in_msgs"), 100);
    assert_eq!(number(&sample, "out_bytes"), 500);
}

#[test]
fn connections_are_told_as_they_come_and_go() {
    let stage = Stage::new("");
    let (_, mut events) = stream(stage.monitor(), "/eventsz");
    // The first look is the one that others are compared with.
    next(&mut events, "sample", |_| true);
    next(&mut events, "sample", |_| true);
    let mut client = stage.client("visitor");
    let came = next(&mut events, "connections", |changes| !changes["connected"].as_array().unwrap().is_empty());
    assert_eq!((&came["connected"][0]["name"], &came["connected"][0]["ip"]), (&"visitor".into(), &"127.0.0.1".into()));
    client.close();
    let went = next(&mut events, "connections", |changes| !changes["disconnected"].as_array().unwrap().is_empty());
    assert_eq!(went["disconnected"][0]["name"], "visitor");
    assert_eq!(went["disconnected"][0]["reason"], "Client Closed");
}

#[test]
fn listeners_do_not_hold_up_the_end() {
    let stage = Stage::new("");
    let (_, mut events) = stream(stage.monitor(), "/eventsz");
    events.next().unwrap();
    let started = Instant::now();
    assert!(stage.stop().success());
    assert!(started.elapsed().as_secs() < 5, "the end took {:?}", started.elapsed());
    assert_eq!(events.take(10).filter(|(name, _)| name == "history").count(), 0);
}

#[test]
fn too_many_listeners_are_refused() {
    let stage = Stage::new("");
    let mut listeners = Vec::new();
    let refused = (0..80).find_map(|_| {
        let (status, events) = stream(stage.monitor(), "/eventsz");
        listeners.push(events);
        (status != 200).then_some(status)
    });
    assert_eq!((refused, listeners.len()), (Some(503), 65));
}
