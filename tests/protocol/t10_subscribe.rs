//! SUB, wildcards and duplicate sids.

use troupe_tests::{A, B, Script, compare, script};

fn matches(name: &str, filter: &str, subjects: &[&str]) -> Script {
    let publishes: String =
        subjects.iter().map(|subject| format!("PUB {subject} {}\r\n{subject}\r\n", subject.len())).collect();
    script(name).quiet(A).flush(A, format!("SUB {filter} 1\r\n")).flush(A, publishes)
}

#[test]
fn wildcards() {
    compare(
        "",
        [
            matches("a star is one token", "a.*", &["a", "a.b", "a.b.c", "b.c", "a.*"]),
            matches("a star in the middle", "a.*.c", &["a.b.c", "a.b.d", "a.c", "a..c", "a.b.b.c"]),
            matches("a star in front", "*.b", &["a.b", "b", "a.c", ".b"]),
            matches("stars only", "*.*", &["a.b", "a", "a.b.c"]),
            matches("a lone star", "*", &["a", "a.b", "abc"]),
            matches("greater is one or more tokens", "a.>", &["a", "a.b", "a.b.c.d", "b.a"]),
            matches("a lone greater hears everything", ">", &["x", "x.y", "x.y.z"]),
            matches("star and greater", "*.x.>", &["a.x", "a.x.y", "a.x.y.z", "a.b.x.y"]),
            matches("a star within a token is literal", "foo*", &["foo*", "foob", "foo"]),
            matches("a star in front of text is literal", "*foo.bar", &["*foo.bar", "xfoo.bar"]),
            matches("greater within a token is literal", "foo>", &["foo>", "foob"]),
            matches("greater in front of text is literal", ">foo", &[">foo", "xfoo"]),
            matches("two stars are literal", "a.**", &["a.**", "a.b", "a.bb"]),
            matches("two greaters are literal", "a.>>", &["a.>>", "a.b"]),
            matches("a published wildcard is matched literally", "p.q", &["p.*", "p.>", "p.q"]),
        ],
    );
}

#[test]
fn overlapping_subscriptions() {
    compare(
        "",
        [
            script("overlapping subscriptions of two connections")
                .quiet(A)
                .flush(A, "SUB ov.* 1\r\n")
                .quiet(B)
                .flush(B, "SUB ov.> 2\r\n")
                .flush(A, "PUB ov.x 1\r\n1\r\nPUB ov.x.y 1\r\n2\r\n"),
            script("a duplicate sid is ignored: the first subject stays")
                .quiet(A)
                .flush(A, "SUB dup.a 1\r\nSUB dup.b 1\r\nPUB dup.a 1\r\na\r\nPUB dup.b 1\r\nb\r\n"),
            script("a duplicate sid with the same subject delivers once")
                .quiet(A)
                .flush(A, "SUB dup.c 1\r\nSUB dup.c 1\r\nPUB dup.c 1\r\nc\r\n"),
            script("a duplicate sid in verbose mode still gets its OK")
                .connect(A, r#""verbose":true"#)
                .flush(A, "SUB dup.a 1\r\nSUB dup.b 1\r\n"),
            script("a duplicate sid leaves with one UNSUB")
                .quiet(A)
                .flush(A, "SUB dup.a 1\r\nSUB dup.a 1\r\nUNSUB 1\r\nPUB dup.a 1\r\na\r\n"),
            script("a sid is free again after UNSUB")
                .quiet(A)
                .flush(A, "SUB re.a 1\r\nUNSUB 1\r\nSUB re.b 1\r\nPUB re.a 1\r\na\r\nPUB re.b 1\r\nb\r\n"),
            script("sids of different connections are apart")
                .quiet(A)
                .flush(A, "SUB sid.a 1\r\n")
                .quiet(B)
                .flush(B, "SUB sid.a 1\r\nUNSUB 1\r\n")
                .flush(A, "PUB sid.a 1\r\nx\r\n"),
            script("a subscription is active before the next publish in the same write").quiet(A).flush(
                A,
                "SUB now 1\r\nPUB now 1\r\nx\r\nSUB now2 2\r\nPUB now2 1\r\ny\r\nUNSUB 1\r\nPUB now 1\r\nz\r\n",
            ),
        ],
    );
}

#[test]
fn invalid_subjects() {
    let verbose = |name: &str, line: &str| {
        script(name).connect(A, r#""verbose":true,"pedantic":false"#).flush(A, format!("{line}\r\nPUB ok 0\r\n\r\n"))
    };
    compare(
        "",
        [
            verbose("an empty token in SUB", "SUB foo..bar 1"),
            verbose("a leading dot in SUB", "SUB .foo 1"),
            verbose("a trailing dot in SUB", "SUB foo. 1"),
            verbose("a lone dot in SUB", "SUB . 1"),
            verbose("tokens after greater", "SUB a.>.b 1"),
            verbose("greater first with tokens after", "SUB >.a 1"),
            verbose("two greaters as tokens", "SUB >.> 1"),
            verbose("an invalid subject with a queue", "SUB foo..bar q 1"),
            script("the sid of a refused subscription stays free")
                .quiet(A)
                .flush(A, "SUB a..b 1\r\nSUB valid 1\r\nPUB valid 2\r\nhi\r\n"),
            script("UNSUB of a refused subscription")
                .connect(A, r#""verbose":true"#)
                .flush(A, "SUB a..b 1\r\nUNSUB 1\r\n"),
        ],
    );
}
