//! Permissions that name a queue group.

use troupe_tests::{A, B, Script, compare, script};

fn config(permissions: &str) -> String {
    format!(
        "authorization {{ users: [ {{user: u, password: p, permissions: {{ {permissions} }}}}, {{user: all, password: p}} ] }}"
    )
}

fn subscribing(subjects: &[&str]) -> Script {
    let lines: String = subjects.iter().enumerate().map(|(sid, subject)| format!("SUB {subject} {sid}\r\n")).collect();
    script(format!("{subjects:?}")).quiet_with(A, r#""user":"u","pass":"p""#).flush(A, lines)
}

#[test]
fn allowed_queues() {
    compare(
        config("subscribe: \"foo workers\""),
        [subscribing(&["foo workers", "foo others", "foo", "bar workers", "* workers"])],
    );
    compare(
        config("subscribe: [\"foo.* v1.*\", \"bar >\", \"baz *.dev\"]"),
        [subscribing(&[
            "foo.a v1.x",
            "foo.a v2.x",
            "foo.a v1",
            "foo.a",
            "bar q",
            "bar a.b",
            "bar",
            "baz x.dev",
            "baz x.prod",
        ])],
    );
    compare(
        config("subscribe: {allow: [\"foo\", \"foo workers\"]}"),
        [subscribing(&["foo", "foo workers", "foo others"])],
    );
    compare(config("subscribe: {allow: [\"foo\"]}"), [subscribing(&["foo", "foo any"])]);
}

#[test]
fn denied_queues() {
    compare(
        config("subscribe: {deny: \"foo workers\"}"),
        [subscribing(&["foo workers", "foo others", "foo", "* workers"])],
    );
    compare(
        config("subscribe: {allow: \"foo\", deny: [\"foo *.prod\"]}"),
        [subscribing(&["foo", "foo a.prod", "foo a.dev", "foo prod"])],
    );
    compare(
        config("subscribe: {allow: [\"foo >\"], deny: [\"foo prod\"]}"),
        [subscribing(&["foo", "foo prod", "foo dev"])],
    );
    compare(config("subscribe: {deny: \"foo\"}"), [subscribing(&["foo", "foo workers", "* workers"])]);
}

#[test]
fn delivery_to_a_denied_member_is_skipped() {
    compare(
        config("subscribe: {deny: \"dq.secret\"}"),
        [
            script("the only member is denied the subject")
                .quiet_with(A, r#""user":"u","pass":"p""#)
                .flush(A, "SUB dq.* workers 1\r\n")
                .quiet_with(B, r#""user":"all","pass":"p""#)
                .flush(B, "PUB dq.secret 1\r\na\r\nPUB dq.open 1\r\nb\r\n"),
            script("another member takes it")
                .quiet_with(A, r#""user":"u","pass":"p""#)
                .flush(A, "SUB dr.* workers 1\r\nSUB dq.* workers 2\r\n")
                .quiet_with(B, r#""user":"all","pass":"p""#)
                .flush(B, "SUB dq.* workers 1\r\n")
                .flush(B, "PUB dq.secret 1\r\na\r\n".repeat(12)),
        ],
    );
}
