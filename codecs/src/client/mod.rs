//! The client protocol: `CONNECT`, `PUB`, `SUB` and friends in one direction, `INFO`, `MSG` and friends in the other.
//!
//! - [`decoder`]: bytes of one read -> a [`Batch`] of complete operations, slices of one frozen buffer.
//! - [`op`]: the operations. [`verb`]: which verb a line begins with. [`args`]: what stands behind the verb.
//! - [`fault`]: what stood in bytes that cannot be read, for the log.
//! - [`connect`], [`info`]: the two JSON documents. [`encoder`]: the lines a server sends.

pub mod args;
pub mod connect;
pub mod decoder;
pub mod encoder;
pub mod fault;
pub mod info;
pub mod op;
pub mod verb;

pub use connect::ConnectOptions;
pub use decoder::{Batch, ClientDecoder, ProtocolFault};
pub use info::ServerInfo;
pub use op::{ClientOp, PublishOp, Span, SubscribeOp, UnsubscribeOp};
