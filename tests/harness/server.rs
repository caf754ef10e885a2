//! One running server, whichever program it is.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

use crate::config::Config;
use crate::process::{ServerProcess, troupe_binary};
use crate::raw::RawClient;
use crate::reference;

/// A running server. It is killed when dropped.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    process: ServerProcess,
}

impl Server {
    /// Starts the server under test.
    ///
    /// # Panics
    /// Panics when it cannot be started or does not become ready.
    pub fn troupe(config: impl Into<Config>) -> Self {
        Self::program(&troupe_binary(), config)
    }

    /// Starts a program that becomes the server under test.
    ///
    /// # Panics
    /// As [`Server::troupe`].
    pub fn program(binary: &Path, config: impl Into<Config>) -> Self {
        Self { name: "troupe", process: ServerProcess::start(binary, &config.into()) }
    }

    /// Starts the Go server, or returns `None` when it is not installed (see [`reference::binary`]).
    ///
    /// # Panics
    /// Panics when it is installed but cannot be started.
    pub fn reference(config: impl Into<Config>) -> Option<Self> {
        let binary = reference::binary()?;
        Some(Self { name: "reference", process: ServerProcess::start(&binary, &config.into()) })
    }

    /// Returns `troupe` or `reference`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the address of the client listener.
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// Returns the URL clients connect to.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// Opens a raw connection.
    ///
    /// # Panics
    /// Panics when the server does not accept it.
    pub fn connect(&self) -> RawClient {
        RawClient::connect(self.address())
    }

    /// Returns every log line so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log()
    }

    /// Waits for a log line that contains `text` and returns it.
    ///
    /// # Panics
    /// Panics with the whole log when it does not appear in time.
    pub fn wait_log(&self, text: &str) -> String {
        self.process.wait_log(text)
    }

    /// Waits until `count` log lines contain `text` and returns the last of them.
    ///
    /// # Panics
    /// Panics with the whole log when they do not appear in time.
    pub fn wait_log_count(&self, text: &str, count: usize) -> String {
        self.process.wait_log_count(text, count)
    }

    /// Waits for a log line that contains `text` and returns the address at its end.
    ///
    /// # Panics
    /// As [`Server::wait_log`], and when the line ends with something else.
    pub fn wait_address(&self, text: &str) -> SocketAddr {
        self.process.wait_address(text)
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Replaces the configuration file and has the server read it again; returns when it says so.
    ///
    /// # Panics
    /// Panics when the server does not log the reload.
    pub fn reload(&self, config: impl Into<Config>) {
        self.process.reload(&config.into());
    }

    /// Waits until the process has exited and returns its status.
    ///
    /// # Panics
    /// Panics when it does not exit in time.
    pub fn wait_exit(&mut self) -> ExitStatus {
        self.process.wait_exit()
    }

    /// Stops the server gracefully and returns its exit status.
    ///
    /// # Panics
    /// Panics when it does not exit in time.
    pub fn stop(self) -> ExitStatus {
        self.process.stop()
    }

    /// Returns the directory the server runs in.
    pub fn dir(&self) -> &Path {
        self.process.dir()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
