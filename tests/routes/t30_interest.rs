//! Interest and messages of peers that are played, on both servers: what a server does with each line.

use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::common::{A, R, T};
use crate::played::Played;

/// A server without pools: everything comes over this one connection.
fn peer(node: &Node, name: &str) -> RawClient {
    Played::named(name).enter(node)
}

/// Returns when the server has dealt with everything before.
fn settle(peer: &mut RawClient) {
    peer.flush("");
}

fn nodes(server: &str) -> impl Iterator<Item = (Kind, Node)> {
    let config = ClusterConfig { server: server.to_owned(), ..ClusterConfig::default() };
    [R, T].into_iter().filter_map(move |kind| Some((kind, Node::start(kind, "n0", "c1", &[], &config)?)))
}

fn count(peer: &RawClient, line: &str) -> usize {
    peer.frames().iter().filter(|frame| frame.starts_with(line)).count()
}

#[test]
fn a_message_goes_on_when_the_members_here_have_left() {
    for (kind, node) in nodes("") {
        let (mut first, mut second) = (peer(&node, "first"), peer(&node, "second"));
        second.send("RS+ $G q g 1\r\nRS+ $G q h 1\r\n");
        settle(&mut second);
        // The sender knew of members here that are gone.
        first.send("RMSG $G q | g 2\r\nhi\r\n");
        second.expect("RMSG $G q | g 2");
        settle(&mut second);
        assert_eq!(count(&second, "RMSG "), 1, "{kind:?}: {}", second.text());
        let mut member = node.client();
        member.flush("SUB q g 1\r\n");
        first.send("RMSG $G q | g 2\r\nho\r\n");
        member.expect("MSG q 1 2\r\nho");
        settle(&mut second);
        assert_eq!(count(&second, "RMSG "), 1, "{kind:?}: {}", second.text());
    }
}

#[test]
fn messages_without_groups_stay_where_they_are() {
    for (kind, node) in nodes("") {
        let (mut first, mut second) = (peer(&node, "first"), peer(&node, "second"));
        second.send("RS+ $G a\r\nRS+ $G a g 1\r\n");
        settle(&mut second);
        let mut client = node.client();
        client.flush("SUB a 1\r\n");
        first.send("RMSG $G a 2\r\nhi\r\n");
        client.expect("MSG a 1 2\r\nhi");
        settle(&mut second);
        assert_eq!(count(&second, "RMSG "), 0, "{kind:?}: {}", second.text());
    }
}

#[test]
fn interest_of_leaf_nodes_stands_beside_that_of_their_server() {
    for (kind, node) in nodes("") {
        let mut peer = peer(&node, "first");
        peer.send("LS+ leafs $G x\r\nRS+ $G x\r\nRS- $G x\r\n");
        settle(&mut peer);
        let mut client = node.client();
        client.flush("PUB x 2\r\nhi\r\n");
        peer.expect("RMSG $G x 2");
        peer.send("LS- leafs $G x\r\n");
        settle(&mut peer);
        client.flush("SUB in 1\r\nPUB x in 0\r\n\r\n");
        client.expect("NATS/1.0 503");
        settle(&mut peer);
        assert_eq!(count(&peer, "RMSG $G x"), 1, "{kind:?}: {}", peer.text());
    }
}

#[test]
fn members_of_leaf_nodes_are_asked_when_there_is_nobody_else() {
    for (kind, node) in nodes("") {
        let (mut far, mut near) = (peer(&node, "far"), peer(&node, "near"));
        far.send("LS+ leafs $G q g 5\r\n");
        near.send("RS+ $G q g 1\r\n");
        settle(&mut far);
        settle(&mut near);
        let mut client = node.client();
        client.flush("PUB q 2\r\nhi\r\n".repeat(20));
        let waited =
            near.wait(|frames| frames.iter().filter(|frame| frame.starts_with("RMSG $G q | g 2")).count() == 20);
        assert_eq!(waited, Waited::Met, "{kind:?}: {}", near.text());
        near.send("RS- $G q g\r\n");
        settle(&mut near);
        client.flush("PUB q 2\r\nho\r\n");
        far.expect("RMSG $G q | g 2");
        settle(&mut far);
        assert_eq!(count(&far, "RMSG $G q"), 1, "{kind:?}: {}", far.text());
    }
}

#[test]
fn requests_of_other_servers_do_not_cross_accounts_again() {
    let accounts = "accounts { A { users [{user: a, password: a}], exports [{service: svc}] },\n\
                    B { users [{user: b, password: b}], imports [{service: {account: A, subject: svc}}] } }\n";
    for (kind, node) in nodes(accounts) {
        let mut responder = node.client_as(A);
        responder.flush("SUB svc 1\r\n");
        let mut peer = peer(&node, "first");
        // The server of the requester has led the request into A, and tells B of it as well.
        peer.send("RMSG A svc r.1 2\r\nhi\r\nRMSG B svc r.2 2\r\nho\r\n");
        responder.expect("MSG svc 1 r.1 2");
        settle(&mut peer);
        responder.flush("");
        assert_eq!(count(&responder, "MSG svc"), 1, "{kind:?}: {}", responder.text());
    }
}

#[test]
fn rights_that_the_peer_takes_up_bring_the_interest_it_did_not_want() {
    for (kind, node) in nodes("") {
        let mut client = node.client();
        client.flush("SUB open 1\r\nSUB shut 2\r\n");
        let mut peer = peer(&node, "first");
        peer.expect("RS+ $G shut");
        // Interest that was not to be told is not told again; what was told before and refused is.
        let id = format!("N{:A<55}", "first");
        let info = |export: &str| {
            format!(
                "INFO {{\"server_id\":\"{id}\",\"server_name\":\"first\",\"version\":\"2.15.1\",\"proto\":3,\"go\":\"go1.27.2\",\
                 \"host\":\"127.0.0.1\",\"port\":1,\"headers\":true,\"max_payload\":1048576,\"cluster\":\"c1\"{export}}}\r\n"
            )
        };
        peer.send(info(",\"export\":{\"deny\":[\"shut\"]}"));
        settle(&mut peer);
        let before = (count(&peer, "RS+ $G shut"), count(&peer, "RS+ $G open"));
        peer.send(info(""));
        eventually("interest told again", || {
            settle(&mut peer);
            (count(&peer, "RS+ $G shut") == before.0 + 1).then_some(())
        });
        assert_eq!(count(&peer, "RS+ $G open"), before.1, "{kind:?}: {}", peer.text());
    }
}
