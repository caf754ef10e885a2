//! Corners of replies.

use troupe_tests::{A, B, compare, script};

use super::Enters;

const CONFIG: &str = "server_name: S\naccounts {\n  X { users: [ {user: x, password: p}, {user: responder, password: p, permissions: {publish: {allow: \"none\"}, allow_responses: true}} ], exports: [ {service: svc}, {stream: news} ] }\n  I { users: [ {user: i, password: p}, {user: narrow, password: p, permissions: {publish: svc, subscribe: \"_INBOX.>\"}} ], imports: [ {service: {account: X, subject: svc}}, {stream: {account: X, subject: news}} ] }\n}";

#[test]
fn who_may_reply() {
    compare(
        CONFIG,
        [
            script("one that may only answer")
                .enter(A, "responder")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(A, "PUB <reply> 2\r\nhu\r\n")
                .flush(B, ""),
            script("a requester with few rights")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "narrow")
                .flush(B, "SUB _INBOX.a 1\r\nPUB svc _INBOX.a 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("a reply with a reply of its own")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\nSUB back 2\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> back 2\r\nho\r\n")
                .flush(B, "PUB <reply> 2\r\nhu\r\n")
                .flush(A, ""),
            script("made up reply subjects interest nobody")
                .enter(A, "x")
                .flush(A, "SUB inbox 1\r\nPUB _R_.abcdef.ghijkl inbox 2\r\nhi\r\n"),
            script("a request may not reply to a reply subject of the server")
                .enter(B, "i")
                .flush(B, "PUB svc _R_.abcdef.ghijkl 2\r\nhi\r\n"),
            script("a request that comes in does not leave with a stream")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB svc 1\r\nSUB news 2\r\nPUB svc 2\r\nhi\r\n")
                .flush(A, ""),
        ],
    );
}
