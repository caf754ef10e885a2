//! Accounts and actors.

use crate::browser::{Look, in_browser};
use crate::stage::Stage;

#[test]
fn accounts_lead_to_their_connections() {
    let stage = Stage::new("accounts { A { users: [{user: a, password: a}] }, B { users: [{user: b, password: b}] } }");
    let enter = |user: &str| {
        let mut client = stage.connect();
        client.flush(format!(
            "CONNECT {{\"verbose\":false,\"user\":{user:?},\"pass\":{user:?},\"name\":\"of {user}\"}}\r\n"
        ));
        client
    };
    let _clients = [enter("a"), enter("b"), enter("b")];
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.run("document.getElementById('accounts').scrollIntoView({ behavior: 'instant' })").await;
        browser.until("document.querySelector('#accounts tbody td.name')?.textContent === 'B'").await;
        browser.click("#accounts tbody td.name button").await;
        browser
            .until("document.querySelector('#connections .range').textContent === '1–2 of 2 matching connections'")
            .await;
        assert_eq!(browser.texts("#connections tbody td.name").await, ["of b", "of b"]);
        browser.click("#connections .chip").await;
        browser
            .until("document.querySelector('#connections .range').textContent === '1–3 of 3 open connections'")
            .await;
        browser.assert_quiet().await;
    });
}

#[test]
fn the_tree_shows_every_actor() {
    let stage = Stage::new("");
    let _client = stage.client("one");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.run("document.getElementById('actors').scrollIntoView({ behavior: 'instant' })").await;
        browser.until("document.querySelectorAll('#actors .tree li').length > 3").await;
        let names = browser.texts("#actors .tree strong").await;
        for expected in ["router", "listener", "monitor", "client × 1"] {
            assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
        }
        browser.assert_quiet().await;
    });
}
