//! Messages of one account that another one imports.

use troupe_tests::{A, B, C, D, Script, compare, script};

use super::Enters;

/// Account `X` exports to `I`.
fn config(exports: &str, imports: &str) -> String {
    format!(
        "accounts {{\n  X {{ users: [ {{user: x, password: p}} ], exports: [ {exports} ] }}\n  I {{ users: [ {{user: i, password: p}}, {{user: denied, password: p, permissions: {{subscribe: {{deny: \"in.secret\"}}}}}} ], imports: [ {imports} ] }}\n  O {{ users: [ {{user: o, password: p}} ] }}\n}}"
    )
}

#[test]
fn under_the_same_name() {
    compare(
        config(
            "{stream: foo}, {stream: \"pub.>\"}",
            "{stream: {account: X, subject: foo}}, {stream: {account: X, subject: \"pub.*\"}}",
        ),
        [
            script("replies and headers come along")
                .enter(A, "i")
                .flush(A, "SUB foo 1\r\n")
                .enter(C, "x")
                .flush(C, "PUB foo answer 1\r\na\r\nHPUB foo answer 22 24\r\nNATS/1.0\r\nKey: val\r\n\r\nhi\r\n")
                .flush(A, ""),
            script("a client without headers")
                .connect(A, r#""verbose":false,"headers":false,"user":"i","pass":"p""#)
                .flush(A, "SUB foo 1\r\n")
                .enter(C, "x")
                .flush(C, "HPUB foo 22 24\r\nNATS/1.0\r\nKey: val\r\n\r\nhi\r\n")
                .flush(A, ""),
            script("an ended subscription")
                .enter(A, "i")
                .flush(A, "SUB foo 1\r\nSUB foo 2\r\nUNSUB 1\r\n")
                .enter(C, "x")
                .flush(C, "PUB foo 1\r\na\r\n")
                .flush(A, ""),
            script("queue groups")
                .enter(A, "i")
                .flush(A, "SUB foo group 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB pub.a group 1\r\n")
                .enter(C, "x")
                .flush(C, "PUB foo 1\r\na\r\nPUB pub.a 1\r\nb\r\n")
                .flush(A, "")
                .flush(B, ""),
        ],
    );
}

#[test]
fn under_other_names() {
    compare(
        config(
            "{stream: foo}, {stream: \"a.*.*\"}, {stream: \"deep.>\"}",
            "{stream: {account: X, subject: foo}, to: bar}, {stream: {account: X, subject: \"a.*.*\"}, to: \"in.$2.$1\"}, {stream: {account: X, subject: \"deep.>\"}, prefix: my}",
        ),
        [
            script("to another subject")
                .enter(A, "i")
                .flush(A, "SUB bar 1\r\nSUB foo 2\r\n")
                .enter(C, "x")
                .flush(C, "PUB foo 1\r\na\r\nPUB bar 1\r\nb\r\n")
                .flush(A, ""),
            script("denied subjects are the local ones")
                .enter(A, "denied")
                .flush(A, "SUB in.> 1\r\nSUB bar 2\r\n")
                .enter(C, "x")
                .flush(C, "PUB a.secret.in 1\r\na\r\nPUB foo 1\r\nb\r\n")
                .flush(A, ""),
        ],
    );
}

/// One script per subscription, because nothing says which of several a message reaches first.
fn heard(subscriptions: &[&str], messages: &[&str]) -> Vec<Script> {
    let publishes: String = messages.iter().map(|subject| format!("PUB {subject} 1\r\nx\r\n")).collect();
    let listen = |subscription: &&str| {
        script(format!("a subscription to {subscription}"))
            .enter(A, "i")
            .flush(A, format!("SUB {subscription} 1\r\n"))
            .enter(C, "x")
            .flush(C, &publishes)
            .flush(A, "")
    };
    subscriptions.iter().map(listen).collect()
}

#[test]
fn every_way_to_subscribe() {
    compare(
        config(
            "{stream: foo}, {stream: \"pub.>\"}",
            "{stream: {account: X, subject: foo}}, {stream: {account: X, subject: \"pub.*\"}}",
        ),
        heard(
            &["foo", "pub.a", "pub.*", "pub.>", ">", "*", "*.*", "*.a", "pub.a.b", "fo", "pub.*.>", "pub"],
            &["foo", "pub.a", "pub.b", "pub.a.b", "other", "fo.o"],
        ),
    );
    compare(
        config(
            "{stream: foo}, {stream: \"a.*.*\"}, {stream: \"deep.>\"}",
            "{stream: {account: X, subject: foo}, to: bar}, {stream: {account: X, subject: \"a.*.*\"}, to: \"in.$2.$1\"}, {stream: {account: X, subject: \"deep.>\"}, prefix: my}",
        ),
        heard(
            &[
                "bar",
                "foo",
                "in.*.*",
                "in.x.*",
                "in.*.y",
                "in.x.y",
                "in.>",
                "*.x.>",
                "*.*.y",
                "in.x.>",
                "in.*",
                "a.*.*",
                "my.deep.>",
                "my.deep.a",
                "my.>",
                "my.*.a",
                "my.*.*.b",
                "my.*.>",
                "deep.>",
                "*",
                ">",
            ],
            &["foo", "bar", "a.y.x", "a.x.y", "a.x", "deep.a", "deep.a.b", "my.deep.a", "in.x.y"],
        ),
    );
}

#[test]
fn private_exports() {
    compare(
        config(
            "{stream: one, accounts: [I]}, {stream: \"for.*.>\", account_token_position: 2}",
            "{stream: {account: X, subject: one}}, {stream: {account: X, subject: \"for.I.>\"}, to: \"mine.>\"}",
        ),
        [script("the account named in the list, and the one named in the subject")
            .enter(A, "i")
            .flush(A, "SUB one 1\r\nSUB mine.> 2\r\n")
            .enter(C, "x")
            .flush(C, "PUB one 1\r\na\r\nPUB for.I.all 1\r\nb\r\nPUB for.O.all 1\r\nc\r\n")
            .flush(A, "")],
    );
}

#[test]
fn limits_of_subscriptions() {
    compare(
        config("{stream: \"foo.*\"}", "{stream: {account: X, subject: \"foo.*\"}}"),
        [
            script("messages of one's own account end it")
                .enter(A, "i")
                .flush(A, "SUB foo.a 1\r\nUNSUB 1 2\r\n")
                .flush(A, "PUB foo.a 1\r\na\r\nPUB foo.a 1\r\nb\r\nPUB foo.a 1\r\nc\r\n")
                .enter(C, "x")
                .flush(C, "PUB foo.a 1\r\nd\r\n")
                .flush(A, ""),
            script("the connection goes")
                .enter(A, "i")
                .flush(A, "SUB foo.b 1\r\n")
                .enter(D, "i")
                .flush(D, "SUB foo.b 1\r\n")
                .close(A)
                .enter(C, "x")
                .flush(C, "PUB foo.b 1\r\nd\r\n")
                .flush(D, ""),
        ],
    );
}
