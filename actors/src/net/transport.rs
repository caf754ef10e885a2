//! Byte transports: TCP and Unix sockets, plain or under TLS.
//!
//! An idle plain connection costs its socket and one `Arc` shared by both halves: no buffer lives here.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::TlsStream;

use super::PlainSocket;
use super::compress::CompressedWrite;

/// What a connection speaks over.
#[derive(Debug)]
pub enum Transport {
    /// TCP.
    Tcp(TcpStream),
    /// Unix domain socket.
    Unix(UnixStream),
    /// TLS after a finished handshake.
    Tls(Box<TlsStream<PlainSocket>>),
}

/// Reading side of a [`Transport`].
#[derive(Debug)]
pub enum ReadHalf {
    /// TCP.
    Tcp(tcp::OwnedReadHalf),
    /// Unix domain socket.
    Unix(unix::OwnedReadHalf),
    /// TLS.
    Tls(TlsHalf),
}

/// Writing side of a [`Transport`].
#[derive(Debug)]
pub enum WriteHalf {
    /// TCP.
    Tcp(tcp::OwnedWriteHalf),
    /// Unix domain socket.
    Unix(unix::OwnedWriteHalf),
    /// TLS.
    Tls(TlsHalf),
    /// Any of them, behind compression.
    Compressed(Box<CompressedWrite>),
}

/// One side of a TLS connection. Each holds the lock for one call, which never waits.
#[derive(Clone, Debug)]
pub struct TlsHalf(Arc<Mutex<TlsStream<PlainSocket>>>);

impl From<PlainSocket> for Transport {
    fn from(socket: PlainSocket) -> Self {
        match socket {
            PlainSocket::Tcp(stream) => Self::Tcp(stream),
            PlainSocket::Unix(stream) => Self::Unix(stream),
        }
    }
}

impl Transport {
    /// Wraps a finished TLS handshake.
    #[must_use]
    pub fn tls(stream: impl Into<TlsStream<PlainSocket>>) -> Self {
        Self::Tls(Box::new(stream.into()))
    }

    /// Whether bytes are encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Splits into owned halves. Plain halves share the socket without a lock; TLS halves share one.
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
            Self::Tls(stream) => {
                let half = TlsHalf(Arc::new(Mutex::new(*stream)));
                (ReadHalf::Tls(half.clone()), WriteHalf::Tls(half))
            }
        }
    }
}

impl WriteHalf {
    /// Writes what the socket takes now, from any thread, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` when the socket is full, `Unsupported` for TLS, else the socket's error.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write_vectored(slices),
            Self::Unix(half) => half.try_write_vectored(slices),
            Self::Tls(_) | Self::Compressed(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether [`Self::try_write_vectored`] works: there is neither TLS nor compression in between.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !matches!(self, Self::Tls(_) | Self::Compressed(_))
    }

    /// Shuts a plain socket down in both directions, from any thread: the reader sees the end of the stream at once
    /// and a waiting writer fails. Bytes the kernel took already are still sent.
    ///
    /// # Errors
    /// `Unsupported` for TLS, else the socket's error (`NotConnected` when the peer is gone).
    pub fn abort(&self) -> io::Result<()> {
        match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
            Self::Compressed(half) => half.abort(),
        }
    }

    /// How long the kernel goes on with a peer that acknowledges nothing of what it took, the socket being closed or not. Without effect
    /// where the bytes do not leave the machine.
    ///
    /// # Errors
    /// The socket's error.
    pub fn give_up_after(&self, limit: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).set_tcp_user_timeout(Some(limit)),
            Self::Unix(_) => Ok(()),
            Self::Tls(half) => half.give_up_after(limit),
            Self::Compressed(half) => half.give_up_after(limit),
        }
    }
}

impl TlsHalf {
    fn poll<T>(&self, poll: impl FnOnce(Pin<&mut TlsStream<PlainSocket>>) -> T) -> T {
        poll(Pin::new(&mut *self.0.lock()))
    }

    fn give_up_after(&self, limit: Duration) -> io::Result<()> {
        match self.0.lock().get_ref().0 {
            PlainSocket::Tcp(stream) => SockRef::from(stream).set_tcp_user_timeout(Some(limit)),
            PlainSocket::Unix(_) => Ok(()),
        }
    }
}

impl AsyncRead for TlsHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for TlsHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(|stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(|stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_shutdown(cx))
    }
}

/// Calls the same method on whichever variant is there.
macro_rules! forward {
    ($self:ident, $half:ident => $call:expr $(, $more:ident)*) => {
        match $self.get_mut() {
            Self::Tcp($half) => $call,
            Self::Unix($half) => $call,
            Self::Tls($half) => $call,
            $(Self::$more($half) => $call,)*
        }
    };
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_read(cx, buf))
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, half => Pin::new(half).poll_write(cx, buf), Compressed)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, half => Pin::new(half).poll_write_vectored(cx, bufs), Compressed)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_flush(cx), Compressed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_shutdown(cx), Compressed)
    }
}
