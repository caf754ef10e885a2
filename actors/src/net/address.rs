//! Where a connection comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Address of the other end, as shown in logs, in INFO (`client_ip`) and by the monitor.
///
/// An IPv4 client of a dual-stack listener is shown as IPv4, as Go prints it. A client of a Unix
/// domain socket has no IP address: it is logged as `unix`, has port 0, and gets no `client_ip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoteAddress {
    /// TCP, or the source named by a PROXY protocol header.
    Ip(SocketAddr),
    /// Unix domain socket.
    Unix,
}

impl RemoteAddress {
    /// Address of a TCP peer; IPv4-mapped IPv6 becomes IPv4.
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// IP address, if there is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }

    /// IP address as text, or `unix`.
    #[must_use]
    pub fn host(&self) -> String {
        self.ip().map_or_else(|| "unix".to_owned(), |ip| ip.to_string())
    }

    /// TCP port; 0 for a Unix domain socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Unix => 0,
        }
    }
}

impl fmt::Display for RemoteAddress {
    /// `127.0.0.1:5000`, `[::1]:5000` or `unix`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_addresses_as_go_does() {
        let cases = [
            ("127.0.0.1:5000", "127.0.0.1:5000", "127.0.0.1"),
            ("[::ffff:10.1.2.3]:80", "10.1.2.3:80", "10.1.2.3"),
            ("[::1]:4222", "[::1]:4222", "::1"),
        ];
        for (input, shown, host) in cases {
            let address = RemoteAddress::tcp(input.parse().unwrap());
            assert_eq!((address.to_string().as_str(), address.host().as_str()), (shown, host));
        }
        assert_eq!((RemoteAddress::Unix.to_string().as_str(), RemoteAddress::Unix.port()), ("unix", 0));
        assert_eq!(RemoteAddress::Unix.ip(), None);
    }
}
