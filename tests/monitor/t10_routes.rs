//! Routes in the documents of a cluster, key by key beside those of two nats-servers.

use serde_json::Value;
use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, Kind, Node};
use troupe_tests::wait::eventually;

use crate::document::differences;
use crate::http;

const T: Kind = Kind::Troupe;
const R: Kind = Kind::Reference;

const SERVER: &str = "http: \"127.0.0.1:-1\"\naccounts { A { users [{user: a, password: a}] }, SYS { users [{user: s, password: s}] } }\n\
                      system_account: SYS\nno_auth_user: a\n";
const LOCKED: &str = "pool_size: 2\naccounts: [A]\nwrite_deadline: 3s\nwrite_timeout: retry\ncompression: s2_fast\n\
                      permissions { import: [\"x.>\", \"$SYS.>\", foo, \"settle.*\", \"sync.*\"], export: {deny: secret} }\n\
                      authorization { user: r, password: p, timeout: 3 }";

fn document(node: &Node, path: &str) -> Value {
    http::get(node.process.wait_address(" monitor on "), path).json()
}

/// What depends on ports, and on what each server says in the system account.
fn masked(mut value: Value) -> Value {
    for key in ["urls", "connect_urls"] {
        for place in [key.to_owned(), format!("cluster/{key}")] {
            let urls = value.pointer_mut(&format!("/{place}")).and_then(Value::as_array_mut);
            urls.into_iter().flatten().for_each(|url| *url = "host:port".into());
        }
    }
    if value["cluster"]["cluster_port"].is_number() {
        value["cluster"]["cluster_port"] = 0.into();
    }
    if let Some(routes) = value.get_mut("routes").and_then(Value::as_array_mut) {
        routes.sort_by_key(|route| route["account"].as_str().map(str::to_owned));
    }
    for route in value.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        route["rid"] = 0.into();
        route["remote_id"] = "id".into();
        // Replies of services to other accounts: an interest that nats-server has from the first request on.
        if let Some(list) = route.get_mut("subscriptions_list_detail").and_then(Value::as_array_mut) {
            list.retain(|one| !one["subject"].as_str().unwrap_or_default().starts_with("_R_."));
        }
        if let Some(list) = route.get_mut("subscriptions_list").and_then(Value::as_array_mut) {
            list.retain(|one| !one.as_str().unwrap_or_default().starts_with("_R_."));
        }
        route["subscriptions"] = 0.into();
        if route["account"] == "SYS" {
            ["in_msgs", "out_msgs", "in_bytes", "out_bytes", "pending_size"]
                .into_iter()
                .for_each(|key| route[key] = 0.into());
        }
    }
    value
}

const VARZ_KEYS: &[&str] = &["cluster", "routes", "remotes", "connections", "connect_urls", "slow_consumer_stats"];

/// The part of `/varz` that the cluster decides.
fn varz(node: &Node) -> Value {
    let all = document(node, "/varz");
    VARZ_KEYS.iter().map(|key| ((*key).to_owned(), all[*key].clone())).collect::<serde_json::Map<_, _>>().into()
}

/// Two servers, the second connected to the first, and what has happened between them.
fn stage(mix: [Kind; 2], lines: &str) -> Option<(Cluster, Vec<RawClient>)> {
    let login = if lines.contains("authorization") { "r:p@" } else { "" };
    let config = ClusterConfig {
        cluster: lines.to_owned(),
        server: SERVER.to_owned(),
        login: login.to_owned(),
        ..ClusterConfig::default()
    };
    let mut nodes = vec![Node::start(mix[0], "n0", "c1", &[], &config)?];
    nodes.push(Node::start(mix[1], "n1", "c1", &[nodes[0].route], &config)?);
    for node in &nodes {
        eventually("every route, measured", || {
            let routez = document(node, "/routez");
            let routes = routez["routes"].as_array()?;
            // Three of a pool and the system account, or two of a pool and two accounts.
            (routes.len() == 4 && routes.iter().all(|route| route["rtt"].is_string())).then_some(())
        });
    }
    let mut receiver = nodes[0].client();
    receiver.flush("SUB foo 1\r\nSUB x.> 2\r\nSUB x.y group 3\r\nSUB secret 4\r\n");
    let mut sender = nodes[1].client();
    eventually("interest in foo", || {
        let list = document(&nodes[1], "/routez?subs=1");
        let mut subjects = list["routes"].as_array()?.iter().filter_map(|route| route["subscriptions_list"].as_array());
        subjects.any(|list| list.contains(&"x.y".into())).then_some(())
    });
    sender.flush("PUB foo 5\r\nhello\r\nPUB foo 3\r\nabc\r\nPUB x.y 2\r\nhi\r\n");
    receiver.expect("MSG x.y 2 2");
    for node in &nodes {
        eventually("nothing on its way", || {
            let routez = document(node, "/routez");
            routez["routes"].as_array()?.iter().all(|route| route["pending_size"] == 0).then_some(())
        });
    }
    Some((Cluster { nodes }, vec![receiver, sender]))
}

#[test]
fn routes_are_shown_as_by_nats_server() {
    for lines in ["", LOCKED] {
        let Some((reference, _clients)) = stage([R, R], lines) else { return };
        for mix in [[T, T], [T, R], [R, T]] {
            let Some((cluster, _clients)) = stage(mix, lines) else { return };
            for (wanted, node) in reference.nodes.iter().zip(&cluster.nodes).filter(|(_, node)| node.kind == T) {
                let mut found = Vec::new();
                for path in ["/routez", "/routez?subs=1", "/routez?subs=detail"] {
                    let (wanted, shown) = (masked(document(wanted, path)), masked(document(node, path)));
                    found.extend(
                        differences("/routez", &wanted, &shown).into_iter().map(|text| format!("{path}: {text}")),
                    );
                }
                found.extend(differences("/varz", &masked(varz(wanted)), &masked(varz(node))));
                assert!(found.is_empty(), "{mix:?} {} {lines:?}\n{}", node.name, found.join("\n"));
            }
        }
    }
}
