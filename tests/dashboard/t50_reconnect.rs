//! A server that goes and comes back, under a page that stays.

use troupe_tests::Config;

use crate::browser::{Look, in_browser};
use crate::stage::Stage;

#[test]
fn says_that_the_server_is_gone_and_finds_it_again() {
    let stage = Stage::new("server_name: first");
    let port = stage.monitor().port();
    let mut stage_opt = Some(stage);
    in_browser(Look::default(), async |browser| {
        browser.go(&stage_opt.as_ref().unwrap().url("dashboard")).await;
        browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
        browser.assert_quiet().await;
        drop(stage_opt.take());
        browser.until("document.querySelector('#verdict-title').textContent === 'No answer'").await;
        assert_eq!(browser.text("#feed-state").await, "no answer");
        browser.screenshot("no-answer").await;
        let config = format!("http: \"127.0.0.1:{port}\"\nserver_name: second");
        let _second = Stage::with(Config::new(config), "");
        browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
        browser.until("document.querySelector('#server-name').textContent === 'second'").await;
        browser.until("document.querySelector('#feed-state').dataset.state === 'live'").await;
        // The browser notes each failed request itself; the page adds nothing to that.
        let complaints = browser.console().await;
        assert!(complaints.iter().all(|line| line.contains("net::ERR_")), "{complaints:?}");
    });
}

#[test]
fn works_below_a_base_path() {
    let config = Config::new("http: \"127.0.0.1:-1\"\nhttp_base_path: \"/nats\"");
    let stage = Stage::with(config, "/nats");
    let _client = stage.client("one");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
        browser.until("document.querySelector('#connections tbody td.name')?.textContent === 'one'").await;
        browser.assert_quiet().await;
    });
}
