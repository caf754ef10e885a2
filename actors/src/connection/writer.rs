//! The task that writes what pushers could not write themselves.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use troupe_engine::options::{TimingOptions, WriteTimeoutPolicy};

use super::Outbound;
use super::outbound::{MAX_SLICES, fill_slices};
use crate::net::WriteHalf;

/// Longest time for the last flush of a connection that closes.
const CLOSING_FLUSH: Duration = Duration::from_secs(2);

/// Longest time that writing may take.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimit {
    /// The time.
    pub deadline: Duration,
    /// It is meant for everything that is pending when the writer begins, not for each step in which the peer takes something.
    pub is_for_all: bool,
}

impl From<&TimingOptions> for WriteLimit {
    fn from(timing: &TimingOptions) -> Self {
        Self { deadline: timing.write_deadline, is_for_all: timing.write_timeout == WriteTimeoutPolicy::Close }
    }
}

/// How a writer ended.
#[derive(Debug)]
pub enum WriterEnd {
    /// Everything was written, or the connection was dropped by somebody else.
    Done,
    /// The peer took nothing for as long as the write deadline, or not everything where that is asked.
    Deadline {
        /// Pieces not written.
        chunks: usize,
        /// Bytes not written.
        bytes: usize,
    },
    /// The socket failed.
    Failed(io::Error),
}

/// Writes until the queue is finished and empty, or dropped, or the peer fails. Closes the socket.
pub async fn write_all(outbound: &Outbound, limit: WriteLimit) -> WriterEnd {
    while let Some(mut work) = poll_fn(|cx| outbound.poll_work(cx)).await {
        let result = write_work(outbound, &mut work.socket, &mut work.chunks, limit).await;
        if let Err(end) = result {
            outbound.drop_now();
            outbound.abort(&work.socket);
            return end;
        }
        outbound.give_back(work.socket);
    }
    if let Some(mut socket) = outbound.take_socket() {
        outbound.part_with(&socket);
        tokio::time::timeout(CLOSING_FLUSH, socket.shutdown()).await.ok();
    }
    outbound.drop_now();
    WriterEnd::Done
}

async fn write_work(
    outbound: &Outbound,
    socket: &mut WriteHalf,
    chunks: &mut VecDeque<Bytes>,
    limit: WriteLimit,
) -> Result<(), WriterEnd> {
    let begun = Instant::now();
    let time_left = || {
        let spent = if limit.is_for_all { begun.elapsed() } else { Duration::ZERO };
        outbound.time_left(limit.deadline).min(limit.deadline.saturating_sub(spent))
    };
    while !chunks.is_empty() {
        match tokio::time::timeout(time_left(), write_some(outbound, socket, chunks)).await {
            Ok(Ok(Some(written))) => {
                advance(chunks, written);
                outbound.wrote(written);
            }
            Ok(Ok(None)) => return Err(WriterEnd::Done),
            Ok(Err(error)) => return Err(WriterEnd::Failed(error)),
            Err(_) => {
                return Err(WriterEnd::Deadline { chunks: chunks.len(), bytes: chunks.iter().map(Bytes::len).sum() });
            }
        }
    }
    if socket.is_plain() {
        return Ok(());
    }
    // TLS keeps bytes of its own: they are flushed under the same limits.
    let flush = poll_fn(|cx| match outbound.poll_dropped(cx) {
        Poll::Ready(()) => Poll::Ready(Ok(())),
        Poll::Pending => Pin::new(&mut *socket).poll_flush(cx),
    });
    match tokio::time::timeout(time_left(), flush).await {
        Ok(result) => result.map_err(WriterEnd::Failed),
        Err(_) => Err(WriterEnd::Deadline { chunks: 0, bytes: 0 }),
    }
}

/// Writes once; `None` when the queue was dropped meanwhile.
async fn write_some(
    outbound: &Outbound,
    socket: &mut WriteHalf,
    chunks: &VecDeque<Bytes>,
) -> io::Result<Option<usize>> {
    poll_fn(|cx| {
        if outbound.poll_dropped(cx).is_ready() {
            return Poll::Ready(Ok(None));
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let used = fill_slices(&mut slices, chunks.iter().map(|chunk| &chunk[..]));
        match Pin::new(&mut *socket).poll_write_vectored(cx, &slices[..used]) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            other => other.map_ok(Some),
        }
    })
    .await
}

fn advance(chunks: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = chunks.front_mut() {
        if written < front.len() {
            front.advance(written);
            return;
        }
        written -= front.len();
        chunks.pop_front();
    }
}
