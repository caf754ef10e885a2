//! `/routez`, `/gatewayz`, `/leafz`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use troupe_codecs::report::{Gatewayz, GatewayzOptions, Leafz, LeafzOptions, Routez, RoutezOptions, Timestamp};

use super::Reporter;

impl Reporter {
    /// Connections to the other servers of the cluster.
    #[must_use]
    pub fn routez(&self, options: &RoutezOptions) -> Routez {
        let list = self.sources().routes.get().map(|source| source.routez(options)).unwrap_or_default();
        Routez {
            server_id: self.server_id(),
            server_name: self.services.info().server_name.clone(),
            now: Timestamp(SystemTime::now()),
            import: list.import,
            export: list.export,
            num_routes: list.routes.len(),
            routes: list.routes,
        }
    }

    /// Connections to other clusters.
    #[must_use]
    pub fn gatewayz(&self, options: &GatewayzOptions) -> Gatewayz {
        let mut document = Gatewayz {
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            name: String::new(),
            host: String::new(),
            port: 0,
            outbound_gateways: BTreeMap::new(),
            inbound_gateways: BTreeMap::new(),
        };
        if let Some(source) = self.sources().gateways.get() {
            source.gatewayz(options, &mut document);
        }
        document
    }

    /// Leaf node connections.
    #[must_use]
    pub fn leafz(&self, options: &LeafzOptions) -> Leafz {
        let leafs = self.sources().leafs.get().map(|source| source.leafz(options)).unwrap_or_default();
        let (server_id, now) = (self.server_id(), Timestamp(SystemTime::now()));
        Leafz { server_id, now, leafnodes: leafs.len(), leafs }
    }
}
