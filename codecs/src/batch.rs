//! What the decoders of lines yield.

use bytes::Bytes;

/// All complete operations of one read. Spans in `ops` point into `bytes`.
#[derive(Debug)]
pub struct Batch<Op, Fault> {
    /// The bytes of the operations.
    pub bytes: Bytes,
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// Set when the bytes behind the last operation cannot be read.
    pub fault: Option<Fault>,
    /// Where in `bytes` the operation with the fault begins.
    pub fault_at: usize,
}

impl<Op, Fault> Default for Batch<Op, Fault> {
    fn default() -> Self {
        Self { bytes: Bytes::new(), ops: Vec::new(), fault: None, fault_at: 0 }
    }
}
