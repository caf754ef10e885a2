//! A server with a monitor and clients that do something.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value;
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::{Config, RawClient};

/// A monitor on a port of its own choice.
pub(crate) const HTTP: &str = "http: \"127.0.0.1:-1\"";

/// A running server whose monitor is known.
#[derive(Debug)]
pub(crate) struct Stage {
    process: ServerProcess,
    monitor: SocketAddr,
    prefix: String,
}

impl Stage {
    /// Starts a server with a monitor on a port of its own choice.
    pub(crate) fn new(config: &str) -> Self {
        Self::with(Config::new(format!("{HTTP}\n{config}")), "")
    }

    /// Starts a server whose configuration has its own `http` line, below a base path.
    pub(crate) fn with(config: Config, prefix: &str) -> Self {
        Self::of(&troupe_binary(), config, prefix)
    }

    /// The same of another binary.
    pub(crate) fn of(binary: &Path, config: Config, prefix: &str) -> Self {
        let process = ServerProcess::start(binary, &config);
        let monitor = process.wait_address("Starting http monitor on ");
        Self { process, monitor, prefix: prefix.to_owned() }
    }

    /// Address of the monitor.
    pub(crate) fn monitor(&self) -> SocketAddr {
        self.monitor
    }

    /// URL of a path of the monitor: `url("dashboard")`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{}/{path}", self.monitor, self.prefix)
    }

    /// Path with the base path in front.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.prefix)
    }

    /// What an endpoint answers.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = crate::http::get(self.monitor, &self.path(path), &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or_else(|fault| panic!("{path}: {fault}\n{}", answer.text()))
    }

    /// Connects a client that has said nothing yet.
    pub(crate) fn connect(&self) -> RawClient {
        RawClient::connect(self.process.address())
    }

    /// Waits for a line of the server's log.
    pub(crate) fn wait_log(&self, text: &str) {
        self.process.wait_log(text);
    }

    /// Ends the server in order.
    pub(crate) fn stop(self) -> ExitStatus {
        self.process.stop()
    }

    /// Connects a client with a name, which the server knows when this returns.
    pub(crate) fn client(&self, name: &str) -> RawClient {
        let mut client = self.connect();
        client.flush(format!("CONNECT {{\"verbose\":false,\"name\":{}}}\r\n", Value::from(name)));
        client
    }
}
