//! A headless Chromium with one page.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::driver::Driver;

/// The longest time a page may take to show something. Two browsers and two servers may share a small machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the browser pretends to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// A phone's screen, with touch.
    pub(crate) is_phone: bool,
    /// The system prefers dark colours.
    pub(crate) is_dark: bool,
}

/// A browser at work in a test.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    client: Client,
}

/// Runs a test in a browser, unless none is installed. The browser is closed whether the test fails or not.
pub(crate) fn in_browser(look: Look, test: impl AsyncFnOnce(Browser)) {
    let Some(driver) = Driver::start() else { return };
    let profile = tempfile::tempdir().expect("a temporary directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let browser = Browser::open(&driver, profile.path(), look).await;
        let finished = AssertUnwindSafe(test(browser.clone())).catch_unwind().await;
        browser.client.close().await.expect("the browser closes");
        if let Err(panic) = finished {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Browser {
    async fn open(driver: &Driver, profile: &Path, look: Look) -> Self {
        let mut options = json!({ "args": arguments(profile) });
        if look.is_phone {
            let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true, "mobile": true });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let wishes = [("goog:chromeOptions", options), ("goog:loggingPrefs", json!({ "browser": "ALL" }))];
        let wishes = wishes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(wishes).connect(&driver.url()).await.expect("ChromeDriver starts Chromium");
        let browser = Self { client };
        let scheme = if look.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        browser
    }

    /// Opens an address.
    pub(crate) async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// Runs a script in the page and returns what it returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        match self.client.execute(script, Vec::new()).await {
            Ok(value) => value,
            Err(fault) => panic!("{script}\n{fault}"),
        }
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        self.run(&format!("return ({expression});")).await
    }

    /// Text of an element; empty where there is none.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let expression = format!("document.querySelector({})?.textContent ?? ''", Value::from(selector));
        self.value(&expression).await.as_str().unwrap_or_default().to_owned()
    }

    /// Texts of all elements a selector finds.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Value::from(selector);
        let found = self.value(&format!("[...document.querySelectorAll({selector})].map((e) => e.textContent)")).await;
        let texts = found.as_array().expect("an array").iter();
        texts.map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn until(&self, expression: &str) {
        self.until_ok(expression, async |browser: &Self| {
            browser.value(&format!("Boolean({expression})")).await.as_bool().filter(|is_true| *is_true)
        })
        .await;
    }

    /// Waits until `find` finds something.
    pub(crate) async fn until_ok<T>(&self, what: &str, mut find: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(self).await {
                return found;
            }
            if Instant::now() > deadline {
                self.screenshot("failure").await;
                panic!("gave up after {PATIENCE:?} waiting for: {what}\n{}", self.console().await.join("\n"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks the first element a selector finds.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("the element is there");
        let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' });";
        let place = serde_json::to_value(&element).expect("elements have a place in JSON");
        self.client.execute(scroll, vec![place]).await.expect("it scrolls there");
        element.click().await.expect("the element can be clicked");
    }

    /// Types into a field, replacing what is there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let element = self.client.find(Locator::Css(selector)).await.expect("the field is there");
        element.clear().await.expect("the field can be cleared");
        element.send_keys(text).await.expect("the field takes text");
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let element = self.client.active_element().await.expect("something has the focus");
        element.send_keys(keys).await.expect("it takes keys");
    }

    /// What the page, and the browser about it, wrote to the console since the last question.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.command("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// Fails when the page has written anything to the console.
    pub(crate) async fn assert_quiet(&self) {
        let console = self.console().await;
        assert!(console.is_empty(), "the page complains:\n{}", console.join("\n"));
    }

    /// Keeps a picture of the window below the target directory.
    pub(crate) async fn screenshot(&self, name: &str) {
        let png = self.client.screenshot().await.expect("a picture");
        let directory = pictures();
        std::fs::create_dir_all(&directory).expect("a place for pictures");
        std::fs::write(directory.join(format!("{name}.png")), png).expect("the picture is written");
    }

    /// Keeps a picture of the whole page, however long it is.
    pub(crate) async fn screenshot_page(&self, name: &str) {
        use base64::Engine as _;
        let answer =
            self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true, "format": "png" })).await;
        let text = answer["data"].as_str().expect("a picture as text");
        let png = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
        let directory = pictures();
        std::fs::create_dir_all(&directory).expect("a place for pictures");
        std::fs::write(directory.join(format!("{name}.png")), png).expect("the picture is written");
    }

    /// Sends a command of the browser's developer tools.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn command(&self, path: &'static str, body: Value) -> Value {
        let command = ChromeCommand { path, body };
        self.client.issue_cmd(command).await.expect("ChromeDriver obeys")
    }
}

fn arguments(profile: &Path) -> Vec<String> {
    let fixed = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1400,1000",
    ];
    let profile = format!("--user-data-dir={}", profile.display());
    fixed.into_iter().map(ToOwned::to_owned).chain([profile]).collect()
}

/// Beside the binaries of the running test: `target/dashboard`.
fn pictures() -> PathBuf {
    let exe = std::env::current_exe().expect("the running test has a path");
    let target = exe.ancestors().nth(3).expect("tests live in TARGET/PROFILE/deps");
    target.join("dashboard")
}

/// A command that is ChromeDriver's own.
#[derive(Debug)]
struct ChromeCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
