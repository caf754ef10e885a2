//! Message tracing on one server.

use super::traces::{Act, compare, traced};

const CONFIG: &str = r#"
server_name: S
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  A {
    users: [
      {user: w, password: p}, {user: a, password: p}, {user: b, password: p},
      {user: few, password: p, permissions: {publish: {allow: ["x", "trace.>"], deny: ["trace.no"]}, subscribe: {allow: ">", deny: "x"}}}
    ]
    mappings: { "from.*": "to.$1" }
    exports: [ {stream: "s.>"}, {service: "traced.svc", allow_trace: true}, {service: "closed.svc"} ]
  }
  C { users: [ {user: c, password: p} ], msg_trace: {dest: "trace.of.account"} }
  I {
    users: [ {user: i, password: p}, {user: v, password: p} ]
    imports: [
      {stream: {account: A, subject: "s.open"}, prefix: i, allow_trace: true}
      {stream: {account: A, subject: "s.shut"}, to: shut}
      {service: {account: A, subject: "traced.svc"}, to: svc.open}
      {service: {account: A, subject: "closed.svc"}, to: svc.shut}
    ]
  }
}
system_account: SYS
"#;

const TO: &str = "Nats-Trace-Dest: trace.x";

fn act(user: &'static str, bytes: impl Into<String>) -> Act {
    (user, bytes.into())
}

#[test]
fn deliveries_are_told() {
    let subscribed = [act("a", "SUB x 1\r\nSUB x.> 2\r\nSUB x q 3\r\n"), act("b", "SUB > 1\r\nSUB *.* many 2\r\n")];
    let with = |more: Vec<Act>| subscribed.iter().cloned().chain(more).collect::<Vec<_>>();
    compare(CONFIG, "w", &with(vec![act("a", traced("x", "", TO, "hi"))]), 1);
    compare(
        CONFIG,
        "w",
        &with(vec![act("b", traced("x.y", "inbox", &format!("{TO}\r\nA: 1\r\na: 2\r\nA: 3"), ""))]),
        1,
    );
    compare(CONFIG, "w", &with(vec![act("a", traced("x", "", &format!("{TO}\r\nNats-Trace-Only: true"), "hi"))]), 1);
    compare(CONFIG, "w", &[act("a", traced("nobody", "inbox", &format!("{TO}\r\nNats-Trace-Only: no"), "hi"))], 1);
    compare(CONFIG, "w", &with(vec![act("a", traced("from.here", "", TO, "hi"))]), 1);
}

#[test]
fn messages_that_are_not_traced() {
    let acts = [
        act("a", "SUB x 1\r\n"),
        act("a", traced("x", "", "nats-trace-dest: trace.x", "small letters")),
        act("a", traced("x", "", "Nats-Trace-Dest: trace disabled", "ended")),
        act("a", traced("x", "", "Nats-Trace-Dest: trace.*", "no subject")),
        act("a", traced("x", "", "Nats-Trace-Dest: trace.*\r\nNats-Trace-Only: 1", "nor a delivery")),
        act("a", traced("x", "", "Nats-Trace-Only: 1", "without a destination it is delivered")),
        act("a", traced("x", "", &format!("{TO}\r\nNats-Trace-Origin-Account: A"), "of old servers")),
        act("a", traced("x", "", "traceparent: 00-00-00-01", "the account traces nothing")),
    ];
    compare(CONFIG, "w", &acts, 0);
}

#[test]
fn refusals_are_told() {
    compare(CONFIG, "w", &[act("few", traced("y", "", TO, "hi"))], 1);
    compare(CONFIG, "w", &[act("few", traced("x", "_R_.x", TO, "hi"))], 1);
    compare(CONFIG, "w", &[act("few", traced("x", "", "Nats-Trace-Dest: trace.no", "hi"))], 0);
    compare(CONFIG, "w", &[act("few", "SUB > 1\r\n"), act("few", traced("x", "", TO, "hi"))], 1);
    compare(
        CONFIG,
        "w",
        &[act("a", "SUB x 1\r\nUNSUB 1 1\r\nPUB x 0\r\n\r\n"), act("a", traced("x", "", TO, "hi"))],
        1,
    );
}

#[test]
fn trace_contexts_are_traced_where_the_account_wants_it() {
    let context = |flags: &str| format!("TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    let publish = |headers: &str| [act("c", "SUB x 1\r\n"), act("c", traced("x", "", headers, "hi"))];
    compare(CONFIG, "c", &publish(&context("01")), 1);
    compare(CONFIG, "c", &publish(&context("00")), 0);
    compare(CONFIG, "c", &publish(&format!("{}\r\nNats-Trace-Only: true", context("03"))), 1);
    compare(CONFIG, "c", &publish(&format!("{}\r\nNats-Trace-Dest: trace.else", context("01"))), 1);
}

#[test]
fn streams_of_other_accounts() {
    for (subject, only) in
        [("s.open", ""), ("s.shut", ""), ("s.open", "\r\nNats-Trace-Only: 1"), ("s.shut", "\r\nNats-Trace-Only: 1")]
    {
        let acts = [
            act("i", "SUB i.s.open 1\r\nSUB shut 2\r\n"),
            act("v", "SUB *.s.open q 1\r\n"),
            act("b", "SUB s.* 1\r\n"),
            act("a", traced(subject, "", &format!("{TO}{only}"), "hi")),
        ];
        compare(CONFIG, "w", &acts, 1);
    }
}

#[test]
fn services_of_other_accounts() {
    for (subject, only) in [
        ("svc.open", ""),
        ("svc.shut", ""),
        ("svc.open", "\r\nNats-Trace-Only: 1"),
        ("svc.shut", "\r\nNats-Trace-Only: 1"),
    ] {
        let acts = [
            act("a", "SUB traced.svc 1\r\nSUB closed.svc 2\r\n"),
            act("v", "SUB inbox 1\r\n"),
            act("i", traced(subject, "inbox", &format!("{TO}{only}"), "hi")),
        ];
        compare(CONFIG, "v", &[vec![act("v", "SUB trace.x 9\r\n")], acts.to_vec()].concat(), 1);
    }
}

#[test]
fn messages_that_are_too_large() {
    let config = format!("{CONFIG}\nmax_payload: 100\n");
    for size in [60, 4000] {
        let publish = traced("x", "", TO, &"x".repeat(size));
        let Some(reference) = troupe_tests::Server::reference(config.as_str()) else { return };
        let troupe = troupe_tests::Server::troupe(config.as_str());
        let told = [&reference, &troupe].map(|server| {
            let mut watching = super::traces::enter(server, "w");
            watching.flush("SUB trace.> 1\r\n");
            let mut client = super::traces::enter(server, "a");
            client.send(&publish);
            // One of them ends the connection.
            client.send("PING\r\n");
            client.wait(|frames| frames.iter().any(|frame| frame.is("PONG")));
            super::traces::traces(&mut watching, 1)
        });
        assert_eq!(told[0].len(), 1, "nats-server told nothing");
        assert_eq!(told[0], told[1]);
    }
}
