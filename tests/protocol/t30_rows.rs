//! Rows of messages on one subject for several subscribers with the same sid, which the server encodes once.

use troupe_tests::{A, B, C, compare, script};

/// `count` messages on `subject`, told apart by their payload.
fn row(subject: &str, count: usize) -> String {
    (0..count).map(|number| format!("PUB {subject} 3\r\n{number:03}\r\n")).collect()
}

#[test]
fn everybody_hears_the_row_in_order() {
    compare(
        "",
        [
            script("three readers with one sid")
                .quiet(A)
                .flush(A, "SUB row.a 7\r\n")
                .quiet(B)
                .flush(B, "SUB row.a 7\r\n")
                .quiet(C)
                .flush(C, "SUB row.a 7\r\n")
                .flush(A, row("row.a", 40)),
            script("a long row is shared")
                .quiet(A)
                .flush(A, "SUB row.long 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.long 1\r\n")
                .flush(A, row("row.long", 900)),
            script("a row on patterns and on the subject itself")
                .quiet(A)
                .flush(A, "SUB row.> 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.b 1\r\n")
                .flush(B, row("row.b", 5) + &row("row.c", 2) + &row("row.b", 3)),
            script("replies and odd spacing in a row")
                .quiet(A)
                .flush(A, "SUB row.d 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.d 1\r\n")
                .flush(
                    A,
                    "PUB row.d re.1 1\r\na\r\nPUB  row.d\tre.2  1\r\nb\r\nPUB row.d 01\r\nc\r\npub row.d 0\r\n\r\n",
                ),
        ],
    );
}

#[test]
fn a_row_ends_where_its_readers_stop_being_alike() {
    compare(
        "",
        [
            script("the publisher ends its own subscription inside the row")
                .quiet(A)
                .flush(A, "SUB row.e 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.e 1\r\n")
                .flush(A, row("row.e", 3) + "UNSUB 1\r\n" + &row("row.e", 2)),
            script("a limit set inside the row counts what came before")
                .quiet(A)
                .flush(A, "SUB row.f 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.f 1\r\n")
                .flush(A, row("row.f", 3) + "UNSUB 1 4\r\n" + &row("row.f", 3)),
            script("answers stand where they were asked for")
                .quiet(A)
                .flush(A, "SUB row.g 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.g 1\r\n")
                .flush(
                    A,
                    row("row.g", 2) + "PING\r\n" + &row("row.g", 2) + "PUB row.> 0\r\n\r\nPING\r\n" + &row("row.g", 1),
                ),
            script("a publisher without echo")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "SUB row.h 1\r\n")
                .quiet(B)
                .flush(B, "SUB row.h 1\r\n")
                .flush(A, row("row.h", 4)),
            script("headers among plain messages, one reader without headers")
                .modern(A)
                .flush(A, "SUB row.i 1\r\n")
                .quiet_with(B, r#""headers":false"#)
                .flush(B, "SUB row.i 1\r\n")
                .flush(A, row("row.i", 2) + "HPUB row.i 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" + &row("row.i", 1)),
            script("headers for all")
                .modern(A)
                .flush(A, "SUB row.j 1\r\n")
                .modern(B)
                .flush(B, "SUB row.j 1\r\n")
                .flush(A, row("row.j", 1) + "HPUB row.j 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" + &row("row.j", 1)),
        ],
    );
}

#[test]
fn a_denied_reader_does_not_hear_the_row() {
    let users = r#"authorization { users: [
        {user: all, pass: p}, {user: some, pass: p, permissions: {subscribe: {allow: "row.>", deny: "row.k"}}}
    ] }"#;
    compare(
        users,
        [script("two readers of a pattern, one denied the subject")
            .connect(A, r#""user":"all","pass":"p","verbose":false"#)
            .flush(A, "SUB row.> 1\r\n")
            .connect(B, r#""user":"some","pass":"p","verbose":false"#)
            .flush(B, "SUB row.> 1\r\n")
            .flush(A, row("row.k", 3) + &row("row.l", 3))],
    );
}
