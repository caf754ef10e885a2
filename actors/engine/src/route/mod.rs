//! Decisions about the routes between the servers of a cluster.
//!
//! - [`table`]: which connection to which server is kept, and who is told of it.
//! - [`pool`]: which connection of a pool carries an account. [`compression`]: which mode two servers agree on.
//! - [`name`]: whose cluster name counts. [`admission`]: which servers a certificate lets in.

pub mod admission;
pub mod compression;
pub mod name;
pub mod pool;
pub mod table;

pub use compression::CompressionMode;
pub use name::{ClusterName, NameVerdict};
pub use pool::pool_index;
pub use table::{Added, Candidate, GossipTo, Member, Registration, Removed, RouteTable};
