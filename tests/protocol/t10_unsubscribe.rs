//! UNSUB, at once and after a number of messages.

use troupe_tests::{A, B, compare, script};

fn publishes(subject: &str, count: usize) -> String {
    (0..count).map(|number| format!("PUB {subject} 1\r\n{}\r\n", number % 10)).collect()
}

#[test]
fn at_once() {
    compare(
        "",
        [
            script("an unknown sid is accepted").connect(A, r#""verbose":true"#).flush(A, "UNSUB 42\r\n"),
            script("an unknown sid with a maximum").connect(A, r#""verbose":true"#).flush(A, "UNSUB 42 5\r\n"),
            script("twice").connect(A, r#""verbose":true"#).flush(A, "SUB u.a 1\r\nUNSUB 1\r\nUNSUB 1\r\n"),
            script("a maximum of zero removes at once")
                .quiet(A)
                .flush(A, "SUB u.b 1\r\nUNSUB 1 0\r\n")
                .flush(A, publishes("u.b", 2)),
            script("one of two subscriptions leaves")
                .quiet(A)
                .flush(A, "SUB u.c 1\r\nUNSUB 1\r\nSUB u.c 2\r\n")
                .flush(A, publishes("u.c", 1)),
        ],
    );
}

#[test]
fn after_a_number_of_messages() {
    compare(
        "",
        [
            script("the last message is delivered")
                .quiet(A)
                .flush(A, "SUB m.a 1\r\nUNSUB 1 2\r\n")
                .flush(A, publishes("m.a", 4)),
            script("the count starts with the subscription")
                .quiet(A)
                .flush(A, "SUB m.b 1\r\n")
                .flush(A, publishes("m.b", 2))
                .flush(A, "UNSUB 1 3\r\n")
                .flush(A, publishes("m.b", 3)),
            script("a maximum already reached removes at once")
                .quiet(A)
                .flush(A, "SUB m.c 1\r\n")
                .flush(A, publishes("m.c", 3))
                .flush(A, "UNSUB 1 3\r\n")
                .flush(A, publishes("m.c", 2)),
            script("a maximum already passed removes at once")
                .quiet(A)
                .flush(A, "SUB m.d 1\r\n")
                .flush(A, publishes("m.d", 3))
                .flush(A, "UNSUB 1 2\r\n")
                .flush(A, publishes("m.d", 2)),
            script("a later maximum replaces an earlier one")
                .quiet(A)
                .flush(A, "SUB m.e 1\r\nUNSUB 1 1\r\nUNSUB 1 3\r\n")
                .flush(A, publishes("m.e", 5)),
            script("a plain UNSUB cancels a maximum")
                .quiet(A)
                .flush(A, "SUB m.f 1\r\nUNSUB 1 5\r\n")
                .flush(A, publishes("m.f", 1))
                .flush(A, "UNSUB 1\r\n")
                .flush(A, publishes("m.f", 2)),
            script("the sid is free again after the maximum")
                .quiet(A)
                .flush(A, "SUB m.g 1\r\nUNSUB 1 1\r\n")
                .flush(A, publishes("m.g", 2))
                .flush(A, "SUB m.h 1\r\n")
                .flush(A, publishes("m.h", 2)),
            script("messages of another publisher count")
                .quiet(A)
                .flush(A, "SUB m.i 1\r\nUNSUB 1 3\r\n")
                .quiet(B)
                .flush(B, publishes("m.i", 2))
                .flush(A, publishes("m.i", 2))
                .flush(B, publishes("m.i", 2)),
            script("subscribe, limit and publish in one write")
                .quiet(A)
                .flush(A, format!("SUB m.j 1\r\nUNSUB 1 2\r\n{}", publishes("m.j", 3))),
            script("a maximum of nine digits")
                .quiet(A)
                .flush(A, "SUB m.k 1\r\nUNSUB 1 999999999\r\n")
                .flush(A, publishes("m.k", 1)),
            script("a maximum of ten digits").quiet(A).flush(A, "SUB m.l 1\r\nUNSUB 1 9999999999\r\nPUB m.l 0\r\n\r\n"),
            script("a maximum that is no number").quiet(A).flush(A, "SUB m.m 1\r\nUNSUB 1 x\r\nPUB m.m 0\r\n\r\n"),
            script("a negative maximum").quiet(A).flush(A, "SUB m.n 1\r\nUNSUB 1 -1\r\nPUB m.n 0\r\n\r\n"),
        ],
    );
}

/// The server may count deliveries later than it makes them; nobody must see that.
#[test]
fn counts_within_one_read() {
    compare(
        "",
        [
            script("messages of the same read count")
                .quiet(A)
                .flush(A, "SUB r.a 1\r\n")
                .flush(A, publishes("r.a", 2) + "UNSUB 1 2\r\n" + &publishes("r.a", 1))
                .flush(A, "SUB r.a 1\r\n".to_owned() + &publishes("r.a", 1)),
            script("a maximum already reached in the same read frees the sid")
                .quiet(A)
                .flush(A, "SUB r.b 1\r\n")
                .flush(A, publishes("r.b", 2) + "UNSUB 1 2\r\n")
                .flush(A, "SUB r.b 1\r\n".to_owned() + &publishes("r.b", 1)),
            script("messages not heard do not count")
                .connect(A, r#""verbose":false,"echo":false"#)
                .quiet(B)
                .flush(A, "SUB r.c 1\r\n")
                .flush(A, publishes("r.c", 3) + "UNSUB 1 2\r\n")
                .flush(B, publishes("r.c", 3))
                .flush(A, ""),
        ],
    );
}
