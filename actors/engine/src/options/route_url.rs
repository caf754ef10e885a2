//! Where another server is, and how to enter there.

use std::fmt;

use super::Secret;

/// `nats-route://user:password@host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteUrl {
    /// Scheme, `nats` or `nats-route` as a rule; empty when there was none.
    pub scheme: String,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Host, an IPv6 address without its brackets.
    pub host: String,
    /// Port.
    pub port: Option<u16>,
}

impl RouteUrl {
    /// Reads a URL; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
            return None;
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (user_info, address) = match authority.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, authority),
        };
        let (user, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, password)) => (Some(unescaped(user)?), Some(unescaped(password)?)),
            None => (None, None),
        };
        let has_password = user_info.is_some_and(|info| info.contains(':'));
        let (host, port) = split_address(address)?;
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(digits.parse().ok()?),
        };
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            user,
            password: password.filter(|_| has_password).map(Secret::new),
            host: host.to_owned(),
            port,
        })
    }

    /// `host:port`, an IPv6 address in brackets; without a port only the host.
    #[must_use]
    pub fn address(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Whether both lead to the same place, whoever enters.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// Shown without the password.
impl fmt::Display for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match (&self.user, &self.password) {
            (Some(user), Some(_)) => write!(f, "{user}:xxxxx@")?,
            (Some(user), None) => write!(f, "{user}@")?,
            (None, _) => {}
        }
        f.write_str(&self.address())
    }
}

impl fmt::Debug for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteUrl({self})")
    }
}

/// Splits `host[:port]`; an IPv6 host stands in brackets.
fn split_address(address: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((host, None)),
            _ => rest.strip_prefix(':').map(|port| (host, Some(port))),
        };
    }
    match address.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some((host, port)) => Some((host, Some(port))),
        None => Some((address, None)),
    }
}

/// Resolves `%40` and the like; `None` when one is wrong.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let url = RouteUrl::parse(" nats-route://ruser:T0p%40S3cr3t@nats:6222/ ").unwrap();
        assert_eq!(
            (url.user.as_deref(), url.password.as_ref().map(Secret::expose)),
            (Some("ruser"), Some("T0p@S3cr3t"))
        );
        assert_eq!((url.address().as_str(), url.scheme.as_str()), ("nats:6222", "nats-route"));
        assert_eq!(url.to_string(), "nats-route://ruser:xxxxx@nats:6222");
        for (text, address) in [
            ("nats://127.0.0.1:6222", Some("127.0.0.1:6222")),
            ("nats://[::1]:6222", Some("[::1]:6222")),
            ("nats://host", Some("host")),
            ("nats://user@host:1", Some("host:1")),
            ("host:6222", None),
            ("nats://host:x", None),
            ("nats://::1:5", None),
            ("1nats://host:5", None),
            ("nats://a%zz@host:5", None),
        ] {
            assert_eq!(RouteUrl::parse(text).map(|url| url.address()).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn places_are_compared_without_who_enters() {
        let parse = |text| RouteUrl::parse(text).unwrap();
        assert!(parse("nats://a:b@HOST:1").is_same_place(&parse("nats-route://host:1")));
        assert!(!parse("nats://host:1").is_same_place(&parse("nats://host:2")));
    }
}
