//! The table of connections: sorted, filtered and cut into pages by the server.

use crate::browser::{Browser, Look, in_browser};
use crate::stage::Stage;

const OPEN: &str = "#connections .table-wrap:not([hidden])";

async fn names(browser: &Browser) -> Vec<String> {
    browser.texts(&format!("{OPEN} tbody td.name")).await
}

async fn until_first(browser: &Browser, name: &str) {
    browser
        .until_ok(&format!("{name} on top"), async |browser: &Browser| {
            names(browser).await.first().is_some_and(|first| first == name).then_some(())
        })
        .await;
}

/// Opens the page and has the table in sight.
async fn open(browser: &Browser, stage: &Stage) {
    browser.go(&stage.url("dashboard")).await;
    browser.run("document.getElementById('connections').scrollIntoView({ behavior: 'instant' })").await;
    browser.until(&format!("document.querySelectorAll('{OPEN} tbody tr').length > 0")).await;
}

#[test]
fn sorts_by_a_click_on_a_column() {
    let stage = Stage::new("");
    let mut clients: Vec<_> = ["delta", "Alpha", "charlie", "bravo"].map(|name| stage.client(name)).into();
    clients[2].flush("SUB a 1\r\nSUB b 2\r\n");
    in_browser(Look::default(), async |browser| {
        open(&browser, &stage).await;
        assert_eq!(names(&browser).await, ["delta", "Alpha", "charlie", "bravo"]);
        let head = |number: u32| format!("{OPEN} th:nth-child({number}) button");
        browser.click(&head(2)).await;
        until_first(&browser, "Alpha").await;
        assert_eq!(names(&browser).await, ["Alpha", "bravo", "charlie", "delta"]);
        browser.click(&head(2)).await;
        until_first(&browser, "delta").await;
        assert_eq!(
            browser.value(&format!("document.querySelector('{OPEN} th:nth-child(2)').ariaSort")).await,
            "descending"
        );
        // Most subscriptions first.
        browser.click(&head(6)).await;
        until_first(&browser, "charlie").await;
        browser.assert_quiet().await;
    });
}

#[test]
fn filters_as_one_types() {
    let stage = Stage::new("");
    let _clients: Vec<_> = (0..12).map(|number| stage.client(&format!("worker-{number}"))).collect();
    let _other = stage.client("mailer");
    in_browser(Look::default(), async |browser| {
        open(&browser, &stage).await;
        // The slash leads to the filter.
        browser.press("/").await;
        browser.press("WORKER-1").await;
        until_first(&browser, "worker-1").await;
        assert_eq!(names(&browser).await, ["worker-1", "worker-10", "worker-11"]);
        assert_eq!(browser.text("#connections .range").await, "1–3 of 3 matching connections");
        browser.fill("#connections-filter", "nobody is called so").await;
        browser.until(&format!("document.querySelector('{OPEN} .empty')?.offsetParent")).await;
        assert_eq!(browser.text(&format!("{OPEN} .empty")).await, "No connection matches.");
        browser.assert_quiet().await;
    });
}

#[test]
fn pages_through_what_is_too_long() {
    let stage = Stage::new("");
    let _clients: Vec<_> = (0..60).map(|number| stage.client(&format!("client {number:02}"))).collect();
    in_browser(Look::default(), async |browser| {
        open(&browser, &stage).await;
        assert_eq!(names(&browser).await.len(), 25);
        browser.click("[aria-label='Next page']").await;
        until_first(&browser, "client 25").await;
        browser.click("[aria-label='Last page']").await;
        until_first(&browser, "client 50").await;
        assert_eq!(browser.text("#connections .range").await, "51–60 of 60 open connections");
        let disabled = "document.querySelector(\"[aria-label='Next page']\").disabled";
        assert_eq!(browser.value(disabled).await, true);
        browser.assert_quiet().await;
    });
}

#[test]
fn closed_connections_have_a_reason() {
    let stage = Stage::new("");
    stage.client("gone").close();
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.click("#connections label:has(input[value=closed])").await;
        until_first(&browser, "gone").await;
        assert!(browser.texts(&format!("{OPEN} tbody td")).await.contains(&"Client Closed".to_owned()));
        browser.assert_quiet().await;
    });
}

#[test]
fn a_connection_opens_in_full() {
    let stage = Stage::new("");
    let mut client = stage.client("orders");
    client.flush("SUB orders.* workers 1\r\n");
    in_browser(Look::default(), async |browser| {
        open(&browser, &stage).await;
        browser.click(&format!("{OPEN} tbody td.name button")).await;
        browser.until("document.querySelector('#detail').open").await;
        browser.until("document.querySelector('#detail .subject')?.textContent === 'orders.*'").await;
        assert_eq!(browser.text("#detail-title").await, "orders");
        assert_eq!(browser.text("#detail .tag").await, "queue workers");
        browser.screenshot("connection").await;
        browser.press("\u{e00c}").await;
        browser.until("!document.querySelector('#detail').open").await;
        browser.assert_quiet().await;
    });
}

#[test]
fn rates_tell_who_is_busy() {
    let stage = Stage::new("");
    let _idle: Vec<_> = (0..5).map(|number| stage.client(&format!("idle-{number}"))).collect();
    let mut busy = stage.client("busy");
    in_browser(Look::default(), async |browser| {
        open(&browser, &stage).await;
        browser.click(&format!("{OPEN} th:nth-child(9) button")).await;
        browser
            .until_ok("the busy one on top", async |browser: &Browser| {
                (0..10).for_each(|_| busy.flush("PUB foo 5\r\nhello\r\n"));
                let is_first = names(browser).await.first().is_some_and(|name| name == "busy");
                let rate = browser.text(&format!("{OPEN} tbody td:nth-child(9) .main")).await;
                (is_first && rate.parse::<f64>().is_ok_and(|rate| rate > 0.0)).then_some(())
            })
            .await;
        browser.assert_quiet().await;
    });
}
