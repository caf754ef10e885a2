//! Reload of the cluster block, in mixed clusters.

use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node, fresh, sync_all};
use troupe_tests::wait::eventually;

use crate::common::{ACCOUNTS, B, R, T, in_mixes, messages};

fn config(lines: &str) -> ClusterConfig {
    ClusterConfig { cluster: lines.to_owned(), server: ACCOUNTS.to_owned(), ..ClusterConfig::default() }
}

/// Has every server take other lines of the cluster block, one after the other; all but the first are connected to the first.
fn reload_all(cluster: &Cluster, lines: &str) {
    let first = cluster.nodes[0].route;
    for (number, node) in cluster.nodes.iter().enumerate() {
        let routes = if number == 0 { vec![] } else { vec![first] };
        node.reload(&routes, &config(lines));
    }
}

/// Every server's clients hear those of every server, each message once.
fn nothing_is_lost_or_doubled(cluster: &Cluster, credentials: &str) {
    cluster.settle(credentials);
    let mut clients = cluster.clients(credentials);
    let subject = fresh("all");
    clients.iter_mut().for_each(|client| client.flush(format!("SUB {subject} 1\r\n")));
    sync_all(&mut clients);
    for client in &mut clients {
        client.flush(format!("PUB {subject} 2\r\nhi\r\n").repeat(10));
    }
    sync_all(&mut clients);
    for client in &clients {
        assert_eq!(messages(client, &subject), 10 * clients.len(), "{}", client.text());
    }
}

#[test]
fn accounts_move_to_connections_of_their_own_and_back() {
    in_mixes(&[&[T, R], &[R, T], &[T, T], &[T, R, T]], &config(""), |cluster| {
        // Interest from before the move has to move with the account.
        let mut listeners = cluster.clients("");
        listeners.iter_mut().for_each(|client| client.flush("SUB kept 1\r\n"));
        sync_all(&mut listeners);
        for lines in ["accounts: [A]", "accounts: [A, B]", "accounts: [B]", ""] {
            reload_all(cluster, lines);
            nothing_is_lost_or_doubled(cluster, "");
            nothing_is_lost_or_doubled(cluster, B);
            let before: Vec<_> = listeners.iter().map(|client| messages(client, "kept")).collect();
            sync_all(&mut listeners);
            listeners[0].flush("PUB kept 2\r\nhi\r\n");
            sync_all(&mut listeners);
            for (client, before) in listeners.iter().zip(before) {
                assert_eq!(messages(client, "kept"), before + 1, "{lines:?}: {}", client.text());
            }
        }
    });
}

#[test]
fn pools_take_another_size() {
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config(""), |cluster| {
        for lines in ["pool_size: 1", "pool_size: 5", "pool_size: -1", "pool_size: 3"] {
            reload_all(cluster, lines);
            nothing_is_lost_or_doubled(cluster, "");
            nothing_is_lost_or_doubled(cluster, B);
        }
    });
}

#[test]
fn routes_are_added_and_removed() {
    for mix in [[T, R], [R, T], [T, T]] {
        let start = |kind: Kind, name: &str| Node::start(kind, name, "c1", &[], &config(""));
        let (Some(first), Some(second)) = (start(mix[0], "n0"), start(mix[1], "n1")) else { return };
        second.reload(&[first.route], &config(""));
        let cluster = Cluster { nodes: vec![first, second] };
        cluster.settle("");
        cluster.nodes[1].reload(&[], &config(""));
        cluster.nodes[1].process.wait_log("Router connection closed: Route Removed");
        let mut client = cluster.nodes[0].client();
        let mut other = cluster.nodes[1].client();
        other.flush("SUB there 1\r\n");
        eventually("nobody there", || {
            client.flush("SUB in 1\r\nPUB there in 0\r\n\r\nUNSUB 1\r\n");
            client.frames().iter().any(|frame| frame.contains("NATS/1.0 503")).then_some(())
        });
        cluster.nodes[1].reload(&[cluster.nodes[0].route], &config(""));
        cluster.settle("");
    }
}

#[test]
fn rights_change() {
    const SHUT: &str = "permissions { import: {deny: \"shut.*\"}, export: {deny: \"inside.*\"} }";
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config(SHUT), |cluster| {
        let mut clients = cluster.clients("");
        clients.iter_mut().for_each(|client| client.flush("SUB shut.a 1\r\nSUB inside.a 2\r\n"));
        sync_all(&mut clients);
        for (lines, is_open) in [(SHUT, false), ("", true), (SHUT, false)] {
            reload_all(cluster, lines);
            for subject in ["shut.a", "inside.a"] {
                let probe = format!("PUB {subject} 2\r\nhi\r\n");
                // Interest follows the rights a moment later.
                let own = messages(&clients[0], subject);
                eventually("messages as the rights have it", || {
                    let before = messages(&clients[1], subject);
                    clients[0].flush(&probe);
                    sync_all(&mut clients);
                    (messages(&clients[1], subject) - before == usize::from(is_open)).then_some(())
                });
                assert!(messages(&clients[0], subject) > own);
            }
        }
    });
}

#[test]
fn compression_changes() {
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config("compression: off"), |cluster| {
        for mode in ["s2_fast", "s2_best", "s2_auto", "accept", "off", "s2_better"] {
            reload_all(cluster, &format!("compression: {mode}"));
            nothing_is_lost_or_doubled(cluster, "");
        }
    });
}

#[test]
fn other_passwords_are_asked_of_those_who_came_before() {
    for mix in [[T, R], [R, T], [T, T]] {
        let with = |password: &str| ClusterConfig {
            login: format!("u:{password}@"),
            ..config(&format!("authorization {{ user: u, password: {password} }}"))
        };
        let Some(cluster) = Cluster::start(&mix, &with("old")) else { return };
        cluster.nodes[0].reload(&[], &with("new"));
        // Who came with the old one has to leave, and is not let in again.
        cluster.nodes[0].process.wait_log("Router connection closed: Authentication Failure - Remote: n1");
        cluster.nodes[0].process.wait_log_count("authentication error - User \"u\"", 5);
        cluster.nodes[1].reload(&[cluster.nodes[0].route], &with("new"));
        cluster.settle("");
    }
}
