//! Client listeners.

use std::path::PathBuf;

/// Where clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Host name or address; `0.0.0.0` by default.
    pub host: String,
    /// TCP port: `-1` picks a free one, `0` means the default 4222 was replaced by a Unix socket only.
    pub port: i32,
    /// Extra Unix domain socket (`listen: "unix:/run/troupe.sock"`).
    pub unix_path: Option<PathBuf>,
    /// `host[:port]` put into INFO instead of the listen address.
    pub client_advertise: Option<String>,
    /// Clients may put a PROXY protocol header in front of their bytes.
    pub proxy_protocol: bool,
}

/// Default client port.
pub const DEFAULT_PORT: i32 = 4222;

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: DEFAULT_PORT,
            unix_path: None,
            client_advertise: None,
            proxy_protocol: false,
        }
    }
}

/// One address to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// Host and port; port 0 asks the system for a free one.
    Tcp(String, u16),
    /// Path of a Unix domain socket.
    Unix(PathBuf),
}

impl ListenOptions {
    /// The addresses to bind: the TCP port unless it is 0, then the Unix socket.
    #[must_use]
    pub fn addresses(&self) -> Vec<ListenAddress> {
        let mut addresses = Vec::new();
        match self.port {
            0 => {}
            port => addresses.push(ListenAddress::Tcp(self.host.clone(), u16::try_from(port).unwrap_or(0))),
        }
        addresses.extend(self.unix_path.clone().map(ListenAddress::Unix));
        addresses
    }
}
