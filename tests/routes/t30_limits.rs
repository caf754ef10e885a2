//! Limits of accounts over all servers of a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, Kind, Node};

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
