//! Where subsystems are asked that are not part of the client room. Each registers itself at boot, once.
//!
//! A subsystem that is not registered is reported as nats-server reports one that is off. To add one: implement its trait for
//! a handle (in this room, since rooms below know nothing of reports) and `set` it on [`super::Reporter::sources`] at boot.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use serde_json::Value;
use troupe_codecs::report::jsz::AccountDetail;
use troupe_codecs::report::peers::{
    Gatewayz, GatewayzOptions, LeafInfo, LeafzOptions, RouteInfo, RoutezOptions, SubjectRules,
};
use troupe_codecs::report::varz_blocks::{ClusterVarz, GatewayVarz, JetStreamVarz, LeafVarz};
use troupe_codecs::report::{HealthError, HealthzOptions, Jsz, JszOptions, RaftzOptions};

use super::ReportError;
use crate::connection::Traffic;

/// What a subsystem answers after asking its actors.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is wrong with a subsystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What takes the server out of service.
    pub grave: Vec<HealthError>,
    /// What is lost and does not come back: it is told to who asks for details, and takes nobody out of service.
    pub lost: Vec<HealthError>,
}

impl Faults {
    /// One grave fault.
    #[must_use]
    pub fn of(fault: HealthError) -> Self {
        Self { grave: vec![fault], lost: Vec::new() }
    }
}

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

/// Routes as `/routez` lists them.
#[derive(Clone, Debug, Default)]
pub struct RouteList {
    /// Subjects all routes may bring in.
    pub import: Option<SubjectRules>,
    /// Subjects all routes may take out.
    pub export: Option<SubjectRules>,
    /// The connections.
    pub routes: Vec<RouteInfo>,
}

/// Routes.
pub trait RouteSource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `cluster` block of `/varz`.
    fn varz(&self) -> ClusterVarz;
    /// The connections.
    fn routez(&self, options: &RoutezOptions) -> RouteList;
}

/// Gateways.
pub trait GatewaySource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `gateway` block of `/varz`.
    fn varz(&self) -> GatewayVarz;
    /// Fills in everything but the id and the time.
    fn gatewayz(&self, options: &GatewayzOptions, document: &mut Gatewayz);
}

/// Leaf nodes.
pub trait LeafSource: Send + Sync {
    /// Connections and traffic.
    fn counts(&self) -> PeerCounts;
    /// The `leaf` block of `/varz`.
    fn varz(&self) -> LeafVarz;
    /// The connections.
    fn leafz(&self, options: &LeafzOptions) -> Vec<LeafInfo>;
    /// Connections of one account.
    fn num_of_account(&self, account: &str) -> u64;
}

/// JetStream.
pub trait JetStreamSource: Send + Sync {
    /// The `jetstream` block of `/varz`.
    fn varz(&self) -> JetStreamVarz;
    /// The same as servers tell each other: the directory is left out.
    fn statsz(&self) -> JetStreamVarz;
    /// Whether an account has streams.
    fn has_streams(&self, account: &str) -> bool;
    /// What one account has; options are as asked for.
    ///
    /// # Errors
    /// The account has no JetStream.
    fn account(&self, options: JszOptions) -> Answer<Result<AccountDetail, ReportError>>;
    /// Whether an account has it.
    fn is_enabled_for(&self, account: &str) -> bool;
    /// Fills in everything but the id and the time; options are as asked for.
    ///
    /// # Errors
    /// There is no such account, or this server is not the leader that was asked for.
    fn jsz(&self, options: JszOptions, document: Jsz) -> Answer<Result<Jsz, ReportError>>;
    /// What is wrong with it and its assets.
    fn faults(&self, options: HealthzOptions) -> Answer<Faults>;
    /// State of replication groups by account and group; `None` where there are none of that kind.
    fn raftz(&self, options: RaftzOptions) -> Answer<Option<Value>>;
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
