//! Message traces over a cluster.

use serde_json::Value;
use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, fresh, sync_all};
use troupe_tests::frames::Frame;

use crate::common::{A, B, R, T, in_mixes};

const ACCOUNTS: &str = r#"
accounts {
  SYS { users: [{user: s, password: s}] }
  A { users: [{user: a, password: a}], exports: [{service: "svc.>", allow_trace: true}] }
  B { users: [{user: b, password: b}], imports: [{service: {account: A, subject: "svc.>"}}] }
}
system_account: SYS
no_auth_user: a
"#;

#[test]
fn traces_follow_messages_to_other_servers() {
    let config = ClusterConfig { server: ACCOUNTS.to_owned(), ..ClusterConfig::default() };
    in_mixes(&[&[T, R, T], &[R, T, T]], &config, |cluster| {
        let mut clients = cluster.clients(A);
        for only in [false, true] {
            let (subject, to) = (fresh("x"), fresh("trace"));
            for client in &mut clients {
                client.flush(format!("SUB {subject} 1\r\nSUB {subject} q 2\r\n"));
            }
            clients[0].flush(format!("SUB {to} trace\r\n"));
            sync_all(&mut clients);
            clients[0].flush(publish(&subject, &to, only));
            let traces = traces(&mut clients[0], &to, 3);
            all_servers_told(&traces);
            sync_all(&mut clients);
            let delivered: usize = clients.iter().map(|client| count(client, &subject)).sum();
            assert_eq!(delivered, if only { 0 } else { 4 });
            clients.iter_mut().for_each(|client| client.flush("UNSUB 1\r\nUNSUB 2\r\nUNSUB trace\r\n"));
        }
        services_are_traced_where_they_allow_it(&mut clients, &mut cluster.clients(B));
    });
}

fn services_are_traced_where_they_allow_it(clients: &mut [RawClient], others: &mut [RawClient]) {
    let (subject, to) = (fresh("svc"), fresh("trace"));
    clients[1].flush(format!("SUB {subject} 7\r\n"));
    others[0].flush(format!("SUB {to} trace\r\n"));
    sync_all(clients);
    others[0].flush(publish(&subject, &to, false));
    let traces = traces(&mut others[0], &to, 2);
    let there = traces.iter().find(|trace| trace["server"]["name"] == "n1").expect("the other server told");
    let egress = there["events"].as_array().expect("a list").iter().find(|step| step["type"] == "eg").expect("egress");
    assert_eq!(egress["sub"], subject.as_str(), "{there}");
}

fn publish(subject: &str, to: &str, only: bool) -> String {
    let only = if only { "Nats-Trace-Only: true\r\n" } else { "" };
    let block = format!("NATS/1.0\r\nNats-Trace-Dest: {to}\r\n{only}\r\n");
    format!("HPUB {subject} {} {}\r\n{block}hi\r\n", block.len(), block.len() + 2)
}

fn count(client: &RawClient, subject: &str) -> usize {
    client.frames().iter().filter(|frame| frame.0.starts_with(format!("HMSG {subject} ").as_bytes())).count()
}

fn traces(client: &mut RawClient, to: &str, wanted: usize) -> Vec<Value> {
    let line = format!("MSG {to} trace");
    client.wait(|frames| frames.iter().filter(|frame| frame.0.starts_with(line.as_bytes())).count() >= wanted);
    let found = client.frames().iter().filter(|frame| frame.0.starts_with(line.as_bytes()));
    let all: Vec<Value> = found.map(Frame::json).collect();
    assert_eq!(all.len(), wanted, "{}", client.text());
    all
}

fn all_servers_told(traces: &[Value]) {
    let first = traces.iter().find(|trace| trace["events"][0]["kind"] == 0).expect("the first server told");
    assert_eq!((&first["server"]["name"], &first["hops"]), (&"n0".into(), &2.into()), "{first}");
    let steps = first["events"].as_array().expect("a list");
    let onward: Vec<&Value> = steps.iter().filter(|step| step["type"] == "eg" && step["kind"] == 1).collect();
    assert_eq!(onward.len(), 2, "{first}");
    for step in onward {
        let there = traces.iter().find(|trace| trace["server"]["name"] == step["name"]).expect("it told");
        assert_eq!(there["request"]["header"]["Nats-Trace-Hop"][0], step["hop"], "{there}");
        let ingress = &there["events"][0];
        assert_eq!((&ingress["kind"], &ingress["name"], &ingress["acc"]), (&1.into(), &"n0".into(), &"A".into()));
        assert!(there["events"].as_array().expect("a list").iter().any(|step| step["type"] == "eg"), "{there}");
    }
}
