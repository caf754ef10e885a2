//! Limits of accounts over all servers of a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node, fresh, sync, sync_all};
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::common::{A, R, T};

/// An account that may have two connections, and one for those who only look.
const SERVER: &str = "accounts { A { limits { max_connections: 2 }, users [{user: a, password: a}] }, \
                      B { users [{user: b, password: b}] }, SYS { users [{user: s, password: s}] } }\n\
                      system_account: SYS\nno_auth_user: b\n";
const FULL: &str = "maximum account active connections exceeded";

fn config() -> ClusterConfig {
    ClusterConfig { server: SERVER.to_owned(), ..ClusterConfig::default() }
}

/// Tries to enter the account with the limit.
fn enter(node: &Node) -> Result<RawClient, String> {
    let mut client = RawClient::connect(node.process.address());
    client.send(format!("CONNECT {{{A}\"verbose\":false,\"protocol\":1}}\r\nPING\r\n"));
    client.wait(|frames| frames.iter().any(|frame| frame.is("PONG") || frame.starts_with("-ERR")));
    if client.count("PONG") > 0 { Ok(client) } else { Err(client.text()) }
}

/// Servers that come together with more connections than there may be close the newest of them.
#[test]
fn connections_that_are_too_many_when_servers_meet_are_closed() {
    let start = |kind: Kind, name: &str| Node::start(kind, name, "c1", &[], &config());
    for mix in [[T, T], [T, R]] {
        let (Some(first), Some(second)) = (start(mix[0], "n0"), start(mix[1], "n1")) else { return };
        let mut here = [enter(&first).expect("let in"), enter(&first).expect("let in")];
        let _there = [enter(&second).expect("let in"), enter(&second).expect("let in")];
        first.reload(&[second.route], &config());
        let closed = &mut here[1];
        closed.set_patience(std::time::Duration::from_secs(30));
        closed.expect(FULL);
        closed.wait_closed();
        assert!(closed.is_closed(), "{mix:?}");
    }
}

/// A client of the system account on each server. The second hears what the first server tells of the account with the limit.
struct Watch {
    clients: Vec<RawClient>,
    ids: Vec<String>,
}

impl Watch {
    fn new(cluster: &Cluster) -> Self {
        let mut clients = cluster.clients(r#""user":"s","pass":"s","#);
        clients[1].flush("SUB $SYS.SERVER.ACCOUNT.A.CONNS 7\r\n");
        sync_all(&mut clients);
        let ids = cluster.nodes.iter().map(|node| node.client().info_field("server_id")).collect();
        Self { clients, ids }
    }

    /// Returns when the second server counts so many connections on the first.
    fn wait_counted(&mut self, count: u64) {
        let (first, second) = self.clients.split_at_mut(1);
        let (first, second) = (&mut first[0], &mut second[0]);
        let waited = second.wait(|frames| {
            let told = frames.iter().rfind(|frame| frame.starts_with("MSG $SYS.SERVER.ACCOUNT.A.CONNS "));
            told.is_some_and(|told| {
                let event = told.json();
                event["server"]["id"] == *self.ids[0] && event["conns"] == count
            })
        });
        assert_eq!(waited, Waited::Met, "waiting for {count} connections: {}", second.text());
        // The server itself has got what its client has, and answers requests in the order in which they came.
        sync(first, second);
        let inbox = fresh("_INBOX");
        second.flush(format!("SUB {inbox} 9\r\nPUB $SYS.REQ.SERVER.{}.CONNZ {inbox} 0\r\n\r\n", self.ids[1]));
        second.expect(&format!("MSG {inbox} "));
        second.flush("UNSUB 9\r\n");
    }
}

#[test]
fn connections_on_all_servers_count() {
    for mix in [[R, R], [T, T], [T, R], [R, T]] {
        let Some(mut cluster) = Cluster::start(&mix, &config()) else { return };
        cluster.settle(r#""user":"s","pass":"s","#);
        let mut watch = Watch::new(&cluster);
        let mut here = vec![enter(&cluster.nodes[0]).expect("let in")];
        watch.wait_counted(1);
        here.push(enter(&cluster.nodes[0]).expect("let in"));
        watch.wait_counted(2);
        let refused = enter(&cluster.nodes[1]).err().unwrap_or_default();
        assert!(refused.contains(FULL), "{mix:?}: {refused}");
        // A place is free again when a client leaves, and when a server does.
        here.pop();
        watch.wait_counted(1);
        let _there = enter(&cluster.nodes[1]).expect("let in");
        let refused = enter(&cluster.nodes[1]).err().unwrap_or_default();
        assert!(refused.contains(FULL), "{mix:?}: {refused}");
        cluster.nodes.remove(0).process.stop();
        eventually("a place that was taken on the server that is gone", || enter(&cluster.nodes[0]).ok());
    }
}
