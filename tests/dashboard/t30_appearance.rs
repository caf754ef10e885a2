//! Light and dark, on a phone, with the keyboard. Pictures are kept below the target directory.

use serde_json::Value;

use crate::browser::{Browser, Look, in_browser};
use crate::stage::Stage;

/// A page with something on it, every section in sight once.
async fn opened(browser: &Browser, stage: &Stage) {
    browser.go(&stage.url("dashboard")).await;
    browser.until("document.querySelector('#verdict').dataset.level === 'ok'").await;
    for id in ["connections", "accounts", "streams", "cluster", "actors", "happenings"] {
        browser.run(&format!("document.getElementById('{id}').scrollIntoView({{ behavior: 'instant' }})")).await;
        let asked = match id {
            "accounts" => "document.querySelectorAll('#accounts tbody tr').length > 0",
            "actors" => "document.querySelectorAll('#actors .tree li').length > 0",
            "connections" => "document.querySelectorAll('#connections tbody tr').length > 0",
            "streams" | "cluster" => &format!("!document.getElementById('{id}').textContent.includes('Asking')"),
            _ => "true",
        };
        browser.until(asked).await;
    }
    browser.run("scrollTo({ top: 0, behavior: 'instant' })").await;
}

fn crowd(stage: &Stage) -> Vec<troupe_tests::RawClient> {
    let names =
        ["checkout", "inventory", "mailer", "search-indexer", "a name that somebody made much longer than needed"];
    let mut clients: Vec<_> = names.map(|name| stage.client(name)).into();
    clients.iter_mut().for_each(|client| client.flush("SUB orders.> 1\r\nPUB orders.new 5\r\nhello\r\n"));
    clients
}

async fn overflow(browser: &Browser) -> Value {
    browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").await
}

async fn ground(browser: &Browser) -> Value {
    browser.value("getComputedStyle(document.body).backgroundColor").await
}

#[test]
fn light_and_dark() {
    let stage = Stage::new("server_name: stage-left");
    let _clients = crowd(&stage);
    for (is_dark, name) in [(false, "page-light"), (true, "page-dark")] {
        in_browser(Look { is_dark, ..Look::default() }, async |browser| {
            opened(&browser, &stage).await;
            assert_eq!(overflow(&browser).await, 0);
            browser.screenshot_page(name).await;
            let systems = ground(&browser).await;
            // From the system's colours to light to dark: one of the two differs from the system's.
            browser.click("#theme-toggle").await;
            let light = ground(&browser).await;
            browser.click("#theme-toggle").await;
            let dark = ground(&browser).await;
            assert_ne!(light, dark);
            assert_eq!(systems, if is_dark { dark } else { light });
            // The choice outlasts the page.
            let chosen = "document.documentElement.dataset.theme";
            browser.go(&stage.url("dashboard")).await;
            assert_eq!(browser.value(chosen).await, "dark");
            browser.assert_quiet().await;
        });
    }
}

#[test]
fn on_a_phone() {
    let stage = Stage::new("server_name: stage-left");
    let _clients = crowd(&stage);
    in_browser(Look { is_phone: true, ..Look::default() }, async |browser| {
        opened(&browser, &stage).await;
        assert_eq!(overflow(&browser).await, 0);
        browser.screenshot_page("page-phone").await;
        browser.click("#connections tbody td.name button").await;
        browser.until("document.querySelector('#detail').open").await;
        assert_eq!(overflow(&browser).await, 0);
        browser.assert_quiet().await;
    });
}

/// Whoever has no mouse reaches everything, sees where they are, and hears what it is.
#[test]
fn with_the_keyboard() {
    let stage = Stage::new("");
    let _clients = crowd(&stage);
    in_browser(Look::default(), async |browser| {
        opened(&browser, &stage).await;
        let nameless = "[...document.querySelectorAll('button, input, select, a, [tabindex], [role]')]
            .filter((e) => e.checkVisibility() && !e.closest('[aria-hidden]'))
            .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim() || e.title || e.tagName === 'MAIN'))
            .map((e) => e.outerHTML.slice(0, 120))";
        assert_eq!(browser.value(nameless).await, Value::Array(Vec::new()));
        browser.run("document.activeElement.blur()").await;
        let mut seen = Vec::new();
        for _ in 0..25 {
            browser.press("\u{e004}").await;
            let at = browser
                .value(
                    "(() => { const e = document.activeElement; const s = getComputedStyle(e.matches('.segments input') ? \
                     e.nextElementSibling : e); return [e.id || e.className || e.tagName, s.outlineStyle, s.outlineWidth]; })()",
                )
                .await;
            assert_ne!(at[1], "none", "nothing shows the focus on {at}");
            seen.push(at[0].as_str().unwrap_or_default().to_owned());
        }
        for expected in ["skip", "theme-toggle", "stage", "connections-filter", "sort"] {
            assert!(seen.iter().any(|name| name == expected), "{expected} in {seen:?}");
        }
        browser.assert_quiet().await;
    });
}
