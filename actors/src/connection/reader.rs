//! The framed stream a client actor reads: one item per read of the socket.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{BufMut, BytesMut};
use futures_util::Stream;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;
use troupe_codecs::client::{Batch, ClientDecoder};

use super::buffers::{BufferPool, READ_SIZE};
use crate::net::ReadHalf;

/// A partial operation up to this size is copied to a buffer of its own, so that the read buffer can be shared.
const COPIED_REST: usize = 4096;

/// Limits of what a reader takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Longest line without its verb.
    pub max_control_line: usize,
    /// Largest message.
    pub max_payload: usize,
    /// What comes in goes out in little pieces to many peers: they are larger, and so fewer, where more is read at once.
    pub is_scattered: bool,
}

/// What the owner of a reader may change while it reads.
#[derive(Debug)]
pub struct ReadControl {
    limits: Cell<ReadLimits>,
    is_paused: Cell<bool>,
    paused: RefCell<Option<Waker>>,
}

impl ReadControl {
    /// A reader that reads.
    #[must_use]
    pub fn new(limits: ReadLimits) -> Rc<Self> {
        Rc::new(Self { limits: Cell::new(limits), is_paused: Cell::new(false), paused: RefCell::new(None) })
    }

    /// Limits in force.
    #[must_use]
    #[inline]
    pub fn get(&self) -> ReadLimits {
        self.limits.get()
    }

    /// Sets the limits.
    pub fn set(&self, limits: ReadLimits) {
        self.limits.set(limits);
    }

    /// Has nothing read until [`ReadControl::resume`].
    pub fn pause(&self) {
        self.is_paused.set(true);
    }

    /// Has the reader go on.
    pub fn resume(&self) {
        self.is_paused.set(false);
        let waker = self.paused.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Limits that the owner of a reader may change while it reads.
pub type SharedReadLimits = Rc<ReadControl>;

/// Most bytes read at once: while large messages come in, and where much at once spares many small writes.
const MAX_READ: usize = 4 * READ_SIZE;

/// Something that may end a connection while its reader waits.
pub trait Closed {
    /// Ready once the connection is closed.
    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Waits for `future` and drops it when `conn` is closed: `None`.
pub async fn while_open<F: Future>(future: F, conn: &impl Closed) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| if conn.poll_closed(cx).is_ready() { Poll::Ready(None) } else { future.as_mut().poll(cx).map(Some) })
        .await
}

/// Whether a failed read is only how a peer leaves: one under TLS may go without a farewell.
#[must_use]
pub fn is_end(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::UnexpectedEof
}

/// Notes why the reads of a connection failed, unless its peer just broke off.
pub fn log_error(conn: &impl fmt::Display, cause: &io::Error) {
    if cause.kind() != io::ErrorKind::ConnectionReset {
        tracing::debug!(conn = %conn, "read error: {cause}");
    }
}

/// Reads and decodes. Holds no buffer while nothing is half read.
pub struct Reader<C> {
    half: ReadHalf,
    decoder: ClientDecoder,
    limits: SharedReadLimits,
    rest: BytesMut,
    pool: Rc<BufferPool>,
    closed: Arc<C>,
}

impl<C: Closed> Reader<C> {
    /// A reader over `half`. `first` are bytes read before, by a handshake.
    #[must_use]
    pub fn new(
        half: ReadHalf,
        decoder: ClientDecoder,
        limits: SharedReadLimits,
        first: BytesMut,
        pool: Rc<BufferPool>,
        closed: Arc<C>,
    ) -> Self {
        Self { half, decoder, limits, rest: first, pool, closed }
    }

    /// The buffer to read into, the one with the half-read operation where that is large, else a shared one; and the most
    /// bytes to read.
    fn buffer(&mut self) -> (BytesMut, usize) {
        if self.rest.len() > COPIED_REST {
            let missing = self.decoder.wanted().unwrap_or(0).saturating_sub(self.rest.len());
            let mut buffer = std::mem::take(&mut self.rest);
            // Grows with what really arrives: an announced size alone allocates nothing.
            let more = (4 * buffer.len()).clamp(READ_SIZE, MAX_READ);
            buffer.reserve(missing.min(buffer.len()) + more);
            return (buffer, usize::MAX);
        }
        let size = if self.limits.get().is_scattered { MAX_READ } else { READ_SIZE };
        let mut buffer = self.pool.take_read();
        buffer.reserve(size);
        buffer.extend_from_slice(&self.rest);
        let room = size - buffer.len();
        (buffer, room)
    }

    /// Keeps what is half read, and gives the buffer back where it can be shared.
    fn keep(&mut self, buffer: BytesMut) {
        if buffer.len() > COPIED_REST {
            self.rest = buffer;
            return;
        }
        self.rest = if buffer.is_empty() { BytesMut::new() } else { BytesMut::from(&buffer[..]) };
        self.pool.put_read(buffer);
    }

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Batch>> {
        let limits = self.limits.get();
        self.decoder.set_limits(limits.max_control_line, limits.max_payload);
        self.decoder.recycle(self.pool.take_ops());
        let batch = self.decoder.decode(buffer);
        self.pool.put_ops(self.decoder.take_spare_ops());
        batch
    }
}

impl<C: Closed> Stream for Reader<C> {
    type Item = io::Result<Batch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.closed.poll_closed(cx).is_ready() {
                return Poll::Ready(None);
            }
            if this.limits.is_paused.get() {
                *this.limits.paused.borrow_mut() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let (mut buffer, room) = this.buffer();
            let poll = poll_read_buf(Pin::new(&mut this.half), cx, &mut (&mut buffer).limit(room));
            if !matches!(poll, Poll::Ready(Ok(1..))) {
                this.keep(buffer);
                return match ready!(poll) {
                    Ok(_) => Poll::Ready(None),
                    Err(error) => Poll::Ready(Some(Err(error))),
                };
            }
            let decoded = this.decode(&mut buffer);
            this.keep(buffer);
            match decoded {
                Ok(None) => {}
                Ok(Some(batch)) => return Poll::Ready(Some(Ok(batch))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}
