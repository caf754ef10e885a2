//! Every document in several states, key by key beside nats-server's.

use troupe_tests::Server;

use crate::document::differences;
use crate::stage::{MONITOR, document, document_when, join};

/// Paths that have an answer in every state.
const ALWAYS: &[&str] = &[
    "/varz",
    "/connz",
    "/connz?auth=1&subs=detail",
    "/connz?state=closed",
    "/connz?state=all&subs=1&auth=true",
    "/routez",
    "/routez?subs=detail",
    "/gatewayz",
    "/gatewayz?accs=1",
    "/leafz?subs=1",
    "/subsz",
    "/subsz?subs=1",
    "/subscriptionsz",
    "/accountz",
    "/accstatz",
    "/accstatz?unused=1",
    "/jsz",
    "/jsz?accounts=1&config=1&streams=1&consumers=1",
    "/healthz",
    "/healthz?details=1",
    "/ipqueuesz",
    "/debug/vars",
];

#[track_caller]
fn assert_alike(reference: &Server, troupe: &Server, paths: &[&str]) {
    let found: Vec<String> = paths
        .iter()
        .flat_map(|path| {
            let endpoint = path.split('?').next().unwrap_or_default().replace("subscriptionsz", "subsz");
            let found = differences(&endpoint, &document(reference, path), &document(troupe, path));
            found.into_iter().map(|text| format!("{path}: {text}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Starts both servers; `None` without a reference.
fn both(config: &str) -> Option<(Server, Server)> {
    let config = format!("{MONITOR}{config}");
    Some((Server::reference(&*config)?, Server::troupe(&*config)))
}

#[test]
fn an_idle_server() {
    let Some((reference, troupe)) = both("") else { return };
    assert_alike(&reference, &troupe, ALWAYS);
    assert_alike(&reference, &troupe, &["/accountz?acc=$G", "/accountz?acc=$SYS"]);
}

#[test]
fn a_server_with_options() {
    let config = "max_connections: 100\nmax_subscriptions: 50\nping_interval: 5\nping_max: 4\nwrite_deadline: 3s\n\
                  write_timeout: close\nmax_payload: 1000\nmax_pending: 2000000\nmax_control_line: 512\n\
                  server_tags: [a, b]\nserver_metadata: {k: v}\nfeature_flags: {js_ack_fc_v2: true}\n\
                  authorization { user: u, password: p, timeout: 1.5 }\n";
    let Some((reference, troupe)) = both(config) else { return };
    assert_alike(&reference, &troupe, ALWAYS);
}

#[test]
fn clients_with_subscriptions_and_traffic() {
    let Some((reference, troupe)) = both("") else { return };
    let mut clients = Vec::new();
    for server in [&reference, &troupe] {
        let mut client = join(server, "\"name\":\"<one>\"");
        client.flush("SUB foo.* 1\r\nSUB bar q 2\r\nSUB once 3\r\nUNSUB 3 5\r\nSUB gone 4\r\nUNSUB 4\r\n");
        client.flush("PUB foo.1 5\r\nhello\r\nPUB foo.2 3\r\nabc\r\nPUB nobody 2\r\nhi\r\nPUB once 1\r\nx\r\n");
        let mut limited = join(server, "");
        limited.flush("SUB few 9\r\nUNSUB 9 1\r\nPUB few 0\r\n\r\n");
        document_when(server, "/varz", |varz| varz["in_msgs"] == 5 && varz["out_msgs"] == 4);
        clients.extend([client, limited]);
    }
    assert_alike(&reference, &troupe, ALWAYS);
    assert_alike(&reference, &troupe, &["/subsz?subs=1&test=foo.x", "/subsz?subs=1&acc=$G", "/connz?acc=$G&subs=1"]);
    let one = document(&troupe, "/connz?sort=subs&limit=1");
    assert_eq!(
        (&one["connections"][0]["subscriptions"], &one["total"], &one["limit"]),
        (&3.into(), &2.into(), &1.into())
    );
}

#[test]
fn closed_connections_and_why() {
    let Some((reference, troupe)) = both("max_payload: 100\nauthorization { user: u, password: p }\n") else { return };
    for server in [&reference, &troupe] {
        let closed = |count: usize| {
            document_when(server, "/connz?state=closed", |connz| connz["num_connections"] == count);
        };
        let user = "\"user\":\"u\",\"pass\":\"p\"";
        let mut wrong = server.connect();
        wrong.send("CONNECT {\"user\":\"x\",\"pass\":\"y\",\"verbose\":false,\"name\":\"wrong\"}\r\n");
        wrong.wait_closed();
        closed(1);
        let mut gone = join(server, user);
        gone.flush("SUB a 1\r\nSUB b q 2\r\nPUB a 1\r\nx\r\n");
        gone.close();
        closed(2);
        let mut large = join(server, user);
        large.send("PUB a 101\r\n");
        large.wait_closed();
        closed(3);
        let mut bad = join(server, user);
        bad.send("NONSENSE\r\n");
        bad.wait_closed();
        closed(4);
    }
    let paths = [
        "/connz?state=closed",
        "/connz?state=closed&sort=reason",
        "/connz?state=closed&sort=stop",
        "/connz?state=closed&auth=1&subs=1",
        "/connz?state=closed&subs=detail&user=u",
        "/connz?state=any&limit=2&offset=1",
    ];
    assert_alike(&reference, &troupe, &paths);
    assert_alike(&reference, &troupe, ALWAYS);
}

#[test]
fn exports_imports_and_mappings() {
    let config = "accounts { A { users [{user: a, password: a}]\n\
                  exports [{stream: \"s.>\"},{service: \"q.*\", accounts: [B], latency {sampling: 50%, subject: lat}},{service: one, response_type: stream}]\n\
                  mappings {foo: [{destination: bar, weight: 30%},{destination: baz, weight: 50%},{destination: zed, weight: 20%, cluster: c}], \"a.*\": \"b.$1\"} }\n\
                  B { users [{user: b, password: b}]\n\
                  imports [{stream: {account: A, subject: \"s.>\"}, prefix: pre},{stream: {account: A, subject: s.x}, to: loc},{service: {account: A, subject: q.1}, to: ask, share: true}] } }\n\
                  mappings { x: y }\n";
    let Some((reference, troupe)) = both(config) else { return };
    assert_alike(&reference, &troupe, &["/accountz?acc=A", "/accountz?acc=B", "/accountz?acc=$G"]);
}

#[test]
fn accounts_and_users() {
    let config = "accounts { A { users [{user: a, password: a}] }\n B { users [{user: b, password: b}] }\n\
                  SYS { users [{user: s, password: s}] } }\nsystem_account: SYS\nno_auth_user: b\n";
    let Some((reference, troupe)) = both(config) else { return };
    let mut clients = Vec::new();
    for server in [&reference, &troupe] {
        let mut a = join(server, "\"user\":\"a\",\"pass\":\"a\",\"name\":\"first\"");
        a.flush("SUB x 1\r\nPUB x 3\r\nabc\r\n");
        let mut guest = join(server, "");
        guest.flush("SUB y.> 1\r\nPUB y.1 2\r\nab\r\nPUB x 1\r\nx\r\n");
        document_when(server, "/varz", |varz| varz["in_msgs"] == 3 && varz["out_msgs"] == 2);
        clients.extend([a, guest]);
    }
    assert_alike(&reference, &troupe, ALWAYS);
    let paths = [
        "/connz?acc=A&auth=1",
        "/connz?acc=B&auth=1&subs=1",
        "/connz?acc=nobody",
        "/connz?user=a&auth=1",
        "/connz?user=nobody",
        "/connz?mqtt_client=x",
        "/subsz?acc=A&subs=1",
        "/subsz?acc=nobody&subs=1",
        "/accountz?acc=A",
        "/accountz?acc=SYS",
    ];
    assert_alike(&reference, &troupe, &paths);
}
