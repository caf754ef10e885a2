//! Buffers shared by all connections of one arbiter, so that an idle connection holds none.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use troupe_codecs::client::ClientOp;

/// Bytes asked for by one read.
pub const READ_SIZE: usize = 64 * 1024;
/// Buffers kept for reuse; more in use at once are allocated and freed.
const KEPT: usize = 8;
/// A read buffer that grew beyond this for one large message is not kept.
const MAX_KEPT_READ: usize = 4 * READ_SIZE;
/// A list of operations with more room than this is not kept.
const MAX_KEPT_OPS: usize = 16 * 1024;
/// An output buffer with more room than this is not kept.
const MAX_KEPT_OUTPUT: usize = 256 * 1024;

/// Free buffers of one arbiter.
#[derive(Debug, Default)]
pub struct BufferPool {
    reads: RefCell<Vec<BytesMut>>,
    ops: RefCell<Vec<Vec<ClientOp>>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

impl BufferPool {
    /// An empty buffer with at least [`READ_SIZE`] bytes of room.
    #[must_use]
    pub fn take_read(&self) -> BytesMut {
        self.reads.borrow_mut().pop().unwrap_or_else(|| BytesMut::with_capacity(READ_SIZE))
    }

    /// Takes back a buffer nobody else refers to.
    pub fn put_read(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut reads = self.reads.borrow_mut();
        if reads.len() < KEPT && buffer.try_reclaim(READ_SIZE) && buffer.capacity() <= MAX_KEPT_READ {
            reads.push(buffer);
        }
    }

    /// Takes back the bytes of a handled batch, unless payloads are still shared.
    pub fn put_bytes(&self, bytes: Bytes) {
        if let Ok(buffer) = bytes.try_into_mut() {
            self.put_read(buffer);
        }
    }

    /// An empty list of operations.
    #[must_use]
    pub fn take_ops(&self) -> Vec<ClientOp> {
        self.ops.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back a list of operations.
    pub fn put_ops(&self, mut ops: Vec<ClientOp>) {
        ops.clear();
        let mut kept = self.ops.borrow_mut();
        if kept.len() < KEPT && ops.capacity() <= MAX_KEPT_OPS {
            kept.push(ops);
        }
    }

    /// An empty output buffer; a new one has room for `room` bytes.
    #[must_use]
    pub fn take_output(&self, room: usize) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(room))
    }

    /// Takes back an output buffer.
    pub fn put_output(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut outputs = self.outputs.borrow_mut();
        if outputs.len() < KEPT * 16 && buffer.capacity() <= MAX_KEPT_OUTPUT && buffer.capacity() > 0 {
            outputs.push(buffer);
        }
    }
}
