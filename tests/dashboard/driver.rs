//! ChromeDriver as a child process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The environment variable that names another ChromeDriver than the one in the search path.
const DRIVER_VARIABLE: &str = "TROUPE_TEST_CHROMEDRIVER";

/// A running ChromeDriver on a port of its own choice. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    /// Starts ChromeDriver. Without one installed it says so and returns `None`, but not in CI, which has to install it.
    pub(crate) fn start() -> Option<Self> {
        let named = std::env::var_os(DRIVER_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let binary = named.unwrap_or_else(|| PathBuf::from("chromedriver"));
        let spawned = Command::new(&binary).arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = spawned else {
            assert!(
                std::env::var_os("CI").is_none(),
                "no ChromeDriver: CI must install chromium and chromium-driver, or set {DRIVER_VARIABLE}"
            );
            eprintln!("SKIPPED: no ChromeDriver; install chromium and chromium-driver, or set {DRIVER_VARIABLE}");
            return None;
        };
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| port_in(&line));
        let port = told.expect("ChromeDriver tells its port before it ends");
        // It may write more later, and must not find a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port })
    }

    /// Address of its WebDriver endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads "ChromeDriver was started successfully on port 36491."
fn port_in(line: &str) -> Option<u16> {
    line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').parse().ok()
}
