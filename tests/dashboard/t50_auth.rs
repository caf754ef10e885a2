//! Behind `http_auth`.

use crate::browser::{Look, in_browser};
use crate::http::{get, stream};
use crate::stage::Stage;

const AUTH: &str = "http_auth { user: watcher, password: secret }";
/// "watcher:secret" in base64.
const HEADER: (&str, &str) = ("Authorization", "Basic d2F0Y2hlcjpzZWNyZXQ=");

#[test]
fn nothing_is_told_without_a_password() {
    let stage = Stage::new(AUTH);
    for path in ["/dashboard", "/dashboard/connections", "/dashboard/0123456789abcdef/app.js"] {
        assert_eq!(get(stage.monitor(), path, &[]).status, 401, "{path}");
    }
    assert_eq!(stream(stage.monitor(), "/eventsz").0, 401);
    assert_eq!(get(stage.monitor(), "/dashboard", &[HEADER]).status, 200);
}

#[test]
fn the_page_works_with_one() {
    let stage = Stage::new(AUTH);
    let _client = stage.client("one");
    in_browser(Look::default(), async |browser| {
        // The browser keeps what is in the address for everything the page asks for.
        browser.go(&stage.url("dashboard").replace("http://", "http://watcher:secret@")).await;
        browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
        browser.until("document.querySelector('#feed-state').dataset.state === 'live'").await;
        browser.until("document.querySelector('#connections tbody td.name')?.textContent === 'one'").await;
        browser.assert_quiet().await;
    });
}
