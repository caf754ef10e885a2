//! Sizes at and over their limits, and sizes that are none.

use troupe_tests::{A, Script, compare, script};

fn size(size: &str) -> Script {
    script(format!("size {size:?}")).quiet(A).flush(A, format!("SUB foo 1\r\nPUB foo {size}\r\nhi\r\n"))
}

#[test]
fn size_tokens() {
    compare(
        "",
        [
            size("2"),
            size("02"),
            size("000000002"),
            size("0000000002"),
            size("00000000000000000002"),
            size("-1"),
            size("+2"),
            size("2.0"),
            size("0x2"),
            size("two"),
            size("2x"),
            size("1e1"),
            size("999999999"),
            size("9999999999"),
            size("1000000000"),
            size("2147483648"),
            size("4294967298"),
            size("5368709120"),
            size("18446744073709551618"),
        ],
    );
}

#[test]
fn payload_limit() {
    let fits = "x".repeat(100);
    compare(
        "max_payload: 100",
        [
            script("exactly the limit").quiet(A).flush(A, format!("SUB foo 1\r\nPUB foo 100\r\n{fits}\r\n")),
            script("one over the limit").quiet(A).flush(A, format!("SUB foo 1\r\nPUB foo 101\r\n{fits}x\r\n")),
            script("the error comes before the payload is sent").quiet(A).send(A, "PUB foo 101\r\n").until_closed(A),
            script("over the limit before CONNECT").flush(A, "PUB foo 101\r\n"),
            script("over the limit in verbose mode").connect(A, "").flush(A, "PUB foo 101\r\n"),
            script("headers count")
                .quiet_with(A, r#""headers":true"#)
                .flush(A, format!("SUB foo 1\r\nHPUB foo 12 100\r\nNATS/1.0\r\n\r\n{}\r\n", "x".repeat(88))),
            script("headers count, one over").quiet_with(A, r#""headers":true"#).flush(A, "HPUB foo 12 101\r\n"),
            script("the limit stands in the second INFO as well").modern(A),
        ],
    );
}
