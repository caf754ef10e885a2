//! `/actorz` and `/ipqueuesz`: what the supervisor knows.

use std::time::SystemTime;

use troupe_codecs::report::actorz::{ActorInfo, ArbiterInfo, GroupInfo, RestartInfo};
use troupe_codecs::report::queues::QueueInfo;
use troupe_codecs::report::{Actorz, Ipqueuesz, IpqueueszOptions, Timestamp};

use super::Reporter;
use crate::queue::QueueDepth;
use crate::supervisor::{ChildState, ChildStatus, RestartPolicy};

/// Reads how full a queue is.
pub(super) type DepthReader = Box<dyn Fn() -> QueueDepth + Send + Sync>;

impl Reporter {
    /// Adds a queue to `/ipqueuesz`, `/actorz` and the metrics. Names must be few: each is a label.
    pub fn add_queue(&self, name: impl Into<String>, depth: impl Fn() -> QueueDepth + Send + Sync + 'static) {
        self.queues.lock().push((name.into(), Box::new(depth)));
    }

    /// Queues between actors.
    #[must_use]
    pub fn ipqueuesz(&self, options: &IpqueueszOptions) -> Ipqueuesz {
        let queues = self.queues.lock();
        let read = queues.iter().map(|(name, depth)| {
            let QueueDepth { num_pending, num_in_flight, .. } = depth();
            (name.clone(), QueueInfo { pending: num_pending as u64, in_progress: num_in_flight as u64 })
        });
        let is_wanted = |(name, queue): &(String, QueueInfo)| {
            (options.all || *queue != QueueInfo::default())
                && (options.filter.is_empty() || name.contains(&options.filter))
        };
        read.filter(is_wanted).collect()
    }

    /// The supervision tree.
    #[must_use]
    pub fn actorz(&self) -> Actorz {
        let board = self.board.snapshot();
        let groups = board.groups.iter().map(|group| GroupInfo {
            kind: group.kind,
            running: group.num_alive(),
            started: group.num_started,
            ended: group.num_stopped,
            failed: group.num_panicked,
        });
        let arbiters = board.arbiters.iter().map(|arbiter| ArbiterInfo {
            name: arbiter.name.clone(),
            generation: arbiter.generation,
            stalled: arbiter.is_stalled,
        });
        Actorz {
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            actors: board.children.iter().map(actor_info).collect(),
            groups: groups.collect(),
            arbiters: arbiters.collect(),
            queues: self.ipqueuesz(&IpqueueszOptions { all: true, filter: String::new() }),
        }
    }
}

fn actor_info(status: &ChildStatus) -> ActorInfo {
    let restarts = status.restarts.iter().map(|note| RestartInfo {
        at: Timestamp(note.at),
        epoch: note.epoch.get(),
        cause: note.cause.to_string(),
    });
    ActorInfo {
        kind: status.name.kind,
        id: status.name.id_opt.as_deref().map(ToOwned::to_owned),
        policy: match status.policy {
            RestartPolicy::Always => "always",
            RestartPolicy::OnFailure => "on_failure",
            RestartPolicy::Never => "never",
        },
        state: state_text(status.state),
        epoch: status.epoch.get(),
        running_since: status.running_since_opt.map(Timestamp),
        restarts: status.num_restarts,
        stalls: status.num_stalls,
        progress: status.progress,
        last_restarts: restarts.collect(),
        ended: status.ended_opt.as_ref().map(ToString::to_string),
    }
}

fn state_text(state: ChildState) -> &'static str {
    match state {
        ChildState::Starting => "starting",
        ChildState::Running => "running",
        ChildState::Restarting => "restarting",
        ChildState::Stalled => "stalled",
        ChildState::Stopped => "stopped",
        ChildState::Failed => "failed",
    }
}
