//! What is measured.

mod cluster;
mod connections;
mod jetstream;
mod messages;
mod requests;
mod subscriptions;

use std::io;
use std::path::Path;

use self::jetstream::Sync;
use self::messages::Audience;
use self::requests::Inbox;
use super::link::Door;
use super::report::Measured;
use super::server::MeasuredServer;

/// What a case runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// The server.
    pub(crate) binary: &'a Path,
    /// Factor on the number of operations.
    pub(crate) scale: f64,
}

impl Setting<'_> {
    /// A fresh server and the way to connect to it.
    fn start(&self, config: &str) -> (MeasuredServer, Door) {
        let server = MeasuredServer::start(self.binary, config);
        let door = Door::new(server.address());
        (server, door)
    }

    /// A number of operations.
    fn count(&self, base: usize) -> usize {
        ((base as f64 * self.scale) as usize).max(1000)
    }
}

/// One load.
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: &'static str,
    /// Runs it on a fresh server.
    pub(crate) run: fn(&Setting<'_>) -> io::Result<Measured>,
}

/// All cases.
pub(crate) const ALL: &[Case] = &[
    Case { name: "one-to-one", run: messages::one_to_one },
    Case { name: "one-to-one-accounts", run: messages::one_to_one_among_accounts },
    Case { name: "publish-only", run: messages::publish_only },
    Case { name: "one-to-one-1k", run: |setting| messages::sized(setting, 500_000, 1024) },
    Case { name: "one-to-one-64k", run: |setting| messages::sized(setting, 30_000, 65_536) },
    Case { name: "four-to-four", run: |setting| messages::mesh(setting, 4, Audience::OneEach, (1_500_000, 128)) },
    Case { name: "one-to-10", run: |setting| messages::mesh(setting, 1, Audience::All(10), (300_000, 16)) },
    Case { name: "one-to-100", run: |setting| messages::mesh(setting, 1, Audience::All(100), (50_000, 16)) },
    Case { name: "ten-to-ten", run: |setting| messages::mesh(setting, 10, Audience::All(10), (400_000, 128)) },
    Case { name: "unique-subjects", run: messages::unique_subjects },
    Case { name: "patterns-1000", run: messages::thousand_patterns },
    Case { name: "everything", run: messages::everything },
    Case { name: "queue-4", run: |setting| messages::queue_group(setting, 4) },
    Case { name: "queue-100", run: |setting| messages::queue_group(setting, 100) },
    Case { name: "many-to-one", run: messages::many_to_one },
    Case { name: "permissions", run: messages::permissions },
    Case { name: "mixed-sizes", run: messages::mixed_sizes },
    Case { name: "slow-reader", run: messages::slow_reader },
    Case { name: "tls-16", run: |setting| messages::tls(setting, 16) },
    Case { name: "tls-1k", run: |setting| messages::tls(setting, 1024) },
    Case { name: "requests-1", run: |setting| requests::requests(setting, 1, Inbox::Standing) },
    Case { name: "requests-8", run: |setting| requests::requests(setting, 8, Inbox::Standing) },
    Case { name: "old-requests-1", run: |setting| requests::requests(setting, 1, Inbox::Each) },
    Case { name: "old-requests-8", run: |setting| requests::requests(setting, 8, Inbox::Each) },
    Case { name: "two-nodes", run: |setting| cluster::two_nodes(setting, 2_000_000, 16, "compression: off") },
    Case { name: "two-nodes-128", run: |setting| cluster::two_nodes(setting, 1_500_000, 128, "compression: off") },
    Case { name: "two-nodes-s2", run: |setting| cluster::two_nodes(setting, 1_500_000, 128, "compression: s2_fast") },
    Case { name: "joining", run: cluster::joining },
    Case { name: "js-file-1", run: |setting| jetstream::publish(setting, (10_000, 1), "file", Sync::Lazy) },
    Case { name: "js-file-500", run: |setting| jetstream::publish(setting, (200_000, 500), "file", Sync::Lazy) },
    Case {
        name: "js-file-500-default",
        run: |setting| jetstream::publish(setting, (200_000, 500), "file", Sync::Default),
    },
    Case {
        name: "js-file-500-synced",
        run: |setting| jetstream::publish(setting, (40_000, 500), "file", Sync::Always),
    },
    Case { name: "js-memory-500", run: |setting| jetstream::publish(setting, (200_000, 500), "memory", Sync::Lazy) },
    Case { name: "js-100-streams-synced", run: jetstream::hundred_streams },
    Case { name: "js-pull", run: |setting| jetstream::pull(setting, "none") },
    Case { name: "js-pull-ack", run: |setting| jetstream::pull(setting, "explicit") },
    Case { name: "kv-put", run: |setting| jetstream::key_value(setting, false) },
    Case { name: "kv-get", run: |setting| jetstream::key_value(setting, true) },
    Case { name: "connect", run: connections::connect_and_leave },
    Case { name: "million-churn", run: subscriptions::million_with_churn },
];
