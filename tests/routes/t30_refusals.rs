//! Connections that have no place in a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node};
use troupe_tests::raw::Waited;

use crate::common::{R, T};

fn node(kind: Kind, lines: &str) -> Option<Node> {
    Node::start(kind, "n0", "c1", &[], &ClusterConfig { cluster: lines.to_owned(), ..ClusterConfig::default() })
}

/// What a connection to the route port hears, on both servers.
fn hears(lines: &str, sent: &str, expected: &str) {
    for kind in [R, T] {
        let Some(node) = node(kind, lines) else { return };
        let mut peer = RawClient::connect(node.route);
        peer.expect("INFO {");
        peer.send(sent);
        if !expected.is_empty() {
            peer.expect(expected);
        }
        assert_eq!(peer.wait_closed(), Waited::Met, "{kind:?}: {sent}");
    }
}

const NAME: &str = r#""name":"NDN2CBHKT5HUS6HU6M2NHWNNQFE5RNZWRYN7QFIM3WNJ64OFPDRQKG25","headers":true"#;

#[test]
fn strangers_hear_why_they_are_refused() {
    hears("", "CONNECT {\"lang\":\"go\",\"verbose\":false}\r\n", "attempted to connect to route port");
    for first in ["PING", "PONG", "SUB foo 1", "RS+ $G foo", "INFO {}", "+OK", "-ERR 'x'"] {
        hears("", &format!("{first}\r\n"), "Authorization Violation");
    }
    hears("", "PUB foo 2\r\nhi\r\n", "Authorization Violation");
    hears(
        "",
        &format!("CONNECT {{{NAME},\"cluster\":\"other\"}}\r\n"),
        "Rejecting connection, cluster name \"other\" does not match \"c1\"",
    );
    hears(
        "",
        &format!("CONNECT {{{NAME},\"gateway\":\"g\"}}\r\n"),
        "Rejecting connection from gateway \"g\" on the Route port",
    );
    let locked = "authorization { user: u, password: p }";
    hears(locked, &format!("CONNECT {{{NAME},\"cluster\":\"c1\"}}\r\n"), "Authorization Violation");
    hears(
        locked,
        &format!("CONNECT {{{NAME},\"cluster\":\"c1\",\"user\":\"u\",\"pass\":\"x\"}}\r\n"),
        "Authorization Violation",
    );
}

fn introduction(more: &str) -> String {
    let info = format!(
        "INFO {{\"server_id\":\"NDN2CBHKT5HUS6HU6M2NHWNNQFE5RNZWRYN7QFIM3WNJ64OFPDRQKG25\",\"server_name\":\"x\",\"version\":\"2.15.1\",\
         \"proto\":3,\"go\":\"go1.27.2\",\"host\":\"127.0.0.1\",\"port\":1,\"headers\":true,\"max_payload\":1048576,\"cluster\":\"c1\",\
         \"lnoc\":true,\"lnocu\":true,{more}\"route_pool_size\":3}} \r\n"
    );
    format!("CONNECT {{{NAME},\"cluster\":\"c1\"}}\r\n{info}")
}

#[test]
fn peers_that_break_the_rules_are_closed() {
    hears("", &introduction("\"route_pool_idx\":7,"), "Invalid route pool index: 7 - pool size is 3");
    hears("", &introduction("\"route_account\":\"$G\","), "No route for account \"$G\"");
    hears(
        "compression: s2_fast",
        &introduction("\"compression\":\"zip\","),
        "unsupported route compression mode \"zip\"",
    );
    hears("", &format!("{}RMSG $G foo\r\n", introduction("")), "");
    hears("", &format!("{}RS+ $G foo q\r\n", introduction("")), "");
    hears("", &format!("{}FOO\r\n", introduction("")), "");
}

#[test]
fn garbage_and_floods_leave_the_server_serving() {
    let Some(node) = node(T, "compression: s2_fast") else { return };
    for bytes in [&b"\xff\x06\x00\x00S2sTwO"[..], b"\0\0\0\0", b"CONNECT {", b"CONNECT []\r\n", b"INFO {}\r\n"] {
        let mut peer = RawClient::connect(node.route);
        peer.expect("INFO {");
        peer.send(bytes);
        peer.close();
    }
    // A compressed stream that is cut and damaged.
    let mut peer = RawClient::connect(node.route);
    peer.expect("INFO {");
    peer.send(introduction("\"compression\":\"s2_fast\","));
    peer.send(b"\xff\x06\x00\x00S2sTwO\x00\x20\x00\x00 this is no block of this stream");
    assert_eq!(peer.wait_closed(), Waited::Met);
    let mut flooding = RawClient::connect(node.route);
    flooding.expect("INFO {");
    flooding.send(introduction("\"compression\":\"off\","));
    let flood: String = (0..50_000).map(|number| format!("RS+ $G flood.{number}\r\n")).collect();
    flooding.send(flood);
    flooding.send("PING\r\n");
    flooding.expect("PONG");
    flooding.close();
    let mut client = node.client();
    client.flush("SUB still 1\r\nPUB still 2\r\nhi\r\n");
    client.expect("MSG still 1 2");
    assert!(!node.process.log().iter().any(|line| line.contains("panic")));
}

#[test]
fn a_second_server_of_the_same_name_stays_outside() {
    for (first, second) in [(T, R), (R, T)] {
        let config = ClusterConfig::default();
        let Some(node) = Node::start(first, "same", "c1", &[], &config) else { return };
        let _other = Node::start(second, "same", "c1", &[node.route], &config).expect("it starts");
        node.process.wait_log("Remote server has a duplicate name: \"same\"");
        node.process.wait_log("Duplicate Server Name");
    }
}

#[test]
fn servers_enter_with_the_right_password() {
    let config = ClusterConfig {
        cluster: "authorization { user: ruser, password: \"T0pS3cr3t\" }".to_owned(),
        login: "ruser:T0pS3cr3t@".to_owned(),
        ..ClusterConfig::default()
    };
    for mix in [[T, R, T], [R, T, R]] {
        // The third is found by gossip, and entered with the password of the configuration.
        if Cluster::start(&mix, &config).is_none() {
            return;
        }
    }
}
