//! Connections by id, and which of them count.

use std::collections::HashMap;
use std::sync::Arc;

use actix::Addr;
use troupe_engine::route::{Member, Registration, Removed, RouteTable};

use super::PeerActor;
use crate::router::ClientSink;

/// One connection.
#[derive(Clone, Debug)]
pub struct PeerEntry {
    /// Its shared side.
    pub sink: Arc<ClientSink>,
    /// Its actor, once it runs.
    pub address: Option<Addr<PeerActor>>,
    /// Level of compression in use.
    pub compression: &'static str,
}

/// All connections to other servers. Locked when one comes or goes, never for a message.
#[derive(Debug, Default)]
pub struct RouteRegistry {
    /// Which connection is in which place.
    pub table: RouteTable,
    peers: HashMap<u64, PeerEntry>,
}

impl RouteRegistry {
    /// An empty registry for pools as the table has them.
    pub(super) fn new(table: RouteTable) -> Self {
        Self { table, peers: HashMap::new() }
    }

    /// Gives a connection its place, if it is free.
    pub(super) fn register(&mut self, candidate: troupe_engine::route::Candidate, entry: PeerEntry) -> Registration {
        let rid = candidate.rid;
        let registration = self.table.register(candidate);
        if matches!(registration, Registration::Added(_)) {
            self.peers.insert(rid, entry);
        }
        registration
    }

    /// Notes the actor of a connection.
    pub(super) fn set_address(&mut self, rid: u64, address: Addr<PeerActor>) {
        if let Some(entry) = self.peers.get_mut(&rid) {
            entry.address = Some(address);
        }
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, rid: u64) -> Option<Removed> {
        self.peers.remove(&rid);
        self.table.remove(rid)
    }

    /// The connection with this id.
    #[must_use]
    pub fn get(&self, rid: u64) -> Option<&PeerEntry> {
        self.peers.get(&rid)
    }

    /// All connections with their places, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<(Member, PeerEntry)> {
        let with_entry = |member: &Member| Some((member.clone(), self.peers.get(&member.rid)?.clone()));
        self.table.members().filter_map(with_entry).collect()
    }
}
