//! PUB and what reaches subscribers.

use troupe_tests::{A, B, C, Script, compare, script};

fn listener(name: &str, subscription: &str) -> Script {
    script(name).quiet(B).flush(B, format!("SUB {subscription}\r\n")).quiet(A)
}

#[test]
fn delivery() {
    compare(
        "",
        [
            listener("a message without a reply", "foo 1").flush(A, "PUB foo 5\r\nhello\r\n"),
            listener("a message with a reply", "foo 1").flush(A, "PUB foo inbox.1 5\r\nhello\r\n"),
            listener("an empty payload", "foo 1").flush(A, "PUB foo 0\r\n\r\n"),
            listener("a payload with line ends", "foo 1").flush(A, "PUB foo 10\r\n\r\nPUB x\r\n\n\r\n"),
            listener("a payload with zero bytes and high bytes", "foo 1")
                .flush(A, b"PUB foo 4\r\n\x00\xff\xfe\x00\r\n"),
            listener("a payload over the read buffer", "foo 1")
                .flush(A, format!("PUB foo 70000\r\n{}\r\n", "x".repeat(70_000))),
            listener("a payload of the largest size", "foo 1")
                .flush(A, format!("PUB foo 1048576\r\n{}\r\n", "y".repeat(1_048_576))),
            listener("many messages in one write keep their order", "foo 1").flush(
                A,
                (0..50)
                    .map(|number| format!("PUB foo {}\r\n{number}\r\n", number.to_string().len()))
                    .collect::<String>(),
            ),
            listener("a subject nobody hears", "foo 1").flush(A, "PUB bar 2\r\nhi\r\n"),
            listener("subjects are case-sensitive", "foo 1").flush(A, "PUB Foo 2\r\nhi\r\nPUB foo 2\r\nho\r\n"),
            listener("the sid may be any word", "foo some-sid.with_things/1").flush(A, "PUB foo 2\r\nhi\r\n"),
        ],
    );
}

#[test]
fn several_subscribers() {
    compare(
        "",
        [
            script("one subscriber with several matching subscriptions hears each once, by wildcards")
                .quiet(A)
                .flush(A, "SUB one.a 1\r\n")
                .flush(A, "PUB one.a 1\r\nx\r\nPUB one.b 1\r\ny\r\n"),
            script("two connections hear the same message")
                .quiet(A)
                .flush(A, "SUB two 1\r\n")
                .quiet(B)
                .flush(B, "SUB two 2\r\n")
                .quiet(C)
                .flush(C, "PUB two reply.to 3\r\nabc\r\n"),
            script("a publisher hears itself between its own answers")
                .connect(A, r#""verbose":true,"pedantic":false"#)
                .flush(A, "SUB self 9\r\nPUB self 2\r\nhi\r\nPUB self 2\r\nho\r\n"),
            script("messages of two publishers keep each one's order")
                .quiet(A)
                .flush(A, "SUB order 1\r\n")
                .quiet(B)
                .flush(B, "PUB order 2\r\nb1\r\nPUB order 2\r\nb2\r\n")
                .quiet(C)
                .flush(C, "PUB order 2\r\nc1\r\nPUB order 2\r\nc2\r\n"),
            script("a subscriber that left hears nothing")
                .quiet(A)
                .flush(A, "SUB gone 1\r\n")
                .quiet(B)
                .flush(B, "PUB gone 1\r\n1\r\n")
                .flush(A, "UNSUB 1\r\n")
                .flush(B, "PUB gone 1\r\n2\r\n"),
        ],
    );
}

#[test]
fn pedantic_subjects() {
    let pedantic = |name: &str| script(name).connect(A, r#""verbose":false,"pedantic":true"#);
    compare(
        "",
        [
            pedantic("a literal subject passes").flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n"),
            pedantic("a wildcard is warned about and still published").flush(A, "SUB foo.* 1\r\nPUB foo.* 2\r\nhi\r\n"),
            pedantic("a full wildcard").flush(A, "SUB foo.> 1\r\nPUB foo.> 2\r\nhi\r\n"),
            pedantic("an empty token").flush(A, "PUB foo..bar 2\r\nhi\r\n"),
            pedantic("a leading dot").flush(A, "PUB .foo 2\r\nhi\r\n"),
            pedantic("a trailing dot").flush(A, "PUB foo. 2\r\nhi\r\n"),
            pedantic("a star inside a token is literal").flush(A, "PUB foo.b*r 2\r\nhi\r\nPUB foo.bar> 2\r\nhi\r\n"),
            pedantic("replies are not looked at").flush(A, "SUB foo 1\r\nPUB foo a..b 2\r\nhi\r\n"),
            pedantic("SUB with an invalid subject").flush(A, "SUB foo..bar 1\r\nSUB foo.>.bar 2\r\n"),
            script("pedantic with verbose: the OK follows the error")
                .connect(A, r#""verbose":true,"pedantic":true"#)
                .flush(A, "PUB foo.* 2\r\nhi\r\n"),
        ],
    );
}
