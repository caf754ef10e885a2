//! Every mix of servers, with pools, compression and TLS that differ from server to server.

use troupe_tests::certs::{CertFiles, Certs};
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node, fresh, sync_all};

use crate::common::{A, ACCOUNTS, B, R, T, messages};

const MIXES: [[Kind; 3]; 7] = [[T, R, R], [R, T, R], [R, R, T], [T, T, R], [T, R, T], [R, T, T], [T, T, T]];
const POOLS: [[&str; 3]; 3] = [["-1", "1", "3"], ["3", "-1", "1"], ["1", "3", "3"]];
const MODES: [[&str; 3]; 3] =
    [["s2_fast", "accept", "off"], ["accept", "s2_best", "s2_auto"], ["off", "off", "s2_better"]];

/// Starts three servers, each with lines of its own; all lead to the first.
fn start(mix: [Kind; 3], lines: [String; 3]) -> Option<Cluster> {
    let mut nodes: Vec<Node> = Vec::new();
    for (number, (kind, lines)) in mix.into_iter().zip(lines).enumerate() {
        let config = ClusterConfig { cluster: lines, server: ACCOUNTS.to_owned(), ..ClusterConfig::default() };
        let routes: Vec<_> = nodes.first().map(|node| node.route).into_iter().collect();
        nodes.push(Node::start(kind, &format!("n{number}"), "c1", &routes, &config)?);
    }
    Some(Cluster { nodes })
}

fn messages_cross_in_every_direction(cluster: &Cluster) {
    for credentials in [A, B] {
        cluster.settle(credentials);
        let mut clients = cluster.clients(credentials);
        let (plain, group) = (fresh("plain"), fresh("group"));
        clients.iter_mut().for_each(|client| client.flush(format!("SUB {plain} 1\r\nSUB {group} g 2\r\n")));
        sync_all(&mut clients);
        for client in &mut clients {
            client.flush(format!("PUB {plain} 2\r\nhi\r\nPUB {group} 2\r\nhi\r\n").repeat(5));
        }
        sync_all(&mut clients);
        let of = |subject: &str| clients.iter().map(|client| messages(client, subject)).collect::<Vec<_>>();
        assert_eq!(of(&plain), [15, 15, 15]);
        assert_eq!(of(&group).iter().sum::<usize>(), 15);
    }
}

#[test]
fn pools_and_compression_may_differ() {
    for (number, mix) in MIXES.into_iter().enumerate() {
        let (pools, modes) = (POOLS[number % 3], MODES[number / 3]);
        let lines = [0, 1, 2].map(|node| format!("pool_size: {}\ncompression: {}", pools[node], modes[node]));
        eprintln!("{mix:?} {pools:?} {modes:?}");
        let Some(cluster) = start(mix, lines) else { return };
        messages_cross_in_every_direction(&cluster);
    }
}

#[test]
fn routes_are_under_tls() {
    let certs = Certs::generate();
    let CertFiles { cert, key } = certs.peer();
    let (cert, key, ca) = (cert.display(), key.display(), certs.ca());
    let tls = format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{}\" }}", ca.display());
    for (number, mix) in MIXES.into_iter().enumerate() {
        let lines = MODES[number % 3].map(|mode| format!("{tls}\ncompression: {mode}\naccounts: [B]"));
        eprintln!("{mix:?} {:?}", MODES[number % 3]);
        let Some(cluster) = start(mix, lines) else { return };
        messages_cross_in_every_direction(&cluster);
    }
}

#[test]
fn servers_without_the_right_certificate_stay_outside() {
    let certs = Certs::generate();
    let block = |files: CertFiles| {
        let (cert, key, ca) = (files.cert.display().to_string(), files.key.display().to_string(), certs.ca());
        format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{}\" }}", ca.display())
    };
    for [first, second] in [[T, R], [R, T], [T, T]] {
        let config = |files| ClusterConfig { cluster: block(files), ..ClusterConfig::default() };
        let Some(node) = Node::start(first, "n0", "c1", &[], &config(certs.peer())) else { return };
        let _stranger = Node::start(second, "n1", "c1", &[node.route], &config(certs.stranger())).expect("it starts");
        node.process.wait_log("TLS route handshake error");
        assert!(!node.process.log().iter().any(|line| line.contains("Registering remote route")));
    }
}

#[test]
fn certificates_say_who_may_enter_where_that_is_asked() {
    let certs = Certs::generate();
    let block = |more: &str| {
        let (CertFiles { cert, key }, ca) = (certs.peer(), certs.ca());
        let (cert, key, ca) = (cert.display(), key.display(), ca.display());
        format!("tls {{ cert_file: \"{cert}\", key_file: \"{key}\", ca_file: \"{ca}\", {more} }}")
    };
    let config = |lines: String| ClusterConfig { cluster: lines, ..ClusterConfig::default() };
    // The certificate has the name `localhost`.
    for (rule, lines, is_admitted) in [
        ("verify_and_map: true", "authorization { user: localhost, password: p }", true),
        ("verify_and_map: true", "authorization { user: other, password: p }", false),
        ("verify_cert_and_check_known_urls: true", "routes: [\"nats-route://localhost:1\"]", true),
        ("verify_cert_and_check_known_urls: true", "routes: [\"nats-route://n1.localhost:1\"]", false),
    ] {
        for [first, second] in [[R, T], [T, R], [T, T]] {
            let asking = config(format!("{}\n{lines}", block(rule)));
            let Some(node) = Node::start(first, "n0", "c1", &[], &asking) else { return };
            let other = Node::start(second, "n1", "c1", &[node.route], &config(block(""))).expect("it starts");
            eprintln!("{first:?} {second:?} {rule} {lines}");
            if is_admitted {
                Cluster { nodes: vec![node, other] }.settle("");
            } else {
                other.process.wait_log("Authorization Violation");
            }
        }
    }
}
