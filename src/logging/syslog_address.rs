//! Addresses of syslog servers.

use std::path::PathBuf;

use super::error::LogError;

/// A remote syslog server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// Datagrams to `host:port`.
    Udp(String),
    /// A stream to `host:port`.
    Tcp(String),
    /// A stream to a Unix socket.
    Unix(PathBuf),
}

impl SyslogAddress {
    /// Reads `udp://host:port`, `tcp://host:port` or `unix:///path`.
    ///
    /// # Errors
    /// Not a URL, or another scheme.
    pub fn parse(address: &str) -> Result<Self, LogError> {
        let (scheme, rest) = match address.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            Some((first, _)) if !first.contains('/') => {
                let reason = "first path segment in URL cannot contain colon";
                return Err(LogError::SyslogAddress { address: address.to_owned(), reason });
            }
            _ => (String::new(), address),
        };
        let (host, path) = split_authority(rest);
        match scheme.as_str() {
            "udp" => Ok(Self::Udp(host.to_owned())),
            "tcp" => Ok(Self::Tcp(host.to_owned())),
            "unix" => Ok(Self::Unix(PathBuf::from(path))),
            _ => Err(LogError::SyslogNetwork(scheme)),
        }
    }

    /// Name of the network, as in error texts.
    #[must_use]
    pub fn network(&self) -> &'static str {
        match self {
            Self::Udp(_) => "udp",
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Splits `//user@host/path` into host and path.
fn split_authority(rest: &str) -> (&str, &str) {
    let Some(rest) = rest.strip_prefix("//") else {
        return ("", rest);
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    (authority.rsplit('@').next().unwrap_or(authority), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_refused_as_by_nats_server() {
        let accepted = [
            ("udp://localhost:514", SyslogAddress::Udp("localhost:514".into())),
            ("UDP://localhost", SyslogAddress::Udp("localhost".into())),
            ("tcp://[::1]:514/x", SyslogAddress::Tcp("[::1]:514".into())),
            ("unix:///run/log.sock", SyslogAddress::Unix("/run/log.sock".into())),
            ("unix:/run/log.sock", SyslogAddress::Unix("/run/log.sock".into())),
        ];
        for (text, address) in accepted {
            assert_eq!(SyslogAddress::parse(text).expect("accepted"), address, "{text}");
        }
        let refused = [
            ("foo://x", "error invalid network type: \"foo\""),
            ("unixgram:///x", "error invalid network type: \"unixgram\""),
            ("localhost", "error invalid network type: \"\""),
            ("127.0.0.1:514", "parse \"127.0.0.1:514\": first path segment in URL cannot contain colon"),
        ];
        for (text, reason) in refused {
            assert_eq!(SyslogAddress::parse(text).expect_err("refused").to_string(), reason);
        }
    }
}
