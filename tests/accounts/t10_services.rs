//! Services of one account that another one asks.

use troupe_tests::{A, B, C, compare, script};

use super::Enters;

/// Account `X` exports to `I`.
fn config(exports: &str, imports: &str) -> String {
    format!(
        "server_name: S\naccounts {{\n  X {{ users: [ {{user: x, password: p}} ], exports: [ {exports} ] }}\n  I {{ users: [ {{user: i, password: p}} ], imports: [ {imports} ] }}\n}}"
    )
}

#[test]
fn one_reply() {
    compare(
        config("{service: svc}", "{service: {account: X, subject: svc}}"),
        [
            script("a request goes over, its reply comes back, a second one does not")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\nPUB <reply> 2\r\nhu\r\n")
                .flush(B, ""),
            script("nobody offers it").enter(B, "i").flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n"),
            script("without a reply subject")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "PUB svc 2\r\nhi\r\n")
                .flush(A, ""),
            script("headers stay, and one is added")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nHPUB svc inbox 22 24\r\nNATS/1.0\r\nKey: val\r\n\r\nhi\r\n")
                .flush(A, "HPUB <reply> 22 24\r\nNATS/1.0\r\nKey: val\r\n\r\nho\r\n")
                .flush(B, ""),
            script("a header of that name is replaced")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "HPUB svc inbox 34 36\r\nNATS/1.0\r\nNats-Request-Info: x\r\n\r\nhi\r\n")
                .flush(A, ""),
            script("the local account hears it, too")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB svc 1\r\nSUB > 2\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("a queue group answers")
                .enter(A, "x")
                .flush(A, "SUB svc workers 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("the requester has gone")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(B, "UNSUB 1\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n"),
            script("a row of requests, replies in another order")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB in.* 1\r\nPUB svc in.1 1\r\na\r\nPUB svc in.2 1\r\nb\r\nPUB svc in.3 1\r\nc\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("a listener to everything sees the request and the mapped reply")
                .enter(C, "x")
                .flush(C, "SUB > 9\r\n")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(C, ""),
        ],
    );
}

#[test]
fn many_replies() {
    compare(
        config(
            "{service: many, response: stream}, {service: pieces, response: chunked}",
            "{service: {account: X, subject: many}}, {service: {account: X, subject: pieces}}",
        ),
        [
            script("a stream of replies")
                .enter(A, "x")
                .flush(A, "SUB many 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB many inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 1\r\na\r\nPUB <reply> 1\r\nb\r\nPUB <reply> 1\r\nc\r\n")
                .flush(B, ""),
            script("pieces up to an empty one")
                .enter(A, "x")
                .flush(A, "SUB pieces 1\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB pieces inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 1\r\na\r\nPUB <reply> 1\r\nb\r\nPUB <reply> 0\r\n\r\nPUB <reply> 1\r\nc\r\n")
                .flush(B, ""),
        ],
    );
}

#[test]
fn other_names_and_wildcards() {
    compare(
        config(
            "{service: svc}, {service: \"w.*.*\"}, {service: \"all.>\"}, {service: \"x.*\"}",
            "{service: {account: X, subject: svc}, to: local}, {service: {account: X, subject: \"w.*.*\"}, to: \"l.$2.$1\"}, {service: {account: X, subject: \"all.>\"}}, {service: {account: X, subject: x.one}, to: \"y.*\"}",
        ),
        [
            script("a local name")
                .enter(A, "x")
                .flush(A, "SUB svc 1\r\nSUB local 2\r\n")
                .enter(B, "i")
                .flush(B, "SUB inbox 1\r\nPUB local inbox 2\r\nhi\r\nPUB svc inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("wildcards change places")
                .enter(A, "x")
                .flush(A, "SUB w.> 1\r\nSUB x.* 2\r\nSUB all.> 3\r\n")
                .enter(B, "i")
                .flush(B, "PUB l.a.b inbox 2\r\nhi\r\nPUB y.q inbox 2\r\nhi\r\nPUB all.a.b inbox 2\r\nhi\r\n")
                .flush(A, ""),
        ],
    );
}

#[test]
fn a_chain_of_accounts_and_several_exporters() {
    compare(
        "server_name: S\naccounts {\n  A { users: [ {user: a, password: p} ], exports: [ {service: deep} ] }\n  B { users: [ {user: b, password: p} ], exports: [ {service: middle} ], imports: [ {service: {account: A, subject: deep}, to: middle} ] }\n  C { users: [ {user: c, password: p} ], imports: [ {service: {account: B, subject: middle}, to: top} ] }\n  D { users: [ {user: d, password: p} ], imports: [ {service: {account: A, subject: deep}, to: both}, {service: {account: B, subject: middle}, to: both} ] }\n}",
        [
            script("over two fences and back")
                .enter(A, "a")
                .flush(A, "SUB deep 1\r\n")
                .enter(B, "c")
                .flush(B, "SUB inbox 1\r\nPUB top inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("the middle answers, too")
                .enter(A, "b")
                .flush(A, "SUB middle 1\r\n")
                .enter(B, "c")
                .flush(B, "SUB inbox 1\r\nPUB top inbox 2\r\nhi\r\n")
                .flush(A, "PUB <reply> 2\r\nho\r\n")
                .flush(B, ""),
            script("nobody at the end").enter(B, "c").flush(B, "SUB inbox 1\r\nPUB top inbox 2\r\nhi\r\n"),
        ],
    );
}

#[test]
fn sharing_who_asks() {
    compare(
        config("{service: svc}", "{service: {account: X, subject: svc}, share: true}"),
        [script("the service sees the client")
            .enter(A, "x")
            .flush(A, "SUB svc 1\r\n")
            .enter(B, "i")
            .flush(B, "PUB svc inbox 2\r\nhi\r\n")
            .flush(A, "")],
    );
}
