//! What every kind of connection shares: bytes in, bytes out, the reason it ended.
//!
//! - [`outbound`]: bytes waiting for one peer, written by whoever gets there first. [`writer`]: the task that writes the rest.
//! - [`reader`]: the framed stream an actor reads. [`buffers`]: the buffers all connections of an arbiter share.
//! - [`close`]: why a connection ended, set once. [`keepalive`]: pings, round trip time, staleness.
//! - [`counters`]: messages and bytes of one connection. [`status`]: what the monitor reads of it, [`closed`]: and afterwards.
//! - [`trace`]: how payloads look in trace lines.

pub mod buffers;
pub mod close;
pub mod closed;
pub mod counters;
pub mod keepalive;
pub mod outbound;
pub mod reader;
pub mod status;
pub mod trace;
pub mod writer;

pub use buffers::BufferPool;
pub use close::{CloseReason, CloseSignal};
pub use closed::{ClosedConnection, ClosedRing, ClosedSubscription};
pub use counters::{Traffic, TrafficCounters};
pub use keepalive::Keepalive;
pub use outbound::{Outbound, OutboundBatch, PushOutcome, Way};
pub use reader::{ReadControl, ReadLimits, Reader, SharedReadLimits};
pub use status::{ConnectionStatus, Profile, TlsFacts};
pub use trace::PayloadTrace;
