//! `allow_responses`: publishing to the reply of a message one has received.

use troupe_tests::{A, B, C, Conn, Script, compare, script};

fn config(permissions: &str) -> String {
    format!(
        "authorization {{ users: [ {{user: service, password: p, permissions: {{ {permissions} }}}}, {{user: all, password: p}} ] }}"
    )
}

/// A service and a client that has asked it once with the reply `inbox.1`.
fn asked(name: &str) -> Script {
    enter(enter(script(name), A, "service").flush(A, "SUB svc 1\r\n"), B, "all")
        .flush(B, "SUB inbox.> 1\r\nPUB svc inbox.1 1\r\n?\r\n")
        .flush(A, "")
}

fn enter(script: Script, conn: Conn, user: &str) -> Script {
    script.quiet_with(conn, &format!(r#""headers":true,"user":"{user}","pass":"p""#))
}

#[test]
fn one_response_by_default() {
    compare(
        config("subscribe: svc, allow_responses: true"),
        [
            asked("the first response passes, the second does not")
                .flush(A, "PUB inbox.1 1\r\na\r\nPUB inbox.1 1\r\nb\r\n"),
            asked("another reply does not pass").flush(A, "PUB inbox.2 1\r\na\r\n"),
            asked("other subjects do not pass").flush(A, "PUB foo 1\r\na\r\n"),
            asked("a response with headers").flush(A, "HPUB inbox.1 12 13\r\nNATS/1.0\r\n\r\na\r\n"),
            asked("each request opens its own reply")
                .flush(B, "PUB svc inbox.2 1\r\n?\r\n")
                .flush(A, "PUB inbox.2 1\r\nb\r\nPUB inbox.1 1\r\na\r\nPUB inbox.2 1\r\nc\r\n"),
            asked("asking again opens the same reply again")
                .flush(A, "PUB inbox.1 1\r\na\r\n")
                .flush(B, "PUB svc inbox.1 1\r\n?\r\n")
                .flush(A, "PUB inbox.1 1\r\nb\r\nPUB inbox.1 1\r\nc\r\n"),
            enter(script("without a request nothing passes"), A, "service").flush(A, "PUB inbox.1 1\r\na\r\n"),
        ],
    );
}

#[test]
fn several_responses() {
    compare(
        config("subscribe: svc, allow_responses: {max: 3}"),
        [asked("three pass, the fourth does not").flush(A, "PUB inbox.1 1\r\na\r\n".repeat(4))],
    );
    compare(
        config("subscribe: svc, allow_responses: {max: -1, expires: \"1h\"}"),
        [asked("without a limit").flush(A, "PUB inbox.1 1\r\na\r\n".repeat(20))],
    );
    compare(
        config("subscribe: svc, publish: \"open.>\", allow_responses: {max: 1}"),
        [asked("beside allowed subjects")
            .flush(A, "PUB open.x 1\r\na\r\nPUB inbox.1 1\r\nb\r\nPUB inbox.1 1\r\nc\r\nPUB closed 1\r\nd\r\n")],
    );
    compare(
        config("subscribe: svc, publish: {deny: \"inbox.>\"}, allow_responses: true"),
        [asked("a denied subject may be answered on all the same")
            .flush(A, "PUB inbox.1 1\r\na\r\nPUB free 1\r\nb\r\n")],
    );
}

/// The wait is another connection's authorization timeout, longer than the response's expiry.
#[test]
fn expiry() {
    let config = config("subscribe: svc, allow_responses: {max: 5, expires: \"1s\"}");
    compare(
        config.replace("users:", "timeout: 1.5, users:"),
        [asked("in time and too late")
            .flush(A, "PUB inbox.1 1\r\na\r\n")
            .until_closed(C)
            .flush(A, "PUB inbox.1 1\r\nb\r\n")],
    );
}
