//! Who speaks first: looking at the first byte of a connection without taking it.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::PlainSocket;

/// First byte of a TLS record that carries a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What came first on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstByte {
    /// A TLS handshake.
    Tls,
    /// Anything else: this byte.
    Other(u8),
    /// The end of the stream.
    End,
    /// Nothing within the time.
    Nothing,
}

/// Waits up to `limit` for the first byte and leaves it in the socket.
///
/// `handshake_first` with a delay: anything but [`FirstByte::Nothing`] is answered with a handshake, INFO is sent
/// in clear otherwise. `allow_non_tls`: [`FirstByte::Tls`] is answered with a handshake, everything else is plain.
///
/// # Errors
/// The socket's error.
pub async fn first_byte(socket: &PlainSocket, limit: Duration) -> io::Result<FirstByte> {
    let mut byte = [0];
    match timeout(limit, socket.peek(&mut byte)).await {
        Err(_) => Ok(FirstByte::Nothing),
        Ok(Ok(0)) => Ok(FirstByte::End),
        Ok(Ok(_)) if byte[0] == TLS_HANDSHAKE => Ok(FirstByte::Tls),
        Ok(Ok(_)) => Ok(FirstByte::Other(byte[0])),
        Ok(Err(error)) => Err(error),
    }
}
