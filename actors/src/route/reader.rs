//! The stream of batches a route actor reads.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::Stream;
use tokio_util::io::poll_read_buf;
use troupe_codecs::peer::{PeerOp, RouteBatch, RouteDecoder};
use troupe_codecs::s2::S2Decoder;

use crate::connection::buffers::READ_SIZE;
use crate::connection::reader::Closed;
use crate::net::ReadHalf;
use crate::router::ClientSink;

/// The list of operations of a handled batch, on its way back to the reader.
pub(super) type SpareOps = Rc<Cell<Vec<PeerOp>>>;

/// Reads, unpacks and decodes.
pub(super) struct PeerReader {
    pub(super) half: ReadHalf,
    pub(super) decoder: RouteDecoder,
    pub(super) plain: BytesMut,
    pub(super) packed: BytesMut,
    pub(super) unpacker: Option<S2Decoder>,
    pub(super) spare_ops: SpareOps,
    pub(super) sink: Arc<ClientSink>,
    /// The bytes at hand have been decoded as far as they go.
    pub(super) is_exhausted: bool,
}

impl PeerReader {
    /// The next batch of what has been read already.
    fn decode(&mut self) -> io::Result<Option<RouteBatch>> {
        let ops = self.spare_ops.take();
        if ops.capacity() > 0 {
            self.decoder.recycle(ops);
        }
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.plain) {
                return Ok(Some(batch));
            }
            let Some(unpacker) = &mut self.unpacker else { return Ok(None) };
            let before = self.plain.len();
            unpacker.decode(&mut self.packed, &mut self.plain).map_err(io::Error::other)?;
            if self.plain.len() == before {
                return Ok(None);
            }
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let missing = self.decoder.wanted().unwrap_or(0).saturating_sub(self.plain.len());
        let buffer = if self.unpacker.is_some() { &mut self.packed } else { &mut self.plain };
        // Grows with what really arrives: an announced size alone allocates nothing.
        buffer.reserve(missing.min(buffer.len()) + READ_SIZE);
        poll_read_buf(Pin::new(&mut self.half), cx, buffer)
    }
}

impl Stream for PeerReader {
    type Item = io::Result<RouteBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.sink.poll_closed(cx).is_ready() {
                return Poll::Ready(None);
            }
            if !this.is_exhausted {
                match this.decode() {
                    Ok(Some(batch)) => return Poll::Ready(Some(Ok(batch))),
                    Ok(None) => this.is_exhausted = true,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            match ready!(this.poll_fill(cx)) {
                Ok(0) => return Poll::Ready(None),
                Ok(_) => this.is_exhausted = false,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}
