//! PROXY protocol, versions 1 (text) and 2 (binary): who a load balancer speaks for.
//!
//! Accepts what nats-server 2.15.1 accepts and words errors as it does. It is laxer than the specification in version 1
//! (any white space between the fields, leading zeros in ports) and stricter in version 2 (stream sockets over IPv4
//! and IPv6 only). Addresses and ports of the destination are checked and dropped, as are the extensions (TLV).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::memmem;
use thiserror::Error;

const V1_START: &[u8] = b"PROXY ";
/// Longest version 1 line, line end included.
const V1_LIMIT: usize = 107;
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;
const V2_IPV4: usize = 12;
const V2_IPV6: usize = 36;
/// Bytes that tell the versions apart; what shares fewer with either is not a header.
const DETECT: usize = 6;

/// Largest header: version 2 with the longest extensions.
pub const MAX_HEADER: usize = V2_FIXED + u16::MAX as usize;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyPrefix {
    /// They may become a header. `missing` says what would be read next, for the text of an end of stream.
    Incomplete(Missing),
    /// They are no header: all of them belong to the protocol behind it.
    None,
    /// A whole header.
    Header {
        /// Who the connection comes from; `None` (LOCAL, UNKNOWN, no address) keeps the socket's address.
        source: Option<SocketAddr>,
        /// Bytes of the header; the protocol begins behind them.
        len: usize,
    },
}

/// Part of a header that has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The bytes that tell the version.
    Version,
    /// The rest of a version 1 line.
    Line,
    /// The rest of a version 2 signature.
    Signature,
    /// Command, family and length of version 2.
    FixedPart,
    /// IPv4 addresses and extensions.
    Ipv4,
    /// IPv6 addresses and extensions.
    Ipv6,
    /// What follows a LOCAL command.
    Local,
    /// What follows an unspecified family.
    Unspecified,
}

impl Missing {
    /// What nats-server failed to do when no more bytes come, as in `failed to {text}: EOF`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Version => "read protocol version",
            Self::Line => "read v1 line",
            Self::Signature => "read v2 signature",
            Self::FixedPart => "read v2 header",
            Self::Ipv4 => "read IPv4 address data",
            Self::Ipv6 => "read IPv6 address data",
            Self::Local => "discard LOCAL command address data",
            Self::Unspecified => "discard UNSPEC address address data",
        }
    }

    /// Whether the end of the stream after `have` bytes cuts this part, which nats-server calls `unexpected EOF`;
    /// else no byte of it came, and it is `EOF`.
    #[must_use]
    pub fn is_cut(self, have: usize) -> bool {
        match self {
            Self::Version => have > 0,
            Self::Signature => have > DETECT,
            Self::FixedPart => have > V2_SIGNATURE.len(),
            Self::Ipv4 | Self::Ipv6 => have > V2_FIXED,
            Self::Line | Self::Local | Self::Unspecified => false,
        }
    }
}

/// A header that cannot be served; the connection is closed. The texts are nats-server's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// No line end within the longest line.
    #[error("invalid PROXY protocol header: v1 line too long")]
    LineTooLong,
    /// Wrong number of fields.
    #[error("invalid PROXY protocol header: invalid v1 format")]
    Format,
    /// Not `TCP4`, `TCP6` or `UNKNOWN`.
    #[error("invalid PROXY protocol header: invalid protocol {0}")]
    Protocol(String),
    /// An address is none.
    #[error("invalid PROXY protocol header: invalid address")]
    Address,
    /// `TCP4` with an IPv6 source, or the other way round.
    #[error("invalid PROXY protocol header: {0}")]
    Family(&'static str),
    /// A port is not a decimal number below 65536.
    #[error("invalid {side} port: strconv.ParseUint: parsing \"{value}\": {cause}")]
    Port {
        /// `source` or `dest`.
        side: &'static str,
        /// Text of the field, escaped.
        value: String,
        /// What is wrong with it.
        cause: &'static str,
    },
    /// Starts like version 2 and is not.
    #[error("invalid PROXY protocol header: invalid signature")]
    Signature,
    /// Not version 2.
    #[error("invalid PROXY protocol header: invalid version 0x{0:02x}")]
    Version(u8),
    /// Neither LOCAL nor PROXY.
    #[error("unknown PROXY protocol command: 0x{0:02x}")]
    Command(u8),
    /// Datagrams, or no protocol.
    #[error("unsupported PROXY protocol feature: only STREAM protocol supported")]
    NotStream,
    /// Unix sockets, or an unknown family.
    #[error("unsupported PROXY protocol feature: unsupported address family 0x{0:02x}")]
    AddressFamily(u8),
    /// The length leaves no room for the addresses.
    #[error("{family} address data too short: {len} bytes")]
    TooShort {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// Length given.
        len: usize,
    },
}

/// Looks for a header at the start of a connection. `bytes` are all bytes received so far.
///
/// # Errors
/// The bytes begin like a header and are a wrong or unsupported one.
pub fn decode(bytes: &[u8]) -> Result<ProxyPrefix, ProxyError> {
    let seen = bytes.len().min(DETECT);
    if bytes[..seen] != V1_START[..seen] && bytes[..seen] != V2_SIGNATURE[..seen] {
        return Ok(ProxyPrefix::None);
    }
    if seen < DETECT {
        return Ok(ProxyPrefix::Incomplete(Missing::Version));
    }
    match bytes.starts_with(V1_START) {
        true => decode_v1(bytes),
        false => decode_v2(bytes),
    }
}

fn decode_v1(bytes: &[u8]) -> Result<ProxyPrefix, ProxyError> {
    let window = &bytes[..bytes.len().min(V1_LIMIT)];
    let Some(end) = memmem::find(window, b"\r\n") else {
        return match window.len() < V1_LIMIT {
            true => Ok(ProxyPrefix::Incomplete(Missing::Line)),
            false => Err(ProxyError::LineTooLong),
        };
    };
    let source = v1_source(&window[V1_START.len()..end])?;
    Ok(ProxyPrefix::Header { source, len: end + 2 })
}

fn v1_source(line: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
    let fields: Vec<&[u8]> = line.split(|b| is_space(*b)).filter(|field| !field.is_empty()).collect();
    let (protocol, addresses, ports) = match fields[..] {
        [b"UNKNOWN", ..] => return Ok(None),
        [protocol, source, destination, from, to] => (protocol, [source, destination], [from, to]),
        _ => return Err(ProxyError::Format),
    };
    let [source, destination] = addresses.map(parse_address);
    let (source, destination) = (source?, destination?);
    let port = parse_port("source", ports[0])?;
    parse_port("dest", ports[1])?;
    match protocol {
        b"TCP4" if !(source.is_ipv4() && destination.is_ipv4()) => Err(ProxyError::Family("TCP4 with IPv6 address")),
        b"TCP6" if !(source.is_ipv6() && destination.is_ipv6()) => Err(ProxyError::Family("TCP6 with IPv4 address")),
        b"TCP4" | b"TCP6" => Ok(Some(SocketAddr::new(source.to_canonical(), port))),
        other => Err(ProxyError::Protocol(String::from_utf8_lossy(other).into_owned())),
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

fn parse_address(text: &[u8]) -> Result<IpAddr, ProxyError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(ProxyError::Address)
}

/// Reads a port as Go's `strconv.ParseUint` does: the first digit that makes it too large ends it.
fn parse_port(side: &'static str, text: &[u8]) -> Result<u16, ProxyError> {
    let error = |cause| ProxyError::Port { side, value: text.escape_ascii().to_string(), cause };
    text.iter().try_fold(0_u16, |port, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0')).ok_or_else(|| error("invalid syntax"))?;
        port.checked_mul(10).and_then(|port| port.checked_add(digit)).ok_or_else(|| error("value out of range"))
    })
}

fn decode_v2(bytes: &[u8]) -> Result<ProxyPrefix, ProxyError> {
    if bytes.len() < V2_SIGNATURE.len() {
        return Ok(ProxyPrefix::Incomplete(Missing::Signature));
    }
    if !bytes.starts_with(V2_SIGNATURE) {
        return Err(ProxyError::Signature);
    }
    let Some(&[version_command, family_protocol, high, low]) = bytes.get(V2_SIGNATURE.len()..V2_FIXED) else {
        return Ok(ProxyPrefix::Incomplete(Missing::FixedPart));
    };
    if version_command & 0xf0 != 0x20 {
        return Err(ProxyError::Version(version_command & 0xf0));
    }
    let size = usize::from(u16::from_be_bytes([high, low]));
    let len = V2_FIXED + size;
    let missing = match version_command & 0x0f {
        0 => Missing::Local,
        1 => v2_family(family_protocol, size)?,
        command => return Err(ProxyError::Command(command)),
    };
    match bytes.get(V2_FIXED..len) {
        None => Ok(ProxyPrefix::Incomplete(missing)),
        Some(data) => Ok(ProxyPrefix::Header { source: v2_source(missing, data), len }),
    }
}

/// The part that follows the fixed one.
fn v2_family(family_protocol: u8, size: usize) -> Result<Missing, ProxyError> {
    if family_protocol & 0x0f != 1 {
        return Err(ProxyError::NotStream);
    }
    match family_protocol & 0xf0 {
        0x00 => Ok(Missing::Unspecified),
        0x10 if size < V2_IPV4 => Err(ProxyError::TooShort { family: "IPv4", len: size }),
        0x10 => Ok(Missing::Ipv4),
        0x20 if size < V2_IPV6 => Err(ProxyError::TooShort { family: "IPv6", len: size }),
        0x20 => Ok(Missing::Ipv6),
        family => Err(ProxyError::AddressFamily(family)),
    }
}

/// Source address and port out of `source destination source-port destination-port`, all in network order.
fn v2_source(part: Missing, data: &[u8]) -> Option<SocketAddr> {
    let (ip, ports): (IpAddr, _) = match part {
        Missing::Ipv4 => (Ipv4Addr::from(*data.first_chunk::<4>()?).into(), data.get(8..)?),
        Missing::Ipv6 => (Ipv6Addr::from(*data.first_chunk::<16>()?).into(), data.get(32..)?),
        _ => return None,
    };
    let port = u16::from_be_bytes(*ports.first_chunk::<2>()?);
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
#[path = "proxy_test.rs"]
mod tests;
