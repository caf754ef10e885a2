//! Byte transports: TCP and Unix sockets, plain or under TLS.
//!
//! An idle plain connection costs its socket, one `Arc` shared by both halves, and nothing else:
//! no buffer lives here.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::server::TlsStream;

use super::RemoteAddress;

/// A socket fresh from a listener, not yet tied to a runtime: it may travel to another arbiter.
#[derive(Debug)]
pub struct AcceptedSocket {
    stream: StdStream,
    remote: RemoteAddress,
}

#[derive(Debug)]
enum StdStream {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl AcceptedSocket {
    /// Takes a TCP stream; makes it non-blocking and turns Nagle's algorithm off. TCP keepalive stays off, as
    /// NATS has its own pings.
    pub fn tcp(stream: std::net::TcpStream, remote: RemoteAddress) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // A peer that reset already may make this fail; reading will tell.
        stream.set_nodelay(true).ok();
        Ok(Self { stream: StdStream::Tcp(stream), remote })
    }

    /// Takes a Unix stream and makes it non-blocking.
    pub fn unix(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: StdStream::Unix(stream), remote: RemoteAddress::Unix })
    }

    /// Address of the other end.
    #[must_use]
    pub fn remote(&self) -> RemoteAddress {
        self.remote
    }

    /// Registers the socket with the runtime of the calling thread.
    ///
    /// # Errors
    /// The runtime cannot watch the socket (no file descriptors or memory left).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn register(self) -> io::Result<PlainSocket> {
        match self.stream {
            StdStream::Tcp(stream) => TcpStream::from_std(stream).map(PlainSocket::Tcp),
            StdStream::Unix(stream) => UnixStream::from_std(stream).map(PlainSocket::Unix),
        }
    }
}

/// A socket without TLS.
#[derive(Debug)]
pub enum PlainSocket {
    /// TCP.
    Tcp(TcpStream),
    /// Unix domain socket.
    Unix(UnixStream),
}

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
    Tls(tokio::io::ReadHalf<Box<TlsStream<PlainSocket>>>),
}

/// Writing side of a [`Transport`].
#[derive(Debug)]
pub enum WriteHalf {
    /// TCP.
    Tcp(tcp::OwnedWriteHalf),
    /// Unix domain socket.
    Unix(unix::OwnedWriteHalf),
    /// TLS.
    Tls(tokio::io::WriteHalf<Box<TlsStream<PlainSocket>>>),
}

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
    pub fn tls(stream: TlsStream<PlainSocket>) -> Self {
        Self::Tls(Box::new(stream))
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
                let (read, write) = tokio::io::split(stream);
                (ReadHalf::Tls(read), WriteHalf::Tls(write))
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
            Self::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Waits until [`Self::try_write_vectored`] is worth another call. TLS is always worth an async write.
    ///
    /// # Errors
    /// The socket's error.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(half) => half.writable().await,
            Self::Unix(half) => half.writable().await,
            Self::Tls(_) => Ok(()),
        }
    }

    /// Whether [`Self::try_write_vectored`] works: the transport is not TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !matches!(self, Self::Tls(_))
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
        }
    }
}

/// Calls the same method on whichever variant is there.
macro_rules! forward {
    ($self:ident, $kind:ident, $half:ident => $call:expr) => {
        match $self.get_mut() {
            $kind::Tcp($half) => $call,
            $kind::Unix($half) => $call,
            $kind::Tls($half) => $call,
        }
    };
    ($self:ident, $half:ident => $call:expr) => {
        match $self.get_mut() {
            PlainSocket::Tcp($half) => $call,
            PlainSocket::Unix($half) => $call,
        }
    };
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, Self, half => Pin::new(half).poll_read(cx, buf))
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, Self, half => Pin::new(half).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, Self, half => Pin::new(half).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, Self, half => Pin::new(half).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, Self, half => Pin::new(half).poll_shutdown(cx))
    }
}

impl AsyncRead for PlainSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_read(cx, buf))
    }
}

impl AsyncWrite for PlainSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        forward!(self, half => Pin::new(half).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        forward!(self, half => Pin::new(half).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self, half => Pin::new(half).poll_shutdown(cx))
    }
}
