//! Subscribe permissions.

use troupe_tests::{A, Script, compare, script};

fn config(permissions: &str) -> String {
    format!("authorization {{ users: [ {{user: u, password: p, permissions: {{ {permissions} }}}} ] }}")
}

fn subscribing(subjects: &[&str]) -> Script {
    let lines: String = subjects.iter().enumerate().map(|(sid, subject)| format!("SUB {subject} {sid}\r\n")).collect();
    script(format!("{subjects:?}")).quiet_with(A, r#""user":"u","pass":"p""#).flush(A, lines)
}

#[test]
fn allow() {
    compare(config("subscribe: foo"), [subscribing(&["foo", "bar", "foo.bar", "*", ">", "foo q"])]);
    compare(
        config("subscribe: [\"foo.*\", \"bar.>\"]"),
        [subscribing(&["foo.a", "foo.*", "foo", "foo.a.b", "bar.a", "bar.*", "bar.>", "bar", "bar.*.x", "*.a", ">"])],
    );
    compare(config("subscribe: {allow: []}"), [subscribing(&["foo", ">"])]);
    compare(config("subscribe: {allow: \"*\"}"), [subscribing(&["foo", "*", "foo.bar"])]);
    compare(config("subscribe: \">\""), [subscribing(&["foo", ">", "$SYS.>"])]);
}

#[test]
fn deny() {
    compare(config("subscribe: {deny: foo}"), [subscribing(&["foo", "bar", "*", ">", "foo.bar"])]);
    compare(
        config("subscribe: {deny: \"foo.>\"}"),
        [subscribing(&["foo", "foo.a", "foo.*", "foo.>", "*.a", "*.*", ">"])],
    );
    compare(
        config("subscribe: {deny: [\"foo.*\", \"bar\"]}"),
        [subscribing(&["foo.a", "foo.*", "foo.>", "foo.a.b", "bar", "*", "bar.x"])],
    );
    compare(
        config("subscribe: {allow: \"a.>\", deny: \"a.b.>\"}"),
        [subscribing(&["a.x", "a.b", "a.b.c", "a.*", "a.>", "a.b.>", "a.*.c", "b"])],
    );
    compare(config("subscribe: {deny: \">\"}"), [subscribing(&["foo", ">"])]);
}

#[test]
fn violations_in_the_flow() {
    let entering = |name: &str| script(name).connect(A, r#""user":"u","pass":"p""#);
    compare(
        config("subscribe: \"foo\""),
        [
            entering("verbose: an error instead of the OK").flush(A, "SUB foo 1\r\nSUB bar 2\r\nUNSUB 2\r\n"),
            entering("the sid of a denied subscription stays free")
                .flush(A, "SUB bar 1\r\nSUB foo 1\r\nPUB foo 1\r\nx\r\n"),
            entering("an invalid subject").flush(A, "SUB foo..bar 1\r\n"),
            entering("a duplicate sid on a denied subject").flush(A, "SUB foo 1\r\nSUB bar 1\r\n"),
            entering("publishing is free").flush(A, "SUB foo 1\r\nPUB bar 1\r\nx\r\nPUB foo 1\r\nx\r\n"),
        ],
    );
}
