//! Servers that stall, die and say goodbye.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node};
use troupe_tests::raw::Waited;

use crate::common::{R, T};

#[test]
fn interest_of_a_dead_server_is_forgotten() {
    for mix in [[T, R, T], [R, T, R]] {
        let Some(mut cluster) = Cluster::start(&mix, &ClusterConfig::default()) else { return };
        let mut clients = cluster.clients("");
        clients[2].flush("SUB service 1\r\n");
        troupe_tests::cluster::sync_all(&mut clients);
        cluster.nodes.pop().expect("three").process.signal(Signal::SIGKILL);
        for client in &mut clients[..2] {
            // As long as the server is believed in, a request goes there and is lost.
            let heard = troupe_tests::wait::eventually("a request to find nobody", || {
                client.flush("SUB inbox 2\r\nPUB service inbox 0\r\n\r\nUNSUB 2\r\n");
                client.frames().iter().any(|frame| frame.contains("NATS/1.0 503")).then_some(true)
            });
            assert!(heard);
        }
    }
}

#[test]
fn a_server_that_stalls_is_found_stale_and_comes_back() {
    let config =
        ClusterConfig { cluster: "ping_interval: \"500ms\"\nping_max: 2".to_owned(), ..ClusterConfig::default() };
    for mix in [[T, T], [T, R], [R, T]] {
        let Some(cluster) = Cluster::start(&mix, &config) else { return };
        cluster.nodes[1].process.signal(Signal::SIGSTOP);
        cluster.nodes[0].process.wait_log("Router connection closed: Stale Connection");
        cluster.nodes[1].process.signal(Signal::SIGCONT);
        cluster.settle("");
    }
}

#[test]
fn lame_ducks_are_told_to_everybody() {
    for mix in [[T, R], [R, T], [T, T]] {
        let Some(cluster) = Cluster::start(&mix, &ClusterConfig::default()) else { return };
        let leaving = cluster.nodes[1].process.address().to_string();
        let mut client = cluster.nodes[0].client();
        client.expect(&leaving);
        let heard = client.frames().len();
        // A client keeps the server from leaving at once.
        let _kept = cluster.nodes[1].client();
        cluster.nodes[1].process.signal(Signal::SIGUSR2);
        let waited = client
            .wait(|frames| frames[heard..].iter().any(|frame| frame.contains("INFO {") && !frame.contains(&leaving)));
        assert_eq!(waited, Waited::Met, "{mix:?}: {}", client.text());
    }
}

#[test]
fn servers_that_were_told_of_each_other_find_each_other_again() {
    for last in [T, R] {
        let config = ClusterConfig::default();
        let start = |kind: Kind, name: &str, routes: &[SocketAddr], config: &ClusterConfig| {
            Node::start(kind, name, "c1", routes, config)
        };
        let first = start(T, "n0", &[], &config).expect("it starts");
        let second = start(T, "n1", &[first.route], &config).expect("it starts");
        let Some(third) = start(last, "n2", &[first.route], &config) else { return };
        let cluster = Cluster { nodes: vec![first, second, third] };
        cluster.settle("");
        let Cluster { mut nodes } = cluster;
        let place = nodes.pop().expect("three").route;
        // It is gone for longer than an attempt takes, and leads to nobody when it is back.
        nodes[1].process.wait_log(&format!("Error trying to connect to route (attempt 2): dial tcp {place}"));
        let config = ClusterConfig { port: Some(place.port()), ..config };
        let third = start(last, "n2", &[], &config).expect("it starts again");
        Cluster { nodes: vec![nodes.remove(1), third] }.settle("");
    }
}
