//! The mixes of servers that the stories are told with.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind};

pub(crate) const T: Kind = Kind::Troupe;
pub(crate) const R: Kind = Kind::Reference;

/// Two accounts with a user each; who says nothing is the user `a`.
pub(crate) const ACCOUNTS: &str =
    "accounts { A { users [{user: a, password: a}] }, B { users [{user: b, password: b}] } }\nno_auth_user: a\n";
/// Credentials of the user `a`.
pub(crate) const A: &str = r#""user":"a","pass":"a","#;
/// Credentials of the user `b`.
pub(crate) const B: &str = r#""user":"b","pass":"b","#;

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
