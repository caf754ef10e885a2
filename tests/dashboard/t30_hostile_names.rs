//! What clients call themselves is text, whatever it looks like.

use serde_json::Value;

use crate::browser::{Look, in_browser};
use crate::stage::Stage;

const NAMES: [&str; 4] = [
    "<img src=x onerror='window.caught=1'>",
    "<script>window.caught=1</script>",
    "\"><svg onload=window.caught=1>",
    "${window.caught=1}{{window.caught=1}}",
];

#[test]
fn names_never_become_markup() {
    let stage = Stage::new("server_name: \"<b>bold</b>\"");
    let mut clients = NAMES.map(|name| stage.client(name));
    clients[0].flush("SUB <i>.x 1\r\nSUB foo <u>q</u> 2\r\n");
    in_browser(Look::default(), async |browser| {
        browser.go(&stage.url("dashboard")).await;
        browser.until("document.querySelectorAll('#connections tbody tr').length === 4").await;
        assert_eq!(browser.texts("#connections tbody td.name").await, NAMES);
        // In the drawer, in the answer about a subject and among the events, too.
        browser.click("#connections tbody td.name button").await;
        browser.until("document.querySelector('#detail .subject')?.textContent === '<i>.x'").await;
        browser.press("\u{e00c}").await;
        browser.fill("#subject-test", "foo").await;
        browser.until("document.querySelector('#subject-answer').textContent.includes('<u>q</u>')").await;
        let _late = stage.client(NAMES[0]);
        browser.run("document.getElementById('happenings').scrollIntoView({ behavior: 'instant' })").await;
        browser.until("document.querySelector('#happenings tbody td.name')?.textContent.includes('<img')").await;
        assert_eq!(browser.text("#server-name").await, "<b>bold</b>");
        let made = "document.querySelectorAll('main img, main script, main b, main i:not([class]), main u').length";
        assert_eq!(browser.value(made).await, 0);
        assert_eq!(browser.value("window.caught").await, Value::Null);
        browser.assert_quiet().await;
    });
}
