//! Connections by id, and which of them count.

use std::collections::HashMap;
use std::sync::Arc;

use actix::Addr;
use troupe_codecs::peer::{RouteInfo, SubjectLists};
use troupe_engine::route::{Member, Registration, Removed, RouteTable};

use super::PeerActor;
use crate::connection::{ConnectionStatus, Traffic};
use crate::router::ClientSink;

/// What the other server says of its rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteRules {
    /// Subjects it takes messages on.
    pub import: Option<SubjectLists>,
    /// Subjects it lets others subscribe to.
    pub export: Option<SubjectLists>,
}

impl RemoteRules {
    /// The rules in an INFO.
    #[must_use]
    pub fn of(info: &RouteInfo) -> Self {
        Self { import: info.import.clone(), export: info.export.clone() }
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub struct PeerEntry {
    /// Its shared side.
    pub sink: Arc<ClientSink>,
    /// Its actor, once it runs.
    pub address: Option<Addr<PeerActor>>,
    /// Level of compression in use.
    pub compression: &'static str,
    /// What the monitor reads of it.
    pub status: Arc<ConnectionStatus>,
    /// Rights of the other server.
    pub rules: RemoteRules,
}

/// All connections to other servers. Locked when one comes or goes, never for a message.
#[derive(Debug, Default)]
pub struct RouteRegistry {
    /// Which connection is in which place.
    pub table: RouteTable,
    peers: HashMap<u64, PeerEntry>,
    /// What connections moved that are gone.
    past: Traffic,
}

impl RouteRegistry {
    /// An empty registry for pools as the table has them.
    pub(super) fn new(table: RouteTable) -> Self {
        Self { table, peers: HashMap::new(), past: Traffic::default() }
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
        self.update(rid, |entry| entry.address = Some(address));
    }

    /// Changes what is known of a connection.
    pub(super) fn update(&mut self, rid: u64, change: impl FnOnce(&mut PeerEntry)) {
        if let Some(entry) = self.peers.get_mut(&rid) {
            change(entry);
        }
    }

    /// Takes a connection out. What it moved stays counted.
    pub(super) fn remove(&mut self, rid: u64) -> Option<Removed> {
        if let Some(entry) = self.peers.remove(&rid) {
            self.past += entry.sink.traffic().read();
        }
        self.table.remove(rid)
    }

    /// What all connections moved so far, those included that are gone.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let mut sum = self.past;
        self.peers.values().for_each(|entry| sum += entry.sink.traffic().read());
        sum
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
