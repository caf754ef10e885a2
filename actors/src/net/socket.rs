//! Sockets without TLS, before and after they belong to a runtime.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use nix::sys::socket::{MsgFlags, recv};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::{RemoteAddress, os_text};

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

impl PlainSocket {
    /// Waits for bytes and copies them without taking them. Zero is the end of the stream.
    ///
    /// # Errors
    /// The socket's error.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_peek(buf) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                result => return result,
            }
        }
    }

    /// Takes `count` bytes that were peeked before, and drops them.
    pub(super) async fn skip(&mut self, mut count: usize) -> io::Result<()> {
        let mut scratch = [0; 512];
        while count > 0 {
            let part = count.min(scratch.len());
            count -= self.read_exact(&mut scratch[..part]).await?;
        }
        Ok(())
    }

    /// Takes and drops what has arrived, up to some KB, so that closing sends an end of stream and not a reset, which
    /// could overtake bytes sent before.
    pub fn discard_arrived(&self) {
        let mut scratch = [0; 4096];
        match self {
            Self::Tcp(stream) => stream.try_read(&mut scratch),
            Self::Unix(stream) => stream.try_read(&mut scratch),
        }
        .ok();
    }

    /// Go's text for a read that took too long.
    #[must_use]
    pub fn timeout_text(&self) -> String {
        format!("read {}: i/o timeout", self.endpoints())
    }

    /// Go's text for a failed read.
    #[must_use]
    pub fn read_error_text(&self, error: &io::Error) -> String {
        format!("read {}: read: {}", self.endpoints(), os_text(error))
    }

    /// `tcp LOCAL->REMOTE` or `unix`.
    fn endpoints(&self) -> String {
        let Self::Tcp(stream) = self else { return "unix".to_owned() };
        let shown = |address: io::Result<_>| {
            address.map_or_else(|_| "?".to_owned(), |address| RemoteAddress::tcp(address).to_string())
        };
        format!("tcp {}->{}", shown(stream.local_addr()), shown(stream.peer_addr()))
    }

    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut peek = |fd: BorrowedFd<'_>| Ok(recv(fd.as_raw_fd(), buf, MsgFlags::MSG_PEEK)?);
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::READABLE, || peek(stream.as_fd())),
            Self::Unix(stream) => stream.try_io(Interest::READABLE, || peek(stream.as_fd())),
        }
    }
}

impl AsyncRead for PlainSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for PlainSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
