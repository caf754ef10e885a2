//! The longest control line.

use troupe_tests::{A, B, Script, compare, script};

/// A SUB whose arguments are `length` bytes long.
fn sub_of(length: usize) -> String {
    format!("SUB {} 1\r\n", "s".repeat(length - 2))
}

fn quietly(name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Script {
    script(name).quiet(A).flush(A, bytes)
}

#[test]
fn default_limit() {
    compare(
        "",
        [4_090, 4_094, 4_095, 4_096, 4_097, 4_098, 5_000]
            .map(|length| quietly(format!("SUB of {length}"), sub_of(length))),
    );
}

#[test]
fn a_small_limit() {
    let long = "x".repeat(300);
    compare(
        "max_control_line: 128",
        [
            quietly("SUB at the limit", sub_of(128)),
            quietly("SUB one over", sub_of(129)),
            quietly("SUB two over", sub_of(130)),
            quietly("SUB three over", sub_of(131)),
            quietly("PUB at the limit", format!("PUB {} 0\r\n\r\n", "p".repeat(126))),
            quietly("PUB over the limit", format!("PUB {} 0\r\n\r\n", "p".repeat(127))),
            quietly("UNSUB over the limit", format!("UNSUB {long}\r\n")),
            quietly("PING with many bytes has no limit", format!("PING {long}\r\n")),
            quietly("PONG with many bytes has no limit", format!("PONG {long}\r\n")),
            quietly("-ERR over the limit", format!("-ERR {long}\r\n")),
            quietly("+OK over the limit", format!("+OK {long}\r\n")),
            quietly("INFO over the limit", format!("INFO {{\"x\":\"{long}\"}}\r\n")),
            script("CONNECT over the limit").flush(A, format!("CONNECT {{\"name\":\"{long}\"}}\r\n")),
            script("CONNECT at the limit")
                .flush(A, format!("CONNECT {{\"verbose\":false,\"name\":\"{}\"}}\r\n", "n".repeat(128 - 27))),
            script("HPUB over the limit")
                .quiet_with(A, r#""headers":true"#)
                .flush(A, format!("HPUB {long} 12 12\r\nNATS/1.0\r\n\r\n\r\n")),
            script("a line that never ends").quiet(A).send(A, format!("SUB {long}")).until_closed(A),
            script("a line that never ends, before CONNECT").send(A, format!("CONNECT {long}")).until_closed(A),
            script("a long line in pieces")
                .quiet(A)
                .send(A, format!("SUB {}", "y".repeat(100)))
                .flush(B, "")
                .send(A, "y".repeat(100))
                .until_closed(A),
            quietly("leading blanks do not count", format!("SUB {}foo 1\r\n", " ".repeat(130))),
        ],
    );
}
