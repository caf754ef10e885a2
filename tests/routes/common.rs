//! The mixes of servers that the stories are told with.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind};

pub(crate) const T: Kind = Kind::Troupe;
pub(crate) const R: Kind = Kind::Reference;

/// Tells a story in a cluster of each mix. Skipped where nats-server is not there.
pub(crate) fn in_mixes(mixes: &[&[Kind]], config: &ClusterConfig, story: impl Fn(&Cluster)) {
    for mix in mixes {
        let Some(cluster) = Cluster::start(mix, config) else { return };
        eprintln!("cluster of {mix:?}");
        story(&cluster);
    }
}

/// Number of frames with a message on this subject.
pub(crate) fn messages(client: &RawClient, subject: &str) -> usize {
    client.frames().iter().filter(|frame| frame.contains(&format!("MSG {subject} "))).count()
}
