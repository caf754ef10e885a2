//! Mirrors and sources, told by both servers.

use std::time::{Duration, Instant};

use async_nats::Client;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ask::ask;
use crate::t30_stories::compare;

/// How long a stream may take to get or to lose something; one whose origin vanished looks again after ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a part of a stream's state has this value.
async fn wait_for(client: &Client, stream: &str, part: &str, value: u64) {
    let since = Instant::now();
    while ask(client, &format!("$JS.API.STREAM.INFO.{stream}"), "").await["state"][part] != value {
        assert!(since.elapsed() < PATIENCE, "{stream}: {part} never gets to {value}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The messages of a stream, with the last word of where they came from only counted, and what is said of its sources.
async fn told(client: &Client, stream: &str) -> Vec<String> {
    let info = ask(client, &format!("$JS.API.STREAM.INFO.{stream}"), "").await;
    let mut told = vec![format!("{stream} {}", info["state"]["messages"])];
    for source in info["sources"].as_array().into_iter().flatten().chain([&info["mirror"]]) {
        told.push(format!("{} lag {} seq {} error {}", source["name"], source["lag"], source["seq"], source["error"]));
    }
    let last = info["state"]["last_seq"].as_u64().unwrap_or_default();
    for seq in 1..=last {
        let found = ask(client, &format!("$JS.API.STREAM.MSG.GET.{stream}"), &format!(r#"{{"seq":{seq}}}"#)).await;
        let block = STANDARD.decode(found["message"]["hdrs"].as_str().unwrap_or_default()).unwrap_or_default();
        let block = String::from_utf8_lossy(&block).into_owned();
        let origin = block.lines().find_map(|line| line.strip_prefix("Nats-Stream-Source: ")).unwrap_or_default();
        let words: Vec<&str> = origin.split(' ').collect();
        let shown = words.iter().take(5).copied().collect::<Vec<_>>().join(" ");
        told.push(format!(
            "{seq} {} {} [{shown}] {}",
            found["message"]["subject"],
            found["message"]["data"],
            words.len()
        ));
    }
    told
}

async fn make(client: &Client, name: &str, rest: &str) {
    let made = ask(client, &format!("$JS.API.STREAM.CREATE.{name}"), &format!(r#"{{"name":"{name}",{rest}}}"#)).await;
    assert!(made["error"].is_null(), "{made}");
}

#[tokio::test]
async fn sources_are_read_filtered_and_changed() {
    compare(async |client| {
        make(&client, "O", r#""subjects":["o.>"]"#).await;
        for number in 0..6 {
            ask(&client, &format!("o.{}.{number}", ["a", "b"][number % 2]), "x").await;
        }
        ask(&client, "$JS.API.STREAM.MSG.DELETE.O", r#"{"seq":3}"#).await;
        for (name, rest, last_seq) in [
            ("ALL", r#""sources":[{"name":"O"}]"#, 5),
            ("ONE", r#""sources":[{"name":"O","filter_subject":"o.a.*","opt_start_seq":2}]"#, 1),
            ("OWN", r#""subjects":["own.>"],"sources":[{"name":"O","subject_transforms":[{"src":"o.b.*","dest":"own.$1"}]}]"#, 3),
            ("TURNED", r#""subject_transform":{"src":"o.>","dest":"t.>"},"sources":[{"name":"O"}]"#, 5),
            ("MIRROR", r#""mirror":{"name":"O"}"#, 6),
            ("PART", r#""mirror":{"name":"O","filter_subject":"o.a.>"}"#, 5),
        ] {
            make(&client, name, rest).await;
            wait_for(&client, name, "last_seq", last_seq).await;
        }
        let mut all = Vec::new();
        for name in ["ALL", "ONE", "OWN", "TURNED", "MIRROR", "PART"] {
            all.extend(told(&client, name).await);
        }
        all
    })
    .await;
}

#[tokio::test]
async fn an_origin_that_was_made_anew_is_read_from_its_beginning() {
    compare(async |client| {
        make(&client, "O", r#""subjects":["o"]"#).await;
        make(&client, "S", r#""sources":[{"name":"O"}]"#).await;
        for _ in 0..3 {
            ask(&client, "o", "old").await;
        }
        wait_for(&client, "S", "last_seq", 3).await;
        ask(&client, "$JS.API.STREAM.DELETE.O", "").await;
        make(&client, "O", r#""subjects":["o"]"#).await;
        for _ in 0..2 {
            ask(&client, "o", "new").await;
        }
        wait_for(&client, "S", "last_seq", 5).await;
        told(&client, "S").await
    })
    .await;
}

#[tokio::test]
async fn what_stays_for_consumers_only_is_passed_on_once() {
    compare(async |client| {
        make(&client, "W", r#""subjects":["w"],"retention":"workqueue""#).await;
        for _ in 0..3 {
            ask(&client, "w", "x").await;
        }
        make(&client, "S", r#""sources":[{"name":"W"}]"#).await;
        wait_for(&client, "S", "last_seq", 3).await;
        wait_for(&client, "W", "messages", 0).await;
        let list = ask(&client, "$JS.API.CONSUMER.LIST.W", "").await;
        let mut all = told(&client, "S").await;
        for consumer in list["consumers"].as_array().into_iter().flatten() {
            let config = &consumer["config"];
            all.push(format!("{} {} {}", consumer["name"], config["ack_policy"], config["metadata"]));
        }
        // The consumer goes with the stream it feeds.
        ask(&client, "$JS.API.STREAM.DELETE.S", "").await;
        wait_for(&client, "W", "consumer_count", 0).await;
        all
    })
    .await;
}
