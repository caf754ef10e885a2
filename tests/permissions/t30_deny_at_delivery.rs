//! A wildcard subscription broader than a denied subject is accepted, and filtered message by message.

use troupe_tests::{A, B, C, Script, compare, script};

const CONFIG: &str = "authorization { users: [\n  {user: u, password: p, permissions: {subscribe: {deny: [\"secret.>\", \"a.*.no\"]}}}\n  {user: all, password: p}\n] }";

fn listening(name: &str, subscription: &str) -> Script {
    script(name)
        .quiet_with(A, r#""headers":true,"user":"u","pass":"p""#)
        .flush(A, format!("SUB {subscription}\r\n"))
        .quiet_with(B, r#""headers":true,"no_responders":true,"user":"all","pass":"p""#)
}

#[test]
fn filtered_delivery() {
    compare(
        CONFIG,
        [
            listening("everything but the secrets", "> 1").flush(
                B,
                "PUB open 1\r\n1\r\nPUB secret.a 1\r\n2\r\nPUB secret 1\r\n3\r\nPUB a.b.no 1\r\n4\r\nPUB a.b.yes 1\r\n5\r\n",
            ),
            listening("a star subscription", "*.x 1").flush(B, "PUB secret.x 1\r\n1\r\nPUB open.x 1\r\n2\r\n"),
            listening("a filtered message does not count for auto-unsubscribe", "*.x 1")
                .flush(A, "UNSUB 1 2\r\n")
                .flush(B, "PUB secret.x 1\r\n1\r\nPUB o.x 1\r\n2\r\nPUB secret.x 1\r\n3\r\nPUB p.x 1\r\n4\r\nPUB q.x 1\r\n5\r\n"),
            listening("the own message is filtered as well", "*.x 1").flush(A, "PUB secret.x 1\r\n1\r\nPUB open.x 1\r\n2\r\n"),
            listening("others hear what is filtered", "> 1")
                .quiet_with(C, r#""user":"all","pass":"p""#)
                .flush(C, "SUB secret.a 1\r\n")
                .flush(B, "PUB secret.a 1\r\n1\r\n"),
            listening("a request only a filtered subscription matches", "*.x 1")
                .flush(B, "SUB inbox 7\r\nPUB secret.x inbox 1\r\n1\r\n"),
            listening("header messages are filtered", "*.x 1")
                .flush(B, "HPUB secret.x 12 12\r\nNATS/1.0\r\n\r\n\r\nHPUB open.x 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
        ],
    );
}
