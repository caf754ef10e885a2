//! Connections that both servers open at once, and that one of them has given up. nats-server keeps what it has until it is found
//! stale, so these are about Troupe alone.

use troupe_tests::cluster::{ClusterConfig, Node};
use troupe_tests::raw::Waited;

use crate::common::T;
use crate::played::{Door, Played};

/// Place of the account everybody has in a pool of three.
const GLOBAL_PLACE: &str = "\"route_pool_size\":3,\"route_pool_idx\":2";

#[test]
fn a_server_that_comes_back_does_not_wait_for_its_old_route_to_be_found_stale() {
    let node = Node::start(T, "n0", "c1", &[], &ClusterConfig::default()).expect("it starts");
    let played = Played::named("peer").with(GLOBAL_PLACE);
    let mut client = node.client();
    client.flush("SUB here 1\r\n");
    // The network was cut: this side has forgotten its connection, the server has not heard of it.
    let mut old = played.enter(&node);
    old.flush("RS+ $G there\r\n");
    let mut new = played.introduce(&node);
    new.expect("RS+ $G here");
    assert_eq!(old.wait_closed(), Waited::Met, "{}", old.text());
    new.flush("RS+ $G there\r\n");
    client.flush("PUB there 2\r\nhi\r\n");
    new.expect("RMSG $G there 2");
    new.send("RMSG $G here 2\r\nho\r\n");
    client.expect("MSG here 1 2");
    node.process.wait_log("Router connection closed: Duplicate Route - Remote: peer");
}

#[test]
fn of_two_connections_opened_at_once_the_one_that_a_nats_server_keeps_stays() {
    let door = Door::new();
    let node = Node::start(T, "n0", "c1", &[door.address()], &ClusterConfig::default()).expect("it starts");
    let played = Played::named("peer").with("\"route_pool_size\":3");
    // The server has told which place the connection has; meanwhile this side has opened another one for the same.
    let mut own = door.next_of_pool(&played);
    let mut other = played.introduce(&node);
    assert_eq!(own.wait_closed(), Waited::Met, "{}", own.text());
    other.flush("RS+ $G there\r\n");
    assert!(!other.is_closed());
}
