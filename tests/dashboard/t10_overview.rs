//! The first five seconds: is the server well, what is it, what does it do.

use serde_json::Value;

use crate::browser::{Browser, Look, in_browser};
use crate::stage::Stage;

/// Text of one of the facts below the verdict.
async fn fact(browser: &Browser, name: &str) -> String {
    browser.text(&format!("[data-fact={name}] .fact-value")).await
}

/// The present figure of a chart: of the series `in` or `out`.
async fn figure(browser: &Browser, chart: &str, series: &str) -> String {
    browser.text(&format!("#{chart} .legend-item.{series} .legend-value")).await
}

#[test]
fn says_that_all_is_well() {
    let stage = Stage::new("server_name: stage-left");
    let _clients: Vec<_> = (0..3).map(|number| stage.client(&format!("client {number}"))).collect();
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
        browser.until("document.querySelector('#feed-state').dataset.state === 'live'").await;
        let varz = stage.json("varz");
        assert_eq!(browser.text("#verdict-title").await, "All is well");
        assert_eq!(browser.text("#server-name").await, "stage-left");
        assert_eq!(fact(&browser, "version").await, varz["version"].as_str().unwrap());
        browser.until("document.querySelector('[data-fact=connections] .fact-value').textContent === '3'").await;
        let digest = varz["config_digest"].as_str().unwrap();
        assert!(digest.contains(&fact(&browser, "config").await), "{digest}");
        assert_eq!(fact(&browser, "slow_consumers").await, "0");
        assert_eq!(fact(&browser, "restarts").await, "0");
        assert!(fact(&browser, "uptime").await.ends_with('s'));
        assert!(browser.text("[data-fact=version] .fact-note").await.starts_with("troupe "));
        assert_eq!(browser.value("document.querySelector('#outdated').hidden").await, true);
        browser.assert_quiet().await;
        browser.screenshot("overview-light").await;
    });
}

#[test]
fn charts_move_when_messages_flow() {
    let stage = Stage::new("");
    let mut client = stage.client("busy");
    client.flush("SUB foo 1\r\n");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('#chart-msgs .line.in').getAttribute('d')?.length > 20").await;
        assert_eq!(figure(&browser, "chart-msgs", "in").await, "0/s");
        let before = browser.value("document.querySelector('#chart-msgs .line.out').getAttribute('d')").await;
        browser
            .until_ok("rates above zero", async |browser: &Browser| {
                (0..20).for_each(|_| client.flush("PUB foo 100\r\n".to_owned() + &"x".repeat(100) + "\r\n"));
                let figures = [
                    figure(browser, "chart-msgs", "in").await,
                    figure(browser, "chart-msgs", "out").await,
                    figure(browser, "chart-bytes", "in").await,
                    figure(browser, "chart-bytes", "out").await,
                ];
                figures.iter().all(|figure| !figure.starts_with("0") && figure.ends_with("/s")).then_some(())
            })
            .await;
        let after = browser.value("document.querySelector('#chart-msgs .line.out').getAttribute('d')").await;
        assert_ne!(before, after);
        browser.assert_quiet().await;
        browser.screenshot("charts").await;
    });
}

#[test]
fn history_is_there_for_whoever_comes_late() {
    let stage = Stage::new("");
    let mut client = stage.client("busy");
    let (_, events) = crate::http::stream(stage.monitor(), "/eventsz");
    client.flush("PUB foo 5\r\nhello\r\n");
    assert_eq!(events.filter(|(name, _)| name == "sample").take(4).count(), 4);
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        // More points than the page can have seen itself.
        let points = "(document.querySelector('#chart-msgs .line.in').getAttribute('d') ?? '').split('L').length";
        let first = browser
            .until_ok("a line", async |browser: &Browser| browser.value(points).await.as_u64().filter(|n| *n > 1))
            .await;
        assert!(first >= 4, "{first} points");
    });
}

#[test]
fn charts_are_read_with_the_keyboard() {
    let stage = Stage::new("");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('#chart-msgs .line.in').getAttribute('d')?.split('L').length > 4").await;
        browser.run("document.querySelector('#chart-msgs .stage').focus()").await;
        browser.press("\u{e012}").await;
        browser.press("\u{e012}").await;
        let spoken = "document.querySelector('#chart-msgs .stage').getAttribute('aria-valuetext')";
        let said = browser.value(spoken).await;
        let said = said.as_str().unwrap();
        assert!(said.contains(": in ") && said.contains(", out ") && !said.starts_with("now"), "{said}");
        // Both charts show the same moment.
        let clocks = browser.texts(".chart-clock").await;
        assert!(clocks[0] == clocks[1] && clocks[0] != "now", "{clocks:?}");
        browser.press("\u{e00c}").await;
        assert_eq!(browser.texts(".chart-clock").await, ["now", "now"]);
        browser.assert_quiet().await;
    });
}

#[test]
fn a_shorter_time_can_be_chosen() {
    let stage = Stage::new("");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelectorAll('#window-choice input').length === 3").await;
        browser.click("#window-choice label:first-child").await;
        assert_eq!(browser.value("document.querySelector('#window-choice input').checked").await, Value::Bool(true));
        browser.until("document.querySelector('#chart-msgs .line.in').getAttribute('d')?.length > 20").await;
        browser.assert_quiet().await;
    });
}
