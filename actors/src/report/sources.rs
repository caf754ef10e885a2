//! Where subsystems are asked that are not part of the client room. Each registers itself at boot, once.
//!
//! A subsystem that is not registered is reported as nats-server reports one that is off.

use std::sync::OnceLock;

use troupe_codecs::report::varz_blocks::{ClusterVarz, GatewayVarz, JetStreamVarz, LeafVarz};

use crate::connection::Traffic;

/// What a kind of connection between servers adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerCounts {
    /// Connections now.
    pub connections: u64,
    /// Servers behind them.
    pub remotes: u64,
    /// Messages and bytes so far, those of connections that are gone included.
    pub traffic: Traffic,
}

/// Routes, for `/varz`.
pub trait RouteSource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `cluster` block.
    fn varz(&self) -> ClusterVarz;
}

/// Gateways, for `/varz`.
pub trait GatewaySource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `gateway` block.
    fn varz(&self) -> GatewayVarz;
}

/// Leaf nodes, for `/varz`.
pub trait LeafSource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `leaf` block.
    fn varz(&self) -> LeafVarz;
}

/// JetStream.
pub trait JetStreamSource: Send + Sync {
    /// The `jetstream` block of `/varz`.
    fn varz(&self) -> JetStreamVarz;
}

/// The registered subsystems.
#[derive(Default)]
pub struct Sources {
    /// Routes.
    pub routes: OnceLock<Box<dyn RouteSource>>,
    /// Gateways.
    pub gateways: OnceLock<Box<dyn GatewaySource>>,
    /// Leaf nodes.
    pub leafs: OnceLock<Box<dyn LeafSource>>,
    /// JetStream.
    pub jetstream: OnceLock<Box<dyn JetStreamSource>>,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("routes", &self.routes.get().is_some())
            .field("gateways", &self.gateways.get().is_some())
            .field("leafs", &self.leafs.get().is_some())
            .field("jetstream", &self.jetstream.get().is_some())
            .finish()
    }
}
