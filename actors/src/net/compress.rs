//! The writing side of a compressed connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use troupe_codecs::s2::{S2Encoder, S2Level};

use super::WriteHalf;

/// Most bytes packed at once.
const MAX_BLOCK: usize = 256 * 1024;

/// Level of one connection, which may change at any time.
#[derive(Clone, Debug)]
pub struct CompressionLevel(Arc<AtomicU8>);

const LEVELS: [S2Level; 4] = [S2Level::Uncompressed, S2Level::Fast, S2Level::Better, S2Level::Best];

impl CompressionLevel {
    /// Starts with `level`.
    #[must_use]
    pub fn new(level: S2Level) -> Self {
        let own = Self(Arc::default());
        own.set(level);
        own
    }

    /// Changes the level, for what is written from now on.
    pub fn set(&self, level: S2Level) {
        let number = LEVELS.iter().position(|known| *known == level).unwrap_or(0);
        self.0.store(number as u8, Ordering::Relaxed);
    }

    fn get(&self) -> S2Level {
        LEVELS[usize::from(self.0.load(Ordering::Relaxed)) % LEVELS.len()]
    }
}

/// Packs what is written. Bytes are on their way once it is flushed.
#[derive(Debug)]
pub struct CompressedWrite {
    half: WriteHalf,
    encoder: S2Encoder,
    level: CompressionLevel,
    plain: Vec<u8>,
    packed: Vec<u8>,
    written: usize,
}

impl WriteHalf {
    /// Puts compression in front.
    #[must_use]
    pub fn compressed(self, level: CompressionLevel) -> Self {
        let (plain, packed) = (Vec::new(), Vec::new());
        let encoder = S2Encoder::default();
        Self::Compressed(Box::new(CompressedWrite { half: self, encoder, level, plain, packed, written: 0 }))
    }
}

impl CompressedWrite {
    pub(super) fn abort(&self) -> io::Result<()> {
        self.half.abort()
    }

    pub(super) fn give_up_after(&self, limit: Duration) -> io::Result<()> {
        self.half.give_up_after(limit)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.packed.len() {
            match ready!(Pin::new(&mut self.half).poll_write(cx, &self.packed[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.packed.clear();
        self.written = 0;
        if self.packed.capacity() > 4 * MAX_BLOCK {
            self.packed = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CompressedWrite {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    /// Takes as much as makes one block, so that many small pieces are packed together.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        this.plain.clear();
        for buf in bufs {
            let room = MAX_BLOCK - this.plain.len();
            this.plain.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        let level = this.level.get();
        this.encoder.encode(&this.plain, level, &mut this.packed);
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(this.plain.len()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.half).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.half).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use troupe_codecs::s2::S2Decoder;

    use super::*;
    use crate::net::{AcceptedSocket, Transport};

    fn transport(stream: std::os::unix::net::UnixStream) -> Transport {
        Transport::from(AcceptedSocket::unix(stream).and_then(AcceptedSocket::register).unwrap())
    }

    #[tokio::test]
    async fn what_is_flushed_can_be_read() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let (_, write) = transport(ours).split();
        let (mut read, _kept) = transport(theirs).split();
        let level = CompressionLevel::new(S2Level::Fast);
        let mut write = write.compressed(level.clone());
        let text = "a row of words that come again and again ".repeat(50_000);
        let sending = text.clone();
        let sender = tokio::spawn(async move {
            for (number, part) in sending.as_bytes().chunks(100_000).enumerate() {
                level.set(LEVELS[number % 4]);
                write.write_all(part).await.unwrap();
                write.flush().await.unwrap();
            }
            write.shutdown().await.unwrap();
        });
        let (mut decoder, mut packed, mut plain) = (S2Decoder::default(), BytesMut::new(), BytesMut::new());
        while read.read_buf(&mut packed).await.unwrap() > 0 {
            while decoder.decode(&mut packed, &mut plain).unwrap() {}
        }
        sender.await.unwrap();
        assert_eq!(&plain[..], text.as_bytes());
    }
}
