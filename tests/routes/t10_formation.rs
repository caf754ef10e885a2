//! How clusters come about and what clients hear of it.

use troupe_tests::cluster::{Cluster, ClusterConfig, Node};
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::common::{R, T, in_mixes};

#[test]
fn clients_are_told_of_every_server_and_of_its_end() {
    in_mixes(&[&[T, R, T], &[R, T, R]], &ClusterConfig::default(), |cluster| {
        for node in &cluster.nodes {
            let mut client = node.client();
            let urls: Vec<_> = cluster.nodes.iter().map(|node| node.process.address().to_string()).collect();
            eventually("an INFO with all servers", || {
                client.flush("");
                client.frames().iter().any(|frame| urls.iter().all(|url| frame.contains(url))).then_some(())
            });
        }
    });
}

#[test]
fn a_server_that_leaves_is_taken_off_the_list() {
    for mix in [[T, R, T], [R, T, T]] {
        let Some(mut cluster) = Cluster::start(&mix, &ClusterConfig::default()) else { return };
        let mut client = cluster.nodes[1].client();
        let gone = cluster.nodes[2].process.address().to_string();
        client.expect(&gone);
        let heard = client.frames().len();
        assert!(cluster.nodes.pop().expect("three").process.stop().success());
        let waited = client
            .wait(|frames| frames[heard..].iter().any(|frame| frame.contains("INFO {") && !frame.contains(&gone)));
        assert_eq!(waited, Waited::Met, "{mix:?}: {}", client.text());
    }
}

#[test]
fn a_server_that_comes_back_is_connected_again() {
    for mix in [[T, T], [R, T], [T, R]] {
        let config = ClusterConfig::default();
        let Some(first) = Node::start(mix[0], "n0", "c1", &[], &config) else { return };
        let second = Node::start(mix[1], "n1", "c1", &[first.route], &config).expect("it starts");
        let port = first.route.port();
        let cluster = Cluster { nodes: vec![first, second] };
        cluster.settle("");
        let Cluster { mut nodes } = cluster;
        let second = nodes.pop().expect("two");
        drop(nodes);
        let lines = ClusterConfig { port: Some(port), ..ClusterConfig::default() };
        let first = Node::start(mix[0], "n0", "c1", &[], &lines).expect("it starts again");
        Cluster { nodes: vec![first, second] }.settle("");
    }
}

#[test]
fn servers_without_a_name_take_that_of_the_others() {
    for mix in [[T, R], [R, T], [T, T]] {
        let config = ClusterConfig::default();
        let Some(first) = Node::start(mix[0], "n0", "named", &[], &config) else { return };
        let second = Node::start(mix[1], "n1", "\"\"", &[first.route], &config).expect("it starts");
        Cluster { nodes: vec![first, second] }.settle("");
    }
}
