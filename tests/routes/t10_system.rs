//! Services and events of the system account over a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, fresh};
use troupe_tests::frames::Frame;
use troupe_tests::raw::Waited;
use troupe_tests::wait::eventually;

use crate::common::{R, T, in_mixes, messages};

const ACCOUNTS: &str = "accounts { A { users [{user: a, password: a}] }, SYS { users [{user: s, password: s}] } }\n\
                        system_account: SYS\nno_auth_user: a\n";
const SYSTEM: &str = r#""user":"s","pass":"s","#;

fn config() -> ClusterConfig {
    let server = format!("{ACCOUNTS}lame_duck_grace_period: 1s\nlame_duck_duration: 30s\n");
    ClusterConfig { server, ..ClusterConfig::default() }
}

/// Sends a request and waits for so many answers.
fn ask(client: &mut RawClient, subject: &str, body: &str, count: usize) -> Vec<serde_json::Value> {
    let inbox = fresh("_INBOX");
    client.flush(format!("SUB {inbox} 9\r\nPUB {subject} {inbox} {}\r\n{body}\r\n", body.len()));
    let waited =
        client.wait(|frames| frames.iter().filter(|frame| frame.contains(&format!("MSG {inbox} "))).count() >= count);
    assert_eq!(waited, Waited::Met, "waiting for {count} answers to {subject}: {}", client.text());
    let answers = client.frames().iter().filter(|frame| frame.contains(&format!("MSG {inbox} ")));
    let parsed = answers.map(Frame::json).collect();
    client.flush("UNSUB 9\r\n");
    parsed
}

fn ids(cluster: &Cluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.client().info_field("server_id")).collect()
}

#[test]
fn every_server_answers_from_everywhere() {
    in_mixes(&[&[T, R, T], &[R, T, R], &[T, T]], &config(), |cluster| {
        let ids = ids(cluster);
        cluster.settle(SYSTEM);
        for node in &cluster.nodes {
            let mut client = node.client_as(SYSTEM);
            for report in
                ["IDZ", "STATSZ", "VARZ", "CONNZ", "ROUTEZ", "SUBSZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "HEALTHZ", "JSZ"]
            {
                let answers = ask(&mut client, &format!("$SYS.REQ.SERVER.PING.{report}"), "", ids.len());
                assert_eq!(answers.len(), ids.len(), "{report}");
                for id in &ids {
                    let is_of = |answer: &serde_json::Value| answer["server"]["id"] == **id || answer["id"] == **id;
                    assert_eq!(answers.iter().filter(|answer| is_of(answer)).count(), 1, "{report}: {answers:?}");
                }
            }
            for id in &ids {
                let answer = &ask(&mut client, &format!("$SYS.REQ.SERVER.{id}.ROUTEZ"), "", 1)[0];
                assert_eq!(answer["data"]["server_id"], **id);
                // Three connections of a pool and one for the system account, to each of the others.
                assert_eq!(answer["data"]["num_routes"], 4 * (ids.len() - 1), "{answer}");
                let statsz = &ask(&mut client, &format!("$SYS.REQ.SERVER.{id}.STATSZ"), "", 1)[0];
                assert_eq!(statsz["statsz"]["routes"].as_array().map(Vec::len), Some(4 * (ids.len() - 1)), "{statsz}");
                assert_eq!(statsz["statsz"]["active_servers"], ids.len(), "{statsz}");
            }
            let body = "{\"server_name\":\"n1\",\"exact_match\":true}";
            let one = &ask(&mut client, "$SYS.REQ.SERVER.PING.VARZ", body, 1)[0];
            assert_eq!(one["server"]["name"], "n1");
        }
    });
}

#[test]
fn connections_are_found_on_the_server_they_have() {
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config(), |cluster| {
        let ids = ids(cluster);
        cluster.settle(SYSTEM);
        let clients: Vec<_> = cluster.nodes.iter().map(|node| node.client_as("\"name\":\"here\",")).collect();
        let mut system = cluster.nodes[0].client_as(SYSTEM);
        for id in &ids {
            let connz = &ask(&mut system, &format!("$SYS.REQ.SERVER.{id}.CONNZ"), "{\"auth\":true}", 1)[0];
            let found = connz["data"]["connections"].as_array().expect("a list");
            assert_eq!(found.iter().filter(|one| one["name"] == "here").count(), 1, "{connz}");
        }
        let answers = ask(&mut system, "$SYS.REQ.ACCOUNT.A.CONNZ", "", ids.len());
        assert!(answers.iter().all(|one| one["data"]["num_connections"] == 1), "{answers:?}");
        drop(clients);
    });
}

#[test]
fn each_server_lists_its_own_subscriptions() {
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config(), |cluster| {
        let ids = ids(cluster);
        let mut clients = cluster.clients("");
        for (number, client) in clients.iter_mut().enumerate() {
            client.flush(format!("SUB own.{number} 1\r\nSUB own.shared g 2\r\n"));
        }
        troupe_tests::cluster::sync_all(&mut clients);
        cluster.settle(SYSTEM);
        let mut system = cluster.nodes[0].client_as(SYSTEM);
        for (number, id) in ids.iter().enumerate() {
            let body = "{\"account\":\"A\",\"subscriptions\":true}";
            let subsz = &ask(&mut system, &format!("$SYS.REQ.SERVER.{id}.SUBSZ"), body, 1)[0]["data"];
            let listed = subsz["subscriptions_list"].as_array().expect("a list");
            let subjects = listed.iter().filter_map(|one| one["subject"].as_str());
            let mut own: Vec<_> = subjects.filter(|subject| subject.starts_with("own.")).collect();
            own.sort_unstable();
            assert_eq!(own, [format!("own.{number}"), "own.shared".to_owned()], "{subsz}");
            assert_eq!(subsz["total"], listed.len(), "{subsz}");
        }
    });
}

#[test]
fn events_of_accounts_are_heard_everywhere() {
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config(), |cluster| {
        cluster.settle(SYSTEM);
        let mut listeners = cluster.clients(SYSTEM);
        for listener in &mut listeners {
            listener.flush(
                "SUB $SYS.ACCOUNT.A.CONNECT 1\r\nSUB $SYS.ACCOUNT.A.DISCONNECT 2\r\nSUB $SYS.SERVER.*.STATSZ 3\r\n",
            );
        }
        troupe_tests::cluster::sync_all(&mut listeners);
        for node in &cluster.nodes {
            let name = fresh("who").replace('.', "");
            node.client_as(&format!("\"name\":\"{name}\",")).close();
            for listener in &mut listeners {
                let is_heard = |frames: &[Frame], subject: &str| {
                    frames.iter().any(|frame| frame.contains(subject) && frame.contains(&name))
                };
                let waited = listener.wait(|frames| {
                    is_heard(frames, "$SYS.ACCOUNT.A.CONNECT") && is_heard(frames, "$SYS.ACCOUNT.A.DISCONNECT")
                });
                assert_eq!(waited, Waited::Met, "{name} of {:?}: {}", node.kind, listener.text());
            }
        }
        let ids = ids(cluster);
        for listener in &mut listeners {
            eventually("numbers of each server", || {
                listener.flush("");
                ids.iter().all(|id| messages(listener, &format!("$SYS.SERVER.{id}.STATSZ")) > 0).then_some(())
            });
        }
    });
}

#[test]
fn the_end_of_a_server_is_told() {
    for mix in [[T, R], [R, T], [T, T]] {
        let Some(mut cluster) = Cluster::start(&mix, &config()) else { return };
        cluster.settle(SYSTEM);
        let mut listener = cluster.nodes[0].client_as(SYSTEM);
        listener.flush("SUB $SYS.SERVER.*.SHUTDOWN 1\r\nSUB $SYS.SERVER.*.LAMEDUCK 2\r\n");
        cluster.settle(SYSTEM);
        let id = cluster.nodes[1].client().info_field("server_id");
        let leaving = cluster.nodes.pop().expect("two");
        let mut kept = leaving.client();
        leaving.process.signal(nix::sys::signal::Signal::SIGUSR2);
        listener.expect(&format!("$SYS.SERVER.{id}.LAMEDUCK"));
        // Nobody is left: it ends.
        kept.close();
        // nats-server closes its routes before its last word is out.
        if leaving.kind == T {
            listener.expect(&format!("$SYS.SERVER.{id}.SHUTDOWN"));
        }
    }
}
