//! Subjects that are mapped before anybody sees them.

use troupe_tests::{A, B, compare, script};

use super::Enters;

#[test]
fn in_the_global_account() {
    compare(
        r#"mappings {
            foo: bar
            "one.*": "uno.$1"
            "two.*.*": "due.{{wildcard(2)}}.{{wildcard(1)}}"
            "part.*": "p.$1.{{partition(10,1)}}"
            "whole.*": "h.{{partition(5)}}"
            "sfl.*": "s.{{splitFromLeft(1,2)}}"
            "sfr.*": "s.{{splitFromRight(1,2)}}"
            "slice.*": "s.{{sliceFromLeft(1,3)}}"
            "slicer.*": "s.{{sliceFromRight(1,3)}}"
            "split.*": "s.{{split(1,-)}}"
            "left.*": "s.{{left(1,2)}}"
            "right.*": "s.{{right(1,2)}}"
            "rand.*": "s.{{random(1)}}"
            "rest.>": "r.x.>"
            "gone": [ {destination: gone, weight: 0%} ]
            "lost": [ {destination: lost, weight: 0}, {destination: away, weight: 0} ]
            "kept": [ {destination: never, weight: 0} ]
        }"#,
        [
            script("every function")
                .quiet(A)
                .flush(A, "SUB > 1\r\n")
                .quiet(B)
                .flush(
                    B,
                    [
                        "foo",
                        "one.a",
                        "two.a.b",
                        "part.abc",
                        "part.xyz",
                        "whole.abc",
                        "sfl.abcd",
                        "sfr.abcd",
                        "slice.abcdefgh",
                        "slicer.abcdefgh",
                        "split.a-b--c",
                        "split.--a",
                        "left.abc",
                        "right.abc",
                        "rand.a",
                        "rest.a.b.c",
                        "other",
                        "kept",
                        "bar",
                        "one",
                        "one.a.b",
                    ]
                    .map(|subject| format!("PUB {subject} 1\r\nx\r\n"))
                    .concat(),
                )
                .flush(A, ""),
            script("a reply subject is not mapped")
                .modern(A)
                .flush(A, "SUB foo 1\r\nSUB bar 2\r\nPUB q foo 1\r\nx\r\nPUB foo foo 1\r\nx\r\n"),
            script("nobody at the new subject").modern(A).flush(A, "SUB inbox 1\r\nPUB foo inbox 1\r\nx\r\n"),
            script("a lost message")
                .modern(A)
                .flush(A, "SUB > 1\r\nPUB lost inbox 1\r\nx\r\nPUB gone inbox 1\r\nx\r\n"),
            script("pedantic")
                .connect(A, r#""verbose":true,"pedantic":true"#)
                .flush(A, "SUB bar 1\r\nPUB foo 1\r\nx\r\n"),
        ],
    );
}

#[test]
fn permissions_are_those_of_the_new_subject() {
    compare(
        r#"accounts { X { users: [ {user: u, password: p, permissions: {publish: ["foo", "in.b"]}}, {user: v, password: p} ], mappings { foo: bar, "in.*": "out.$1", baz: foo } } }"#,
        [script("what is allowed is judged after the mapping")
            .enter(B, "v")
            .flush(B, "SUB > 1\r\n")
            .enter(A, "u")
            .flush(A, "PUB foo 1\r\na\r\nPUB baz 1\r\nb\r\nPUB in.b 1\r\nc\r\nPUB bar 1\r\nd\r\n")
            .flush(B, "")],
    );
}

#[test]
fn requests_from_other_accounts_are_mapped() {
    compare(
        r#"accounts {
            X { users: [ {user: x, password: p} ], exports: [ {service: svc} ], mappings { svc: inner } }
            I { users: [ {user: i, password: p} ], imports: [ {service: {account: X, subject: svc}} ], mappings { ask: svc } }
        }"#,
        [script("on both sides")
            .enter(A, "x")
            .flush(A, "SUB inner 1\r\nSUB svc 2\r\n")
            .enter(B, "i")
            .flush(B, "SUB inbox 1\r\nPUB ask inbox 1\r\na\r\n")
            .flush(A, "PUB <reply> 1\r\nb\r\n")
            .flush(B, "")],
    );
}
