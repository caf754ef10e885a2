//! Publish permissions.

use troupe_tests::{A, B, Script, compare, script};

fn config(permissions: &str) -> String {
    format!(
        "authorization {{ users: [ {{user: u, password: p, permissions: {{ {permissions} }}}}, {{user: all, password: p}} ] }}"
    )
}

fn publishing(subjects: &[&str]) -> Script {
    let lines: String = subjects.iter().map(|subject| format!("PUB {subject} 1\r\nx\r\n")).collect();
    script(format!("{subjects:?}"))
        .quiet_with(B, r#""user":"all","pass":"p""#)
        .flush(B, "SUB > 1\r\n")
        .quiet_with(A, r#""user":"u","pass":"p""#)
        .flush(A, lines)
}

#[test]
fn allow() {
    compare(config("publish: foo"), [publishing(&["foo", "bar", "foo.bar", "Foo"])]);
    compare(
        config("publish: [\"foo\", \"bar.*\", \"baz.>\"]"),
        [
            publishing(&["foo", "bar", "bar.a", "bar.a.b", "baz", "baz.a", "baz.a.b.c", "other"]),
            publishing(&["foo.reply inbox", "foo inbox", "bar.*", "bar.>", "baz.>", "*", ">"]),
        ],
    );
    compare(config("publish: {allow: \"a.>\"}"), [publishing(&["a", "a.b", "b"])]);
    compare(config("publish: {allow: []}"), [publishing(&["a", "b"])]);
    compare(config("publish: \">\""), [publishing(&["a", "a.b", "$SYS.x"])]);
}

#[test]
fn deny() {
    compare(config("publish: {deny: \"secret.>\"}"), [publishing(&["secret", "secret.a", "secret.a.b", "open"])]);
    compare(
        config("publish: {deny: [\"a\", \"b.*.c\"]}"),
        [publishing(&["a", "b.x.c", "b.x.d", "b.*.c", "b.>", "*", ">"])],
    );
    compare(
        config("publish: {allow: \"x.>\", deny: [\"x.secret\", \"x.*.no\"]}"),
        [publishing(&["x.a", "x.secret", "x.a.no", "x.a.b.no", "y"])],
    );
    compare(config("publish: {deny: \">\"}"), [publishing(&["a", "a.b"])]);
}

#[test]
fn violations_in_the_flow() {
    let entering = |name: &str| script(name).connect(A, r#""user":"u","pass":"p""#);
    compare(
        config("publish: \"foo\""),
        [
            entering("verbose: no OK for a denied publish")
                .flush(A, "PUB foo 1\r\nx\r\nPUB bar 1\r\ny\r\nPUB foo 1\r\nz\r\n"),
            script("pedantic comes before the permission")
                .connect(A, r#""verbose":false,"pedantic":true,"user":"u","pass":"p""#)
                .flush(A, "PUB bar.* 1\r\nx\r\n"),
            script("a denied header message")
                .quiet_with(A, r#""headers":true,"user":"u","pass":"p""#)
                .flush(A, "HPUB bar 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
            script("a denied request is not answered with 503")
                .quiet_with(A, r#""headers":true,"no_responders":true,"user":"u","pass":"p""#)
                .flush(A, "SUB inbox 1\r\nPUB bar inbox 1\r\nx\r\nPUB foo inbox 1\r\nx\r\n"),
            script("the reply is not checked")
                .quiet_with(A, r#""user":"u","pass":"p""#)
                .flush(A, "SUB foo 1\r\nPUB foo not.allowed 1\r\nx\r\n"),
            script("a reserved subject is reported as such")
                .quiet_with(A, r#""user":"u","pass":"p""#)
                .flush(A, "PUB _GR_.x 0\r\n\r\nPUB $NRG.x 0\r\n\r\nPUB foo _R_.x 0\r\n\r\n"),
            script("the same violation again and again")
                .quiet_with(A, r#""user":"u","pass":"p""#)
                .flush(A, "PUB bar 0\r\n\r\n".repeat(5)),
        ],
    );
}
