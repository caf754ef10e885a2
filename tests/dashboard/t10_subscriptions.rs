//! "Who would receive this subject?"

use crate::browser::{Look, in_browser};
use crate::stage::Stage;

async fn asked(browser: &crate::browser::Browser, subject: &str, answer: &str) {
    browser.fill("#subject-test", subject).await;
    browser.until(&format!("document.querySelector('#subject-answer').textContent.startsWith({answer:?})")).await;
}

#[test]
fn who_would_receive_a_subject() {
    let stage = Stage::new("");
    let mut plain = stage.client("plain");
    plain.flush("SUB orders.* 1\r\nSUB orders.> 2\r\nSUB other 3\r\n");
    let mut workers: Vec<_> = (0..3).map(|number| stage.client(&format!("worker {number}"))).collect();
    workers.iter_mut().for_each(|worker| worker.flush("SUB orders.new pool 1\r\n"));
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.press("?").await;
        asked(&browser, "orders.new", "It would reach 2 subscriptions, and one of 3 in the queue group pool.").await;
        assert_eq!(browser.texts("#subscriptions tbody tr").await.len(), 5);
        browser.screenshot("subscriptions").await;
        asked(&browser, "nothing.like.it", "Nobody would receive it.").await;
        asked(&browser, "orders.*", "invalid test subject").await;
        // The refusal is an answer; the browser notes the status, nothing else.
        let complaints = browser.console().await;
        assert!(complaints.iter().all(|line| line.contains("400")), "{complaints:?}");
    });
}
