//! Reading a PROXY protocol header off a fresh connection.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use troupe_codecs::proxy::{Missing, ProxyError, ProxyPrefix, decode};

use super::{PlainSocket, RemoteAddress};

/// Time for the whole header, and for the first bytes of a connection that sends none.
pub const PROXY_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes looked at in one step.
const STEP: usize = 512;

/// What stood at the start of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyPreamble {
    /// Address named by the header; `None` keeps the socket's own (no header, LOCAL, UNKNOWN).
    pub source: Option<RemoteAddress>,
    /// Bytes that were taken off the socket and belong to the protocol, before those still in the socket. Empty
    /// unless the connection began with a part of a header in a packet of its own; never the start of a TLS
    /// handshake, as no header begins like one.
    pub leftover: Bytes,
}

/// No usable start of a connection. It is closed as a protocol violation after the warning
/// `Error reading PROXY protocol header from {address}: {error}`; nothing is sent.
#[derive(Debug, Error)]
pub enum ProxyReadError {
    /// A wrong or unsupported header.
    #[error(transparent)]
    Header(#[from] ProxyError),
    /// The bytes stopped coming. The text is nats-server's.
    #[error("failed to {}: {reason}", .missing.text())]
    Read {
        /// Part that was waited for.
        missing: Missing,
        /// `EOF`, `unexpected EOF`, or Go's network error.
        reason: String,
    },
}

/// Reads a PROXY protocol header if there is one; bytes behind it stay in the socket.
///
/// # Errors
/// A wrong header, the end of the stream, a socket error, or `limit` passed.
pub async fn read_proxy_preamble(socket: &mut PlainSocket, limit: Duration) -> Result<ProxyPreamble, ProxyReadError> {
    let deadline = Instant::now() + limit;
    let mut taken = BytesMut::new();
    let mut missing = Missing::Version;
    loop {
        let mut step = [0; STEP];
        let peeked = match timeout_at(deadline, socket.peek(&mut step)).await {
            Ok(Ok(0)) => return Err(end_of_stream(missing, taken.len())),
            Ok(Ok(count)) => count,
            Ok(Err(error)) => return Err(socket_error(socket, missing, &error)),
            // nats-server words the silent connection as an end.
            Err(_) if taken.is_empty() => return Err(end_of_stream(missing, 0)),
            Err(_) => return Err(timed_out(socket, missing)),
        };
        let before = taken.len();
        taken.extend_from_slice(&step[..peeked]);
        let (take, outcome) = match decode(&taken)? {
            ProxyPrefix::Incomplete(part) => {
                missing = part;
                (peeked, None)
            }
            ProxyPrefix::None => {
                taken.truncate(before);
                (0, Some(ProxyPreamble { source: None, leftover: taken.split().freeze() }))
            }
            ProxyPrefix::Header { source, len } => {
                (len - before, Some(ProxyPreamble { source: source.map(RemoteAddress::Ip), leftover: Bytes::new() }))
            }
        };
        socket.skip(take).await.map_err(|error| socket_error(socket, missing, &error))?;
        if let Some(preamble) = outcome {
            return Ok(preamble);
        }
    }
}

fn end_of_stream(missing: Missing, have: usize) -> ProxyReadError {
    let reason = if missing.is_cut(have) { "unexpected EOF" } else { "EOF" };
    ProxyReadError::Read { missing, reason: reason.to_owned() }
}

fn timed_out(socket: &PlainSocket, missing: Missing) -> ProxyReadError {
    ProxyReadError::Read { missing, reason: socket.timeout_text() }
}

fn socket_error(socket: &PlainSocket, missing: Missing, error: &io::Error) -> ProxyReadError {
    ProxyReadError::Read { missing, reason: socket.read_error_text(error) }
}

#[cfg(test)]
#[path = "proxy_test.rs"]
mod tests;
