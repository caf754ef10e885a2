//! Configuration of one server under test.

use std::net::IpAddr;

/// A configuration text together with the command-line arguments that go with it.
///
/// The listener is `127.0.0.1` unless [`Config::within`] says otherwise, on a random port unless [`Config::port`] fixes one.
#[derive(Clone, Debug, Default)]
pub struct Config {
    body: String,
    port: Option<u16>,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    own_listener: bool,
    host: Option<IpAddr>,
    runner: Vec<String>,
}

impl Config {
    /// Creates a configuration from the text that follows the listener's lines.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Fixes the client port, for a server that comes back where an earlier one was.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts the server in a network namespace, and has it listen on an address there.
    pub fn within(mut self, namespace: &str, address: IpAddr) -> Self {
        self.host = Some(address);
        self.runner = ["ip", "netns", "exec", namespace].map(ToOwned::to_owned).into();
        self
    }

    /// Returns the command that the binary is an argument of; nothing where it is started directly.
    pub fn runner(&self) -> &[String] {
        &self.runner
    }

    /// Leaves the listener's lines to the text itself.
    pub fn own_listener(mut self) -> Self {
        self.own_listener = true;
        self
    }

    /// Adds a command-line argument after `-c FILE`.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets an environment variable of the process.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Returns the environment variables that are set beside the inherited ones.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the command-line arguments that follow `-c FILE`.
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// Returns the text beside the listener's lines.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Renders the file's text.
    pub fn text(&self) -> String {
        if self.own_listener {
            return self.body.clone();
        }
        let port = self.port.map_or_else(|| "-1".to_owned(), |port| port.to_string());
        let host = self.host.map_or_else(|| "127.0.0.1".to_owned(), |host| host.to_string());
        format!("host: \"{host}\"\nport: {port}\n{}\n", self.body)
    }
}

impl From<&str> for Config {
    fn from(body: &str) -> Self {
        Self::new(body)
    }
}

impl From<String> for Config {
    fn from(body: String) -> Self {
        Self::new(body)
    }
}
