//! What a person sees when something is wrong.

use std::path::Path;

use troupe_tests::Config;

use crate::browser::{Look, in_browser};
use crate::stage::{HTTP, Stage};

/// The server with fault injection compiled in.
const WITH_FAULTS: &str = env!("CARGO_BIN_EXE_troupe-with-faults");

#[test]
fn a_restart_is_told_with_its_cause() {
    let config = Config::new(HTTP).env("TROUPE_FAULTS", "router:mid-apply=panic");
    let stage = Stage::of(Path::new(WITH_FAULTS), config, "");
    let mut client = stage.client("one");
    client.flush("SUB foo 1\r\n");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('#verdict').dataset.level === 'warn'").await;
        let told = "The actor router restarted once in the last 15 minutes";
        assert_eq!(browser.texts("#verdict-text li").await, [told]);
        assert_eq!(browser.text("[data-fact=restarts] .fact-value").await, "1");
        browser.click("#verdict-text a").await;
        browser.until("document.querySelector('#actors td.cause')?.textContent.length > 5").await;
        let actor = browser.text("#actors tbody td.name").await;
        assert_eq!(actor, "router");
        browser.assert_quiet().await;
        browser.run("document.getElementById('actors').scrollIntoView({ behavior: 'instant' })").await;
        browser.screenshot("restart").await;
    });
}

#[test]
fn a_slow_consumer_is_named() {
    let stage = Stage::new("max_pending: 2MB");
    let mut reader = stage.client("sleepy reader");
    reader.flush("SUB big 1\r\n");
    let mut publisher = stage.client("publisher");
    let message = format!("PUB big 262144\r\n{}\r\n", "x".repeat(262_144));
    for _ in 0..256 {
        publisher.flush(&message);
    }
    stage.wait_log("Slow Consumer Detected");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('[data-fact=slow_consumers] .fact-value').textContent === '1'").await;
        browser.run("document.getElementById('slow').scrollIntoView({ behavior: 'instant' })").await;
        browser.until("document.querySelector('#slow tbody td.name')").await;
        assert_eq!(browser.texts("#slow tbody td.name").await, ["sleepy reader"]);
        assert!(browser.text("#slow tbody td.clip").await.starts_with("Slow Consumer"));
        assert_eq!(browser.text("[data-fact=slow_consumers] .fact-note").await, "1 client");
        browser.assert_quiet().await;
        browser.screenshot("slow-consumer").await;
    });
}
