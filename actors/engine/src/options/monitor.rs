//! The HTTP monitor.

use std::path::PathBuf;

use super::{ListenOptions, Secret};

/// Where the monitor listens. At most one of the two ports is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorOptions {
    /// Host; `None` is the one of the client listener.
    pub host: Option<String>,
    /// Port without TLS: `0` is off, `-1` picks a free one.
    pub http_port: i32,
    /// Port with TLS.
    pub https_port: i32,
    /// Path in front of every endpoint, as configured.
    pub base_path: String,
    /// Who may use it; `None` is everybody.
    pub auth: Option<MonitorAuth>,
}

/// What a request has to show. A user and a token may both be there: either will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorAuth {
    /// User name.
    pub user: Option<String>,
    /// Its password, plain or bcrypt.
    pub password: Option<Secret>,
    /// Bearer token.
    pub token: Option<Secret>,
    /// A client certificate is needed beside it.
    pub verify: bool,
    /// Authorities of client certificates; `None` is those of the `tls` block, or the system's.
    pub ca_file: Option<PathBuf>,
    /// `/healthz` is open to everybody.
    pub public_healthz: bool,
}

impl MonitorAuth {
    /// Whether a name and password, or a token, is asked for.
    #[must_use]
    pub fn asks_for_credentials(&self) -> bool {
        self.user.is_some() || self.token.is_some()
    }
}

impl MonitorOptions {
    /// The host in force.
    #[must_use]
    pub fn host<'a>(&'a self, clients: &'a ListenOptions) -> &'a str {
        self.host.as_deref().unwrap_or(&clients.host)
    }

    /// The path in front of every endpoint: empty, or with a slash in front and none at the end.
    #[must_use]
    pub fn prefix(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.base_path.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        parts.iter().map(|part| format!("/{part}")).collect()
    }

    /// The port and whether it takes TLS; `None` while the monitor is off.
    #[must_use]
    pub fn port(&self) -> Option<(u16, bool)> {
        let (port, is_secure) = if self.http_port == 0 { (self.https_port, true) } else { (self.http_port, false) };
        (port != 0).then(|| (u16::try_from(port).unwrap_or(0), is_secure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_cleaned() {
        let cases = [("", ""), ("/", ""), ("a", "/a"), ("/a/b/", "/a/b"), ("//a/./b/..//c", "/a/c"), ("..", "")];
        for (base_path, prefix) in cases {
            let options = MonitorOptions { base_path: base_path.to_owned(), ..MonitorOptions::default() };
            assert_eq!(options.prefix(), prefix, "{base_path}");
        }
    }

    #[test]
    fn a_free_port_is_asked_for_by_minus_one() {
        let port = |http_port, https_port| MonitorOptions { http_port, https_port, ..MonitorOptions::default() }.port();
        assert_eq!([port(0, 0), port(-1, 0), port(0, 8443)], [None, Some((0, false)), Some((8443, true))]);
    }
}
