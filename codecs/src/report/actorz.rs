//! `/actorz`: the supervision tree. Troupe's own.

use serde::Serialize;

use super::time::Timestamp;

/// Actors, connections by kind, arbiters.
#[derive(Clone, Debug, Serialize)]
pub struct Actorz {
    /// Id of the server.
    pub server_id: String,
    /// When it was made.
    pub now: Timestamp,
    /// Supervised actors in the order of their start.
    pub actors: Vec<ActorInfo>,
    /// Kinds of actors that are only counted.
    pub groups: Vec<GroupInfo>,
    /// Threads that actors share.
    pub arbiters: Vec<ArbiterInfo>,
    /// Queues between actors.
    pub queues: super::queues::Ipqueuesz,
}

/// One supervised actor.
#[derive(Clone, Debug, Serialize)]
pub struct ActorInfo {
    /// Kind.
    pub kind: &'static str,
    /// Which of its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it is restarted: `always`, `on_failure` or `never`.
    pub policy: &'static str,
    /// `starting`, `running`, `restarting`, `stalled`, `stopped` or `failed`.
    pub state: &'static str,
    /// Number of its newest instance: one for the first.
    pub epoch: u64,
    /// When the newest instance began to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Timestamp>,
    /// Restarts so far.
    pub restarts: u64,
    /// Times it was found stuck.
    pub stalls: u64,
    /// Signs of life of the newest instance.
    pub progress: u64,
    /// The last restarts, oldest first.
    pub last_restarts: Vec<RestartInfo>,
    /// Why it is stopped or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// One restart.
#[derive(Clone, Debug, Serialize)]
pub struct RestartInfo {
    /// When the actor ended.
    pub at: Timestamp,
    /// The instance that ended.
    pub epoch: u64,
    /// Why.
    pub cause: String,
}

/// A kind of actor that is only counted: connections.
#[derive(Clone, Debug, Serialize)]
pub struct GroupInfo {
    /// Kind.
    pub kind: &'static str,
    /// Alive.
    pub running: u64,
    /// Started so far.
    pub started: u64,
    /// Ended in order so far.
    pub ended: u64,
    /// Ended by a panic so far.
    pub failed: u64,
}

/// A thread that actors share.
#[derive(Clone, Debug, Serialize)]
pub struct ArbiterInfo {
    /// Name.
    pub name: String,
    /// Threads that have been in its place: one for the first.
    pub generation: u64,
    /// Silent for too long.
    pub stalled: bool,
}
