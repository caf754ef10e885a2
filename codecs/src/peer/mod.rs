//! What servers of a cluster say to each other over their routes.
//!
//! - [`decoder`]: bytes of one read -> a [`RouteBatch`] of complete operations, slices of one frozen buffer.
//! - [`op`]: the operations. [`verb`]: which verb a line begins with. [`args`]: what stands behind the verb.
//! - [`info`]: the two JSON documents. [`encoder`]: the lines a server sends.

pub mod args;
pub mod decoder;
pub mod encoder;
pub mod info;
pub mod op;
pub mod verb;

pub use decoder::{RouteBatch, RouteDecoder, RouteFault};
pub use info::{RouteConnect, RouteInfo, SubjectLists};
pub use op::{InterestOp, PeerMessage, PeerOp};
