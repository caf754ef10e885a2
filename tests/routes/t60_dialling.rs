//! Attempts to connect to servers that others tell of, and what round trip times decide.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Node};
use troupe_tests::proxy::{Disturbance, Proxy};
use troupe_tests::wait::eventually;

use crate::common::{R, T};
use crate::played::{Door, Played};

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address")
}

fn at(address: SocketAddr, name: &str) -> Played {
    Played::named(name).with(&format!("\"route_pool_size\":3,\"ip\":\"nats-route://{address}/\""))
}

/// Seconds of the day at which a log line was written.
fn time_of(line: &str) -> f64 {
    let clock = line.split(' ').nth(2).expect("date and time");
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().expect("a number")).collect();
    parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]
}

#[test]
fn servers_that_others_tell_of_are_connected_to() {
    for kind in [R, T] {
        let Some(node) = Node::start(kind, "n0", "c1", &[], &ClusterConfig::default()) else { return };
        let mut peer = Played::named("peer").with("\"route_pool_size\":3").enter(&node);
        let door = Door::new();
        let told = at(door.address(), "told");
        peer.flush(told.info());
        // The pool fills one by one. A server that is known already is not connected to for news of it.
        let mut pool = Vec::new();
        for place in 0..3 {
            let mut next = door.next_of_pool(&told);
            let wanted =
                if place == 0 { "\"route_pool_size\":3".to_owned() } else { format!("\"route_pool_idx\":{place}") };
            next.expect(&wanted);
            next.flush("RS+ $G there\r\n");
            pool.push(next);
            peer.flush(told.info());
        }
        node.client().flush("PUB there 2\r\nhi\r\n");
        let Some(last) = pool.last_mut() else { return };
        last.expect("RMSG $G there 2");
    }
}

#[test]
fn accounts_with_routes_of_their_own_have_them_to_servers_told_of_by_one_without_pools() {
    for kind in [R, T] {
        let config = ClusterConfig { cluster: "accounts: [\"$G\"]".to_owned(), ..ClusterConfig::default() };
        let Some(node) = Node::start(kind, "n0", "c1", &[], &config) else { return };
        let mut peer = Played::named("peer").enter(&node);
        let door = Door::new();
        let told = at(door.address(), "told");
        peer.flush(told.info());
        let mut own = door.next_of_account(&told, "$G");
        own.flush("RS+ there\r\n");
        node.client().flush("PUB there 2\r\nhi\r\n");
        own.expect("RMSG there 2");
    }
}

#[test]
fn a_server_that_comes_back_with_pools_has_routes_of_single_accounts() {
    for kind in [R, T] {
        let door = Door::new();
        let config = ClusterConfig { cluster: "accounts: [\"$G\"]".to_owned(), ..ClusterConfig::default() };
        let Some(node) = Node::start(kind, "n0", "c1", &[door.address()], &config) else { return };
        // A connection for everything, and two for single accounts, which an old server cannot have.
        let old = Played::named("peer");
        let all = [(); 3].map(|()| door.next(&old));
        let num_refused =
            all.iter().filter(|one| one.text().contains("Not possible to have a dedicated route")).count();
        assert_eq!(num_refused, 2, "{kind:?}: {:?}", all.each_ref().map(RawClient::text));
        all.into_iter().for_each(|mut one| one.close());
        let new = Played::named("peer").with("\"route_pool_size\":3");
        let mut own = door.next_of_account(&new, "$G");
        own.flush("RS+ there\r\n");
        node.client().flush("PUB there 2\r\nhi\r\n");
        own.expect("RMSG there 2");
    }
}

#[test]
fn connections_that_come_to_nothing_are_opened_again_after_longer_and_longer_pauses() {
    let node = Node::start(T, "n0", "c1", &[], &ClusterConfig::default()).expect("it starts");
    let mut peer = Played::named("peer").with("\"route_pool_size\":3").enter(&node);
    let door = Door::new();
    let told = at(door.address(), "told");
    peer.flush(told.info());
    let begun = door.refuse();
    for _ in 0..5 {
        door.refuse();
    }
    // At least 0.1, 0.2, 0.4 and 0.8 seconds behind the second one.
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(1450), "{taken:?}");
}

#[test]
fn short_pings_leave_others_time_to_say_who_they_are() {
    let lines = "ping_interval: \"50ms\"\nping_max: 1";
    let config = ClusterConfig { cluster: lines.to_owned(), ..ClusterConfig::default() };
    let node = Node::start(T, "n0", "c1", &[], &config).expect("it starts");
    let played = Played::named("peer").with("\"route_pool_size\":3");
    let mut peer = RawClient::connect(node.route);
    peer.expect("INFO {");
    std::thread::sleep(Duration::from_secs(1));
    peer.send(played.connect());
    std::thread::sleep(Duration::from_secs(1));
    peer.flush(played.info());
}

#[test]
fn attempts_go_on_as_long_as_configured() {
    for kind in [R, T] {
        let lines = "connect_retries: 2\nconnect_backoff: true";
        let config = ClusterConfig { cluster: lines.to_owned(), ..ClusterConfig::default() };
        let Some(node) = Node::start(kind, "n0", "c1", &[], &config) else { return };
        let mut peer = Played::named("peer").with("\"route_pool_size\":3").enter(&node);
        let address = nowhere();
        peer.flush(at(address, "gone").info());
        let attempt = |number: usize| {
            let line = node
                .process
                .wait_log(&format!("Error trying to connect to route (attempt {number}): dial tcp {address}"));
            time_of(&line)
        };
        let (first, second, third) = (attempt(1), attempt(2), attempt(3));
        let pauses = (second - first, third - second);
        // Over midnight the clock starts anew.
        let is_longer = |pause: f64, least: f64| pause >= least || pause < 0.0;
        assert!(is_longer(pauses.0, 0.99) && is_longer(pauses.1, 1.99), "{kind:?}: {pauses:?}");
    }
}

#[test]
fn the_round_trip_time_chooses_the_level_of_compression() {
    let lines =
        "compression { mode: s2_auto, rtt_thresholds: [1ms, 15ms, 100s] }\nping_interval: \"300ms\"\nping_max: 50";
    for mix in [[T, T], [T, R], [R, T]] {
        let config = ClusterConfig {
            cluster: lines.to_owned(),
            server: "http: \"127.0.0.1:-1\"".to_owned(),
            ..ClusterConfig::default()
        };
        let Some(first) = Node::start(mix[0], "n0", "c1", &[], &config) else { return };
        let proxy = Proxy::new();
        proxy.lead_to(first.route);
        proxy.disturb(Disturbance::Delay(Duration::from_millis(10)));
        let second = Node::start(mix[1], "n1", "c1", &[proxy.address()], &config).expect("it starts");
        let cluster = Cluster { nodes: vec![first, second] };
        cluster.settle("");
        for node in &cluster.nodes {
            eventually("the level for a round trip of more than 15 ms", || {
                let routez = monitor(node.process.wait_address("Starting http monitor on "));
                let modes: Vec<_> = routez.matches("\"compression\": \"s2_better\"").collect();
                (modes.len() == 4).then_some(())
            });
        }
    }
}

fn monitor(address: SocketAddr) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("the monitor listens");
    stream.write_all(b"GET /routez HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}
