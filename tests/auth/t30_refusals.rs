//! Connections that never prove who they are.

use troupe_tests::{A, B, compare, script};

#[test]
fn first_verbs_other_than_connect() {
    let verbs = [
        "PING",
        "PONG",
        "SUB foo 1",
        "PUB foo 2\r\nhi",
        "UNSUB 1",
        "HPUB foo 1 1\r\nx",
        "INFO {}",
        "+OK",
        "-ERR 'x'",
        "X",
        "",
        " CONNECT {}",
        "GET / HTTP/1.1",
        "\0",
        "\u{16}",
    ];
    compare(
        "authorization { token: t }",
        verbs.into_iter().map(|verb| script(format!("{verb:?} first")).flush(A, format!("{verb}\r\n"))),
    );
}

#[test]
fn connects_that_fail_otherwise() {
    compare(
        "authorization { token: t }",
        [
            script("C and then something else").flush(A, "CX\r\n"),
            script("CONNECT with broken JSON").flush(A, "CONNECT {\r\n"),
            script("lower case connect").flush(A, "connect {\"auth_token\":\"t\",\"verbose\":false}\r\n"),
            script("a wrong protocol and a wrong token").connect(A, r#""protocol":5,"auth_token":"x""#),
            script("a wrong protocol and the right token").connect(A, r#""protocol":5,"auth_token":"t""#),
            script("an account and the right token").connect(A, r#""account":"A","auth_token":"t""#),
            script("no_responders without headers and a wrong token")
                .connect(A, r#""no_responders":true,"auth_token":"x""#),
            script("no_responders without headers and the right token")
                .connect(A, r#""verbose":false,"no_responders":true,"auth_token":"t""#),
            script("nothing behind a refused CONNECT is done")
                .connect(B, r#""verbose":false,"auth_token":"t""#)
                .flush(B, "SUB foo 1\r\n")
                .flush(A, "CONNECT {\"auth_token\":\"x\"}\r\nPUB foo 2\r\nhi\r\n"),
            script("a second CONNECT with a wrong token")
                .connect(A, r#""verbose":false,"auth_token":"t""#)
                .connect(A, r#""verbose":false,"auth_token":"x""#),
        ],
    );
}

#[test]
fn silence() {
    compare(
        "authorization { token: t, timeout: 0.8 }",
        [
            script("saying nothing until the timeout").until_closed(A),
            script("half a CONNECT until the timeout").send(A, "CONNECT {\"auth_tok").until_closed(A),
            script("an authorized connection outlives the timeout")
                .connect(A, r#""verbose":false,"auth_token":"t""#)
                .until_closed(B)
                .flush(A, ""),
        ],
    );
}
